// SPDX-License-Identifier: Apache-2.0
#include "compiler/show.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <vector>

#include "compiler/verify/execute.h"
#include "compiler/verify/relation.h"

namespace ecoflow {
namespace {

constexpr int64_t kMostSlots = 20000;

// Symbols of elements: letter, row and column, then what else tells them apart.
class Names {
 public:
  explicit Names(const CompiledLayer& compiled) {
    const auto operands = PassOperands(compiled.pass);
    for (std::size_t k = 0; k < 2; ++k) {
      shapes_[k] = TensorShape(compiled.layer, operands[k]);
      letters_[k] = operands[k] == Tensor::kIfmap ? 'i' : operands[k] == Tensor::kError ? 'e' : 'w';
    }
    result_ = ResultShape(compiled.layer, compiled.pass);
  }
  std::string operator()(const SymbolicWord& word) const {
    if (word.operand < 0) return "0";
    const auto k = static_cast<std::size_t>(word.operand);
    return letters_[k] + Place(shapes_[k], word.element, "");
  }
  std::string Result(int64_t element) const { return Place(result_, element, ","); }

 private:
  static std::string Place(const std::array<int64_t, 4>& s, int64_t element, std::string separator) {
    if (s[2] > 10 || s[3] > 10) separator = ",";
    std::string name = fmt::format("{}{}{}", element / s[3] % s[2], separator, element % s[3]);
    if (s[1] > 1) name += fmt::format("c{}", element / (s[2] * s[3]) % s[1]);
    if (s[0] > 1) name += fmt::format("n{}", element / (s[1] * s[2] * s[3]));
    return name;
  }
  std::array<std::array<int64_t, 4>, 2> shapes_;
  std::array<int64_t, 4> result_;
  std::array<char, 2> letters_;
};

}  // namespace

Result<std::string> ShowMapping(const CompiledLayer& compiled) {
  const HwConfig& hw = compiled.config;
  if (compiled.schedule.passes.empty()) return std::string("no product has two real elements\n");
  ECO_ASSIGN(const ArrayIds ids, ReadIds(hw, compiled.schedule));
  const std::vector<int64_t> pass(static_cast<std::size_t>(compiled.schedule.passes[0].pass_loops -
                                                       compiled.schedule.passes[0].round_loops), 0);
  ECO_ASSIGN(const PassExecutor executor, PassExecutor::Open(hw, compiled.schedule, ids, 0, pass));
  if (executor.Slots() > kMostSlots) {
    return BadInput("--show: the first pass has {} steps of PEs, expected a layer of at most {}",
                    executor.Slots(), kMostSlots);
  }
  const Names name(compiled);
  const Relation relation(compiled.layer, compiled.pass);
  const auto columns = static_cast<std::size_t>(hw.columns);
  const auto pe_name = [&](std::size_t pe) {
    const char* separator = hw.columns > 10 || hw.rows > 10 ? "," : "";
    return fmt::format("PE{}{}{}", pe / columns, separator, pe % columns);
  };

  // Cells of the table, and where the products of each result are.
  std::vector<std::size_t> used;
  std::vector<std::vector<std::string>> cells;
  std::map<int64_t, std::map<std::size_t, std::vector<std::string>, std::greater<>>> labels;
  std::size_t width = 0, steps = 0;
  for (std::size_t pe = 0; pe < static_cast<std::size_t>(hw.pe_count()); ++pe) {
    std::vector<std::string> own;
    bool multiplies = false;
    const Status ran = executor.Run(pe, [&](const SymbolicSlot& s) -> Status {
      std::string cell = "-";
      if (s.multiplies) {
        multiplies = true;
        cell = name(s.a) + "*" + name(s.b);
        if (s.a.operand >= 0 && s.b.operand >= 0) {
          const bool swapped = s.a.operand == 1;
          const int64_t label = relation.ResultOf((swapped ? s.b : s.a).element,
                                                  (swapped ? s.a : s.b).element);
          labels[label][pe].push_back(fmt::format("{} (step {})", cell, own.size()));
          cell += " [" + name.Result(label) + "]";
        }
      }
      cell = (s.starts ? "+" : " ") + cell + (s.ends ? (s.to_above ? " ^" : " >") : "");
      width = std::max(width, cell.size());
      own.push_back(cell);
      return {};
    });
    if (!ran.ok()) return ran.error();
    if (!multiplies) continue;
    used.push_back(pe);
    steps = std::max(steps, own.size());
    cells.push_back(std::move(own));
  }

  const auto operands = PassOperands(compiled.pass);
  const auto elements = [&](std::size_t k) {
    const auto shape = TensorShape(compiled.layer, operands[k]);
    return shape[2] * shape[3];
  };
  std::string out = fmt::format("Symbols: {} {} elements x {} {} elements; first pass of {}\n\n",
                                elements(1), ToString(operands[1]), elements(0),
                                ToString(operands[0]), compiled.schedule.num_passes);
  out += "Multicast groups of each PE (elements that its register files receive)\n";
  for (std::size_t pe : used) {
    std::vector<std::string> group;
    for (const Destination file : {kDestIfmap, kDestFilter}) {
      for (const SymbolicWord& word : executor.Received(pe, file)) {
        if (word.operand < 0) continue;
        const std::string one = name(word);
        if (std::find(group.begin(), group.end(), one) == group.end()) group.push_back(one);
      }
    }
    out += fmt::format("  {}: {{{}}}\n", pe_name(pe), fmt::join(group, ", "));
  }
  out += "\nProducts, step by step (+ starts a psum, ^ sends it up, > sends it out)\n\n  step";
  for (std::size_t pe : used) out += fmt::format("  {:<{}}", pe_name(pe), width);
  out += "\n";
  for (std::size_t step = 0; step < steps; ++step) {
    out += fmt::format("  {:>4}", step);
    for (const auto& column : cells) {
      out += fmt::format("  {:<{}}", step < column.size() ? column[step] : "", width);
    }
    out += "\n";
  }
  out += "\nProducts that add up\n";
  for (const auto& [label, by_pe] : labels) {
    out += fmt::format("  [{}]", name.Result(label));
    bool first = true;
    for (const auto& [pe, products] : by_pe) {
      out += fmt::format("{} {}: {}", first ? "" : "  -> up to", pe_name(pe), fmt::join(products, " + "));
      first = false;
    }
    out += "\n";
  }
  return out;
}

}  // namespace ecoflow
