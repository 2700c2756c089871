// SPDX-License-Identifier: Apache-2.0
#include "area/synthesis.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "base/numbers.h"
#include "base/process.h"

namespace ecoflow {
namespace fs = std::filesystem;

namespace {

constexpr double kMaxArea = 1e12;  // of a module or cell, in the library's unit

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

// Yosys prints public names with a leading backslash in some places and without in others.
std::string PlainName(std::string name) {
  if (!name.empty() && name.front() == '\\') name.erase(0, 1);
  return name;
}


}  // namespace

Result<CellLibrary> ParseLiberty(const std::string& text, const std::string& file) {
  CellLibrary library;
  static const std::regex kStart(R"re(\b(library|cell)\s*\(\s*"?([^")\s]+)"?\s*\))re");
  static const std::regex kArea(R"re(\barea\s*:\s*"?([0-9.eE+-]+))re");
  static const std::regex kState(R"re(\b(ff|latch)\s*\()re");
  std::string cell;
  double area = 0;
  bool area_known = false;
  // One pass over the lines: the first area after `cell (` is the cell's.
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_search(line, match, kStart)) {
      if (match[1] == "library") {
        library.name = match[2];
      } else {
        cell = match[2];
        area_known = false;
      }
    }
    if (cell.empty()) continue;
    if (!area_known && std::regex_search(line, match, kArea)) {
      ECO_ASSIGN(area, TextReal(match[1].str(), file, "cell " + cell + ": area", 0, kMaxArea));
      area_known = true;
    }
    if (std::regex_search(line, match, kState) && area_known) {
      if (match[1] == "ff") {
        if (area > 0 && (library.flip_flop_area == 0 || area < library.flip_flop_area)) {
          library.flip_flop_area = area;
        }
      } else if (!library.latch || area < library.latch_area) {
        library.latch = cell;
        library.latch_area = area;
      }
    }
  }
  if (library.name.empty() || cell.empty()) {
    return BadInput("{}: is no cell library, expected a Liberty file with library and cell groups",
                    file);
  }
  if (library.flip_flop_area == 0) {
    return BadInput("{}: library {} has no flip-flop with an area", file, library.name);
  }
  return library;
}

std::optional<double> LefMacroArea(const std::string& text, const std::string& macro) {
  std::istringstream words(text);
  bool inside = false;
  for (std::string word; words >> word;) {
    if (word == "MACRO") {
      words >> word;
      inside = word == macro;
    } else if (inside && word == "SIZE") {
      std::string width, by, height;
      words >> width >> by >> height;
      const auto w = TextReal(width, "LEF", "SIZE", 0, kMaxArea);
      const auto h = TextReal(height, "LEF", "SIZE", 0, kMaxArea);
      if (w.ok() && h.ok() && by == "BY") return w.value() * h.value();
      return std::nullopt;
    }
  }
  return std::nullopt;
}

Result<std::map<std::string, double>> ParseStat(const std::string& text) {
  std::map<std::string, double> areas;
  std::vector<std::string> unknown;
  std::istringstream lines(text);
  static const std::regex kHeader(R"re(^=== (.*) ===$)re");
  static const std::regex kArea(R"re(^\s*Chip area for module '(.*)': ([0-9.eE+-]+)$)re");
  static const std::regex kUnknown(R"re(^\s*Area for cell type (.*) is unknown!$)re");
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_match(line, match, kHeader)) {
      if (match[1] == "design hierarchy") break;  // sums over instances, which we make ourselves
      areas[PlainName(match[1])] = 0;             // a module without cells has no area line
    } else if (std::regex_match(line, match, kArea)) {
      ECO_ASSIGN(areas[PlainName(match[1])],
                 TextReal(match[2].str(), "stat.txt", match[1].str(), 0, kMaxArea));
    } else if (std::regex_match(line, match, kUnknown)) {
      unknown.push_back(PlainName(match[1]));
    }
  }
  if (areas.empty()) return Machinery("yosys: stat names no module");
  for (const std::string& cell : unknown) {
    // Instances of modules have no area of their own either; those are not library cells.
    if (areas.contains(cell) || cell.find("eco_") != std::string::npos) continue;
    return Machinery("yosys: the library gives no area for cell {}", cell);
  }
  return areas;
}

std::string BaseName(const std::string& module) {
  if (!module.starts_with("$paramod")) return module;
  const auto begin = module.find('\\');
  if (begin == std::string::npos) return module;
  return module.substr(begin + 1, module.find('\\', begin + 1) - begin - 1);
}

std::optional<std::string> FindNetlistProblem(const std::string& log) {
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    const auto has = [&](const char* text) { return line.find(text) != std::string::npos; };
    if (has("is used but has no driver") || has("multiple conflicting drivers") ||
        (has("Latch inferred for signal") && !has("No latch inferred"))) {
      return line;
    }
    if (has("selection is not empty") && has("t:$dlatch")) {  // our own check, see word_level.ys
      std::string heading, latch;
      std::getline(lines, heading);
      std::getline(lines, latch);
      return "latch inferred: " + latch;
    }
  }
  return std::nullopt;
}

Result<Design> Design::FromJson(const std::string& json) {
  const auto parsed = nlohmann::json::parse(json, nullptr, false);
  if (parsed.is_discarded() || !parsed.contains("modules")) {
    return Machinery("yosys: write_json wrote no design");
  }
  Design design;
  const auto& modules = parsed["modules"];
  for (const auto& [name, module] : modules.items()) {
    auto& children = design.modules_[PlainName(name)];
    for (const auto& [instance, cell] : module["cells"].items()) {
      const std::string type = cell["type"];
      if (modules.contains(type)) children[PlainName(instance)] = PlainName(type);
    }
  }
  return design;
}

std::vector<std::string> Design::Modules() const {
  std::vector<std::string> names;
  for (const auto& [name, children] : modules_) names.push_back(name);
  return names;
}

std::vector<std::string> Design::WithBase(const std::string& base) const {
  std::vector<std::string> found;
  for (const auto& [name, children] : modules_) {
    if (BaseName(name) == base) found.push_back(name);
  }
  return found;
}

Result<std::string> Design::Find(const std::string& base) const {
  auto found = WithBase(base);
  if (found.size() != 1) {
    return Machinery("area: the design has {} variants of module {}, expected one", found.size(),
                     base);
  }
  return std::move(found.front());
}

const std::map<std::string, std::string>& Design::Children(const std::string& module) const {
  static const std::map<std::string, std::string> kNone;
  const auto at = modules_.find(module);
  return at == modules_.end() ? kNone : at->second;
}

Result<std::string> Design::Child(const std::string& module, const std::string& instance) const {
  const auto& children = Children(module);
  const auto at = children.find(instance);
  if (at == children.end()) {
    return Machinery("area: module {} has no instance {}", BaseName(module), instance);
  }
  return at->second;
}

Result<double> Design::OwnArea(const std::string& module) const {
  const auto at = areas_.find(module);
  if (at == areas_.end()) return Machinery("area: module {} was not synthesised", BaseName(module));
  return at->second;
}

Result<double> Design::TreeArea(const std::string& module) const {
  ECO_ASSIGN(double area, OwnArea(module));
  for (const auto& [instance, child] : Children(module)) {
    ECO_ASSIGN(const double below, TreeArea(child));
    area += below;
  }
  return area;
}

Result<Synthesiser> Synthesiser::Create(const std::string& liberty_text,
                                        const std::string& abc_text) {
  const auto version = RunProgram({{"yosys", "-V"}, {}, {}});
  if (!version.ok()) {
    return Machinery("yosys is missing or does not start: install it (scripts/install.sh)");
  }
  std::istringstream words(version.value());
  std::string name, number;
  words >> name >> number;
  ECO_ASSIGN(TemporaryFolder folder, TemporaryFolder::Create());
  const Status written = WriteFileAtomically(folder.path() / "cells.lib", liberty_text);
  if (!written.ok()) return Machinery("{}", written.error().message);
  Synthesiser yosys(std::move(folder), name + " " + number);
  for (const auto& [file, part] : {std::pair{"area/word_level.ys", &yosys.word_level_},
                                   std::pair{"area/cell_level.ys", &yosys.cell_level_}}) {
    auto text = ReadFile(SourceRoot() / file);
    if (!text.ok()) return Machinery("{}", text.error().message);
    *part = std::move(text).value();
  }
  constexpr std::string_view kAbc = "@ABC@";
  const auto at = yosys.cell_level_.find(kAbc);
  if (at == std::string::npos) return Machinery("area/cell_level.ys: has no @ABC@");
  yosys.cell_level_.replace(at, kAbc.size(), abc_text.empty() ? "" : "-script abc.txt");
  const Status abc = WriteFileAtomically(yosys.folder_.path() / "abc.txt", abc_text);
  if (!abc.ok()) return Machinery("{}", abc.error().message);
  return yosys;
}

Result<std::string> Synthesiser::Run(const std::string& script) {
  const auto written = WriteFileAtomically(folder_.path() / "script.ys", script);
  if (!written.ok()) return Machinery("{}", written.error().message);
  // Names are relative to the folder: abc does not understand spaces in paths.
  const auto ran = RunProgram(
      {{"yosys", "-q", "-T", "-s", "script.ys"}, folder_.path(), {{"TMPDIR", folder_.path().string()}}});
  const std::string& log = ran.ok() ? ran.value() : ran.error().message;
  if (const auto problem = FindNetlistProblem(log)) return Machinery("yosys: {}", *problem);
  if (!ran.ok()) {
    const auto at = log.find("ERROR:");
    return Machinery("yosys: {}", FirstLine(at == std::string::npos ? log : log.substr(at)));
  }
  std::error_code ec;
  const fs::path stat = folder_.path() / "stat.txt";
  if (!fs::exists(stat, ec)) return std::string();
  auto text = ReadFile(stat);
  fs::remove(stat, ec);
  if (!text.ok()) return Machinery("{}", text.error().message);
  return text;
}

Result<Design> Synthesiser::Elaborate(const Bundle& bundle) {
  const fs::path rtl = folder_.path() / "rtl";
  std::error_code ec;
  fs::remove_all(rtl, ec);
  const Status written = WriteBundle(bundle, rtl);
  if (!written.ok()) return Machinery("{}", written.error().message);
  read_ = "read_verilog -sv -DSYNTHESIS";
  std::istringstream files(bundle.at("files.f"));
  for (std::string word; files >> word;) {
    constexpr std::string_view kInclude = "+incdir+";
    if (word.starts_with(kInclude)) read_ += " -Irtl/" + word.substr(kInclude.size());
    if (word.ends_with(".sv")) read_ += " rtl/" + word;
  }
  read_ += "\nhierarchy -check -top eco_top\n";
  ECO_ASSIGN(const std::string none, Run(read_ + "proc\nopt_clean\nwrite_json design.json\n"));
  const auto json = ReadFile(folder_.path() / "design.json");
  if (!json.ok()) return Machinery("{}", json.error().message);
  return Design::FromJson(json.value());
}

Status Synthesiser::Synthesise(Design& design, const std::vector<std::string>& black_boxes) {
  std::string script = read_;
  for (const std::string& module : black_boxes) script += "blackbox " + module + "\n";
  script += word_level_;
  const auto stat = Run(script + cell_level_);
  if (!stat.ok()) return stat.error();
  auto areas = ParseStat(stat.value());
  if (!areas.ok()) return areas.error();
  design.SetAreas(std::move(areas).value());
  return {};
}

Result<double> Synthesiser::EnabledFlipFlopArea() {
  // Words with common data inputs, as in a register file, but all of them visible.
  constexpr int kWords = 16;
  const std::string module = fmt::format(
      "module eco_area_cells(input logic clk_i, input logic [{0}:0] we_i, d_i,\n"
      "                      output logic [{1}:0] q_o);\n"
      "  for (genvar k = 0; k <= {0}; k++) begin : gen_word\n"
      "    always_ff @(posedge clk_i) if (we_i[k]) q_o[k*{2} +: {2}] <= d_i;\n"
      "  end\nendmodule\n",
      kWords - 1, kWords * kWords - 1, kWords);
  const auto written = WriteFileAtomically(folder_.path() / "cell.sv", module);
  if (!written.ok()) return Machinery("{}", written.error().message);
  ECO_ASSIGN(const std::string stat,
             Run(std::string("read_verilog -sv cell.sv\n") +
                 "hierarchy -check -top eco_area_cells\n" + word_level_ + cell_level_));
  ECO_ASSIGN(const auto areas, ParseStat(stat));
  const auto at = areas.find("eco_area_cells");
  if (at == areas.end()) return Machinery("yosys: stat of a register is not understood");
  return at->second / (kWords * kWords);
}

}  // namespace ecoflow
