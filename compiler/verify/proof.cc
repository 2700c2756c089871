// SPDX-License-Identifier: Apache-2.0
#include "compiler/verify/proof.h"

#include <algorithm>
#include <unordered_set>
#include <vector>

#include "compiler/verify/execute.h"
#include "compiler/verify/relation.h"

namespace ecoflow {
namespace {

template <typename... Args>
Error Broken(fmt::format_string<Args...> format, Args&&... args) {
  return Machinery("internal error, the schedule is wrong: {}",
                   fmt::format(format, std::forward<Args>(args)...));
}

// A sum on its way: the result that its products belong to, kNoProduct as long as it has none; kNoResult where they belong
// to none, because padding cuts it away.
constexpr int64_t kNoProduct = -1, kNoResult = -2;
struct Sum {
  bool live = false;
  int64_t label = kNoProduct;
};

class Prover {
 public:
  Prover(const Layer& layer, Pass pass, const HwConfig& hw, const Schedule& schedule,
         const ProofOptions& options)
      : relation_(layer, pass), hw_(hw), schedule_(schedule), options_(options) {}

  Status Prepare() {
    ECO_ASSIGN(ids_, ReadIds(hw_, schedule_));
    return {};
  }

  // Follows the psums of a round from the bottom row to the top and out.
  Status FollowPass(std::size_t part, const std::vector<int64_t>& pass) {
    const int64_t share = options_.most_part_slots / std::ssize(schedule_.passes);
    ECO_ASSIGN(const PassExecutor executor, PassExecutor::Open(hw_, schedule_, ids_, part, pass,
                                                                std::min(options_.most_pass_slots, share)));
    slots_ += executor.Slots();
    if (!executor.AllChosen()) sampled_columns_ = true;
    // Products are kept only when they will be counted.
    const bool first = slots_ == executor.Slots();
    const bool part_of_many = first && schedule_.num_passes > 1 && slots_ > options_.most_slots;
    if (sampled_columns_ || part_of_many) ForgetProducts();
    const auto columns = static_cast<std::size_t>(hw_.columns);
    // By PE: sums that go out, in order; sums that go up, with the number of the slot.
    std::vector<std::vector<int64_t>> out(static_cast<std::size_t>(hw_.pe_count()));
    std::vector<std::vector<std::pair<int64_t, int64_t>>> up(out.size());
    for (std::size_t pe = out.size(); pe-- > 0;) {
      if (!executor.Chosen(pe)) continue;
      const bool bottom = pe + columns >= out.size();
      static const std::vector<std::pair<int64_t, int64_t>> kNone;
      const auto& below = bottom ? kNone : up[pe + columns];
      std::vector<Sum> file(static_cast<std::size_t>(std::max(1, hw_.psum_depth)));  // slots without a result look at one
      std::size_t taken = 0, sent = 0;
      int64_t number = 0;
      const Status followed = executor.Run(pe, [&](const SymbolicSlot& s) -> Status {
        Sum& sum = file[static_cast<std::size_t>(s.result_ok ? s.psum : 0)];
        if (s.starts) {
          if (sum.live) return Broken("PE {} starts a psum before it ended the last", pe);
          sum = {true, kNoProduct};
        }
        if (s.result_ok && !sum.live) return Broken("PE {} continues a psum that was not started", pe);
        if (s.from_below) {
          if (taken == below.size()) {
            return Broken("PE {} waits for a psum that the PE below does not send", pe);
          }
          ECO_RETURN_IF_ERROR(Add(pe, sum, below[taken++].first));
        }
        if (s.multiplies) ECO_RETURN_IF_ERROR(Multiply(pe, s, sum));
        if (s.ends) {
          sum.live = false;
          if (!s.to_above) {
            out[pe].push_back(sum.label);
          } else if (pe < columns) {
            return Broken("PE {} sends a psum out of the array", pe);
          } else {
            up[pe].emplace_back(sum.label, number);
          }
        }
        // Both PEs at the same slot: psums sent and not yet taken must fit the queue.
        while (sent < below.size() && below[sent].second < number) ++sent;
        if (sent > taken + static_cast<std::size_t>(hw_.queue_depth)) {
          return Broken("more than {} psums wait in PE {}", hw_.queue_depth, pe);
        }
        ++number;
        return {};
      });
      if (!followed.ok()) return followed;
      for (const Sum& sum : file) {
        if (sum.live) return Broken("PE {} leaves a psum behind", pe);
      }
      if (taken != below.size()) return Broken("PE {} does not take all psums from below", pe);
    }
    return TakeResults(executor, part, pass, out);
  }

  // Slots of the accumulator, over all passes; `most` words are followed.
  Status FollowAccumulator(int64_t most) const {
    constexpr int64_t kNone = -1;
    std::vector<int64_t> live(static_cast<std::size_t>(hw_.accumulator_slots()), kNone);  // address, by slot
    std::vector<bool> complete(static_cast<std::size_t>(relation_.Results()));
    for (const GonDescriptor& d : schedule_.gon) {
      for (NestCursor cursor(d.nest); !cursor.done(); cursor.Next()) {
        if (--most < 0) return {};
        const auto [real, first, last] = MovesOf(d, cursor);
        const int64_t address = cursor[d.address], slot = cursor[d.slot];
        if (!real) {
          if (slot < 0 || slot >= std::ssize(live)) return Broken("accumulator slot {} does not exist", slot);
          if (live[static_cast<std::size_t>(slot)] != kNone) {
            return Broken("a sum of no result takes accumulator slot {} from result {}", slot, live[static_cast<std::size_t>(slot)]);
          }
          continue;
        }
        if (address < 0 || address >= relation_.Results()) return Broken("result {} does not exist", address);
        if (complete[static_cast<std::size_t>(address)]) return Broken("result {} is completed twice", address);
        if (last) complete[static_cast<std::size_t>(address)] = true;
        if (first && last) continue;
        if (slot < 0 || slot >= std::ssize(live)) return Broken("accumulator slot {} does not exist", slot);
        int64_t& sum = live[static_cast<std::size_t>(slot)];
        if (sum != (first ? kNone : address)) {
          return Broken("accumulator slot {} does not hold the sum of result {}", slot, address);
        }
        sum = last ? kNone : address;
      }
    }
    const auto left = std::ssize(live) - std::count(live.begin(), live.end(), kNone);
    if (left > 0) return Broken("{} sums are never completed", left);
    return {};
  }

  // All passes were followed: every product once.
  Status CountProducts(int64_t useful_macs) {
    std::sort(products_.begin(), products_.end());
    if (std::adjacent_find(products_.begin(), products_.end()) != products_.end()) {
      return Broken("a product is computed twice");
    }
    if (static_cast<int64_t>(products_.size()) != useful_macs) {
      return Broken("{} products are computed, the pass has {}", products_.size(), useful_macs);
    }
    return {};
  }

  int64_t slots() const { return slots_; }
  bool sampled_columns() const { return sampled_columns_; }
  bool collects() const { return collect_; }
  void ForgetProducts() {
    collect_ = false;
    products_ = {};
  }

 private:
  static Status Add(std::size_t pe, Sum& sum, int64_t label) {
    if (label == kNoProduct) return {};
    if (sum.label != kNoProduct && sum.label != label) return Broken("PE {} adds up two labels", pe);
    sum.label = label;
    return {};
  }

  Status Multiply(std::size_t pe, const SymbolicSlot& s, Sum& sum) {
    if (s.a.operand < 0 || s.b.operand < 0) {
      if (options_.fillers) return {};
      return Broken("PE {} multiplies a filler", pe);
    }
    if (s.a.operand == s.b.operand) return Broken("PE {} multiplies two of one operand", pe);
    const int64_t first = s.a.operand == 0 ? s.a.element : s.b.element;
    const int64_t second = s.a.operand == 0 ? s.b.element : s.a.element;
    if (first < 0 || first >= relation_.Elements(0) || second < 0 || second >= relation_.Elements(1)) {
      return Broken("PE {} is sent an element that does not exist", pe);
    }
    const int64_t label = relation_.ResultOf(IndexOf(0, first), IndexOf(1, second));
    if (label < 0) {
      if (options_.fillers) return Add(pe, sum, kNoResult);
      return Broken("PE {} computes a product of no result", pe);
    }
    if (collect_) products_.push_back(static_cast<uint64_t>(first) << 32 | static_cast<uint64_t>(second));
    return Add(pe, sum, label);
  }

  // Of an element of an operand; the last ones are kept.
  const Relation::Index& IndexOf(std::size_t operand, int64_t element) {
    Known& known = known_[operand][static_cast<std::size_t>(element) % known_[operand].size()];
    if (known.element != element) known = {element, relation_.IndexOf(operand, element)};
    return known.index;
  }

  // The GON takes each sum, in order, and files it under its label.
  Status TakeResults(const PassExecutor& executor, std::size_t part, const std::vector<int64_t>& pass,
                     const std::vector<std::vector<int64_t>>& out) {
    std::vector<std::size_t> taken(out.size(), 0);
    for (const GonDescriptor& d : schedule_.gon) {
      if (static_cast<std::size_t>(d.part) != part) continue;
      NestCursor cursor(d.nest);
      for (cursor.Seek(pass); !cursor.done(); cursor.Next()) {
        const auto pe = static_cast<std::size_t>(cursor[d.row] * hw_.columns + cursor[d.col]);
        if (!executor.Chosen(pe)) continue;
        if (taken[pe] == out[pe].size()) return Broken("the GON waits for PE {} in vain", pe);
        const int64_t label = out[pe][taken[pe]++];
        if (label == kNoProduct) continue;
        if (!MovesOf(d, cursor).real) {
          if (label != kNoResult) return Broken("the GON drops label {}", label);
        } else if (label != cursor[d.address]) {
          return Broken("the GON files label {} under {}", label, cursor[d.address]);
        }
      }
    }
    for (std::size_t pe = 0; pe < out.size(); ++pe) {
      if (taken[pe] != out[pe].size()) return Broken("a result of PE {} is not taken", pe);
    }
    return {};
  }

  Relation relation_;
  struct Known {
    int64_t element = -1;
    Relation::Index index;
  };
  std::array<std::array<Known, 1024>, 2> known_;  // of both operands
  const HwConfig& hw_;
  const Schedule& schedule_;
  ProofOptions options_;
  ArrayIds ids_;
  bool collect_ = true;
  std::vector<uint64_t> products_;
  int64_t slots_ = 0;
  bool sampled_columns_ = false;
};

}  // namespace

Result<ProofCoverage> Prove(const Layer& layer, Pass pass, const HwConfig& hw,
                            const Schedule& schedule, int64_t useful_macs,
                            const ProofOptions& options) {
  ProofCoverage coverage;
  if (schedule.passes.empty()) return coverage;
  Prover prover(layer, pass, hw, schedule, options);
  ECO_RETURN_IF_ERROR(prover.Prepare());
  int64_t passes_in_all = 0;
  for (const PassDescriptor& d : schedule.passes) {
    coverage.of_passes += NumRounds(d);
    passes_in_all += NumPasses(d);
  }
  if (passes_in_all != schedule.num_passes) {
    return Broken("{} passes are said to be {}", passes_in_all, schedule.num_passes);
  }
  const auto follow = [&](int64_t number) {
    std::size_t part = 0;
    for (int64_t of_part; number >= (of_part = NumRounds(schedule.passes[part])); ++part) {
      number -= of_part;
    }
    const PassDescriptor& passes = schedule.passes[part];
    std::vector<int64_t> index(static_cast<std::size_t>(passes.pass_loops - passes.round_loops));
    for (std::size_t l = index.size(); l-- > 0;) {
      index[l] = number % passes.nest.loops[l].bound;
      number /= passes.nest.loops[l].bound;
    }
    return prover.FollowPass(part, index);
  };
  // The first of each part, the last, then halves of the way between, quarters, ... until the slots
  // are used up.
  std::vector<int64_t> order;
  int64_t first = 0;
  for (const PassDescriptor& d : schedule.passes) {
    order.push_back(first);
    first += NumRounds(d);
  }
  const auto parts = static_cast<int64_t>(order.size());
  if (order.back() != coverage.of_passes - 1) order.push_back(coverage.of_passes - 1);
  std::unordered_set<int64_t> seen(order.begin(), order.end());
  ECO_RETURN_IF_ERROR(follow(0));
  const int64_t affordable = std::max(
      parts, std::min(coverage.of_passes,
                      1 + options.most_slots / std::max<int64_t>(1, prover.slots())));
  if (affordable < coverage.of_passes || prover.sampled_columns()) prover.ForgetProducts();
  for (int64_t ways = 2; static_cast<int64_t>(order.size()) < affordable; ways *= 2) {
    for (int64_t k = 1; k < ways && static_cast<int64_t>(order.size()) < affordable; ++k) {
      const int64_t number = k * coverage.of_passes / ways;
      if (seen.insert(number).second) order.push_back(number);
    }
    if (ways > coverage.of_passes) {  // fill up
      for (int64_t k = 0; static_cast<int64_t>(order.size()) < affordable; ++k) {
        if (seen.insert(k).second) order.push_back(k);
      }
    }
  }
  for (coverage.passes = 1; coverage.passes < affordable; ++coverage.passes) {
    ECO_RETURN_IF_ERROR(follow(order[static_cast<std::size_t>(coverage.passes)]));
  }
  coverage.all_columns = !prover.sampled_columns();
  if (coverage.complete() && prover.collects()) ECO_RETURN_IF_ERROR(prover.CountProducts(useful_macs));
  ECO_RETURN_IF_ERROR(prover.FollowAccumulator(options.most_slots));
  return coverage;
}

}  // namespace ecoflow
