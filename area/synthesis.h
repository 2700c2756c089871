// SPDX-License-Identifier: Apache-2.0
// Yosys as a function: modules of an RTL bundle in, area of each module out.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/result.h"
#include "gen/emit/emit.h"

namespace ecoflow {

// What the study needs of a Liberty file; areas in the library's unit.
struct CellLibrary {
  std::string name;
  double flip_flop_area = 0;         // smallest flip-flop
  std::optional<std::string> latch;  // a latch cell
  double latch_area = 0;             // 0: the library does not tell (osu018 does not)
};
// Fails (bad input) when `text` is no cell library or one without flip-flops. `file` is for
// messages.
Result<CellLibrary> ParseLiberty(const std::string& text, const std::string& file);

// Area of a macro in a LEF file, SIZE width BY height: a second source for cell areas.
std::optional<double> LefMacroArea(const std::string& text, const std::string& macro);

// Area of the cells that each module holds itself, without those of the modules below it, from the
// text of Yosys' `stat -liberty`. Fails when a library cell has no area.
Result<std::map<std::string, double>> ParseStat(const std::string& text);

// `$paramod$0123\eco_pe` or `$paramod\eco_pe\Depth=...` -> `eco_pe`.
std::string BaseName(const std::string& module);

// The line of a Yosys log that says that the netlist is not what the RTL means (undriven nets,
// several drivers, latches), or nothing.
std::optional<std::string> FindNetlistProblem(const std::string& log);

// An elaborated design: modules with their instances, and after Synthesise the areas.
class Design {
 public:
  // `json`: what Yosys' write_json writes.
  static Result<Design> FromJson(const std::string& json);

  // The only module of that base name; fails when there is none or more than one.
  Result<std::string> Find(const std::string& base) const;
  // The module that `instance` of `module` is.
  Result<std::string> Child(const std::string& module, const std::string& instance) const;
  // instance -> module.
  const std::map<std::string, std::string>& Children(const std::string& module) const;
  std::vector<std::string> Modules() const;
  std::vector<std::string> WithBase(const std::string& base) const;

  void SetAreas(std::map<std::string, double> areas) { areas_ = std::move(areas); }
  // Of the cells in the module itself; fails for modules that were not synthesised.
  Result<double> OwnArea(const std::string& module) const;
  // With all modules below it.
  Result<double> TreeArea(const std::string& module) const;

 private:
  std::map<std::string, std::map<std::string, std::string>> modules_;
  std::map<std::string, double> areas_;
};

// Runs Yosys in a temporary folder.
class Synthesiser {
 public:
  // `abc_text`: commands for abc in place of those that Yosys gives it.
  static Result<Synthesiser> Create(const std::string& liberty_text,
                                    const std::string& abc_text = "");

  const std::string& version() const { return version_; }  // "Yosys 0.23"

  // Elaborates eco_top of a bundle. Further calls of Synthesise work on this bundle.
  Result<Design> Elaborate(const Bundle& bundle);

  // Areas of all modules but `black_boxes`.
  Status Synthesise(Design& design, const std::vector<std::string>& black_boxes);

  // Area of a flip-flop with enable, the cell that register files are made of.
  Result<double> EnabledFlipFlopArea();

 private:
  Synthesiser(TemporaryFolder folder, std::string version)
      : folder_(std::move(folder)), version_(std::move(version)) {}
  // Runs a script; its `stat`.
  Result<std::string> Run(const std::string& script);

  TemporaryFolder folder_;
  std::string version_;
  std::string word_level_, cell_level_;  // area/*.ys
  std::string read_;  // script line that reads the RTL
};

}  // namespace ecoflow
