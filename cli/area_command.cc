// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "area/area.h"
#include "base/files.h"
#include "cli/commands.h"

namespace ecoflow {

Result<ExitCode> AreaCommand(const AreaOptions& options) {
  if (!options.json.empty()) ECO_RETURN_IF_ERROR(CheckWritable(options.json, "--json"));
  ECO_ASSIGN(const HwConfig config, LoadHwConfig(options.config));
  std::string abc;
  if (!options.abc.empty()) {
    const auto text = ReadFile(options.abc);
    if (!text.ok()) return BadInput("--abc {}", text.error().message);
    abc = text.value();
  }
  const bool terminal = ::isatty(2) != 0;
  const auto note = [&](const std::string& text) {
    if (!terminal) return;
    PrintProgress(fmt::format("\r\033[K{}{}", text, text.empty() ? "" : " ..."));
  };
  const auto report = MeasureArea(
      config, options.liberty.empty() ? kDefaultLiberty : options.liberty, note, abc);
  note("");
  if (!report.ok()) return report.error();
  if (!options.json.empty()) {
    ECO_RETURN_IF_ERROR(WriteFileAtomically(options.json, ToJson(report.value()).dump(2) + "\n"));
  }
  ECO_RETURN_IF_ERROR(PrintOut(ToText(report.value())));
  return ExitCode::kOk;
}

}  // namespace ecoflow
