// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"
#include "cli/commands.h"
#include "gen/emit/emit.h"
#include "gen/handoff/handoff.h"

namespace ecoflow {

Result<ExitCode> GenCommand(const GenOptions& options) {
  ECO_ASSIGN(const HwConfig config, LoadHwConfig(options.config));
  ECO_ASSIGN(Bundle bundle, GenerateRtl(config));
  ECO_RETURN_IF_ERROR(AddHandOff(config, bundle));
  ECO_RETURN_IF_ERROR(MakeOutputFolder(options.out, "--out"));
  ECO_RETURN_IF_ERROR(WriteBundle(bundle, options.out));
  ECO_RETURN_IF_ERROR(PrintOut(fmt::format("{}: {} x {} PEs, {} files in {}\n", config.name,
                                           config.rows, config.columns, bundle.size(), options.out)));
  return ExitCode::kOk;
}

}  // namespace ecoflow
