#include "compiler/show.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <vector>

#include "compiler/dataflow/transposed.h"
#include "compiler/verify/proof.h"

namespace ecoflow {
namespace {

constexpr std::size_t kMostSlots = 20000;

}  // namespace

Result<std::string> ShowMapping(const CompiledLayer& compiled) {
  const HwConfig& hw = compiled.config;
  const TransposedProblem p = MakeTransposedProblem(compiled.layer);
  if (p.empty) return std::string("no product has two real elements\n");
  ECO_ASSIGN(const auto slots, ExecuteSymbolically(p, hw, compiled.schedule, {0, 0, 0, 0}, 0));
  std::size_t steps = 0, total = 0;
  std::vector<std::size_t> used;
  for (std::size_t pe = 0; pe < slots.size(); ++pe) {
    const bool multiplies = std::any_of(slots[pe].begin(), slots[pe].end(),
                                        [](const SymbolicSlot& s) { return s.multiplies; });
    if (!multiplies) continue;
    used.push_back(pe);
    steps = std::max(steps, slots[pe].size());
    total += slots[pe].size();
  }
  if (total > kMostSlots) {
    return BadInput("--show: the first pass has {} products, expected a layer of at most {}", total,
                    kMostSlots);
  }
  const int64_t map = p.in[0] * p.in[1], taps = p.full_kernel[0] * p.full_kernel[1];
  const bool one_filter = p.red == 1, one_image = p.batch == 1;
  const auto error = [&](int64_t e) {
    std::string name = fmt::format("e{}{}", e / p.in[1] % p.in[0], e % p.in[1]);
    if (p.in[0] > 10 || p.in[1] > 10) name = fmt::format("e{},{}", e / p.in[1] % p.in[0], e % p.in[1]);
    if (!one_filter) name += fmt::format("f{}", e / map % p.red);
    if (!one_image) name += fmt::format("n{}", e / (p.groups * p.red * map));
    return name;
  };
  const auto tap = [&](int64_t w) {
    std::string name = fmt::format("w{}{}", w / p.full_kernel[1] % p.full_kernel[0], w % p.full_kernel[1]);
    if (!one_filter) name += fmt::format("f{}", w / (p.outc * taps) % p.red);
    return name;
  };
  const auto gradient = [&](int64_t label) {
    return fmt::format("{},{}", label / p.out[1] % p.out[0], label % p.out[1]);
  };
  const auto pe_name = [&](std::size_t pe) {
    return fmt::format("PE{}{}", pe / static_cast<std::size_t>(hw.columns),
                       pe % static_cast<std::size_t>(hw.columns));
  };

  std::string out = fmt::format(
      "Symbols (Sec. 4.1.1): {} filter elements x {} error elements; first pass of {}, first channel\n\n",
      p.kernel[0] * p.kernel[1], map, compiled.schedule.num_passes);
  out += "Multicast groups\n";
  for (std::size_t pe : used) {
    std::vector<std::string> names;
    for (const SymbolicSlot& s : slots[pe]) {
      if (!s.multiplies) continue;
      const std::string name = error(s.error);
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
    out += fmt::format("  {}: {{{}}}\n", pe_name(pe), fmt::join(names, ", "));
  }
  out += "\nProducts, step by step (+ starts a psum, ^ sends it up, > sends it out)\n\n  step";
  std::size_t width = 0;
  std::vector<std::vector<std::string>> cells(used.size());
  for (std::size_t k = 0; k < used.size(); ++k) {
    for (const SymbolicSlot& s : slots[used[k]]) {
      std::string cell = s.multiplies ? tap(s.filter) + "*" + error(s.error) : "-";
      if (s.multiplies) cell += " [" + gradient(s.label) + "]";
      cell = (s.starts ? "+" : " ") + cell + (s.ends ? (s.to_above ? " ^" : " >") : "");
      width = std::max(width, cell.size());
      cells[k].push_back(cell);
    }
  }
  for (std::size_t pe : used) out += fmt::format("  {:<{}}", pe_name(pe), width);
  out += "\n";
  for (std::size_t step = 0; step < steps; ++step) {
    out += fmt::format("  {:>4}", step);
    for (const auto& column : cells) out += fmt::format("  {:<{}}", step < column.size() ? column[step] : "", width);
    out += "\n";
  }
  out += "\nLabels that meet\n";
  std::map<int64_t, std::map<std::size_t, std::vector<std::string>, std::greater<>>> labels;
  for (std::size_t pe : used) {
    for (std::size_t step = 0; step < slots[pe].size(); ++step) {
      const SymbolicSlot& s = slots[pe][step];
      if (s.multiplies) labels[s.label][pe].push_back(fmt::format("{}*{} (step {})", tap(s.filter), error(s.error), step));
    }
  }
  for (const auto& [label, by_pe] : labels) {
    out += fmt::format("  [{}]", gradient(label));
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
