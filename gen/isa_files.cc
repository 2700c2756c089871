// SPDX-License-Identifier: Apache-2.0
// Writes the files of the repository that are made from isa/*.def: rtl/eco_pkg.sv, docs/isa.md.
//
// usage: isa_files [--check]     (--check: write nothing; exit 1 if one is out of date)
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "gen/emit/emit.h"
#include "isa/pe_image.h"
#include "isa/tables.h"

namespace ecoflow {
namespace {

std::string Row(const std::vector<std::string>& cells) {
  std::string out = "|";
  for (const std::string& cell : cells) out += " " + cell + " |";
  return out + "\n";
}
std::string Head(const std::vector<std::string>& cells) {
  std::string out = Row(cells) + "|";
  for (std::size_t k = 0; k < cells.size(); ++k) out += "---|";
  return out + "\n";
}

std::string Page() {
  std::string out =
      "# ISA\n\nWritten by `build/bin/isa_files` from `isa/*.def`; do not edit. What hardware and software share: words of the\n"
      "PE image, addresses, counters, errors. In the RTL constants are those of `eco_pkg`, for each field `<Field>Lsb` and\n"
      "`<Field>Bits` of `eco_image_pkg`; in C++ a constant has a `k` before its name.\n\n"
      "## PE image\n\nWords of 64 bits. Word 0 is of group Mode, word 1 Limit, words 2 + 2 l and 3 + 2 l of the groups\n"
      "LevelFiles and LevelCoordinates are the record of loop level l; one more record is for the end of the pass.\n"
      "Group Param is the pass word (`CfgParam`). Signed fields are in two's complement; bits that no field has are not looked at.\n";
  std::string group;
  for (const ImageField& field : ImageFields()) {
    if (group != field.group) {
      group = field.group;
      out += "\n### " + group + "\n\n" + Head({"field", "bits", "signed", "meaning"});
    }
    const int high = field.lsb + field.bits - 1;
    out += Row({"`" + std::string(field.name) + "`",
                field.bits == 1 ? std::to_string(high) : fmt::format("{}:{}", high, field.lsb),
                field.is_signed ? "yes" : "", field.meaning});
  }
  for (const IsaTable& table : IsaTables()) {
    const bool reported = !table.constants.front().report_name.empty();
    out += "\n## " + table.title + "\n\n" + table.comment + "\n\n";
    out += reported ? Head({"name", "value", "in reports", "meaning"}) : Head({"name", "value", "meaning"});
    for (const IsaConstant& constant : table.constants) {
      std::vector<std::string> cells = {"`" + constant.name + "`", std::to_string(constant.value)};
      if (reported) cells.push_back("`" + constant.report_name + "`");
      cells.push_back(constant.meaning);
      out += Row(cells);
    }
  }
  return out;
}

int Run(bool check) {
  int status = 0;
  for (const auto& [name, text] : {std::pair{"rtl/eco_pkg.sv", ConstantsPackage()}, std::pair{"docs/isa.md", Page()}}) {
    const auto path = SourceRoot() / name;
    if (!check) {
      if (const Status written = WriteFileAtomically(path, text); !written.ok()) {
        PrintError(written.error().message);
        return static_cast<int>(ExitCode::kMachinery);
      }
      continue;
    }
    const auto old = ReadFile(path);
    if (old.ok() && old.value() == text) continue;
    PrintError(std::string(name) + " is out of date: run build/bin/isa_files");
    status = 1;
  }
  return status;
}

}  // namespace
}  // namespace ecoflow

int main(int argc, char** argv) {
  const bool check = argc == 2 && std::string_view(argv[1]) == "--check";
  if (argc > 1 && !check) {
    ecoflow::PrintError("usage: isa_files [--check]");
    return static_cast<int>(ecoflow::ExitCode::kBadInput);
  }
  return ecoflow::Run(check);
}
