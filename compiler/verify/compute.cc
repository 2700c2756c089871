// SPDX-License-Identifier: Apache-2.0
#include "compiler/verify/compute.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "base/bf16.h"
#include "compiler/verify/execute.h"

namespace ecoflow {
namespace {

template <typename... Args>
Error Damaged(fmt::format_string<Args...> format, Args&&... args) {
  return BadInput("image.json: the schedule is damaged: {}",
                  fmt::format(format, std::forward<Args>(args)...));
}

template <typename... Args>
Error Stuck(fmt::format_string<Args...> format, Args&&... args) {
  return Machinery("the schedule cannot be executed: {}",
                   fmt::format(format, std::forward<Args>(args)...));
}

// The arithmetic of a number format on bit patterns, as rtl/arith/<format> has it.
struct Int16Arithmetic {  // modulo 2^32
  static uint32_t Add(uint32_t a, uint32_t b) { return a + b; }
  static uint32_t MultiplyAdd(int16_t a, int16_t b, uint32_t sum) {
    return sum + static_cast<uint32_t>(int32_t{a} * int32_t{b});
  }
};

struct Bf16Arithmetic {  // each sum rounded to fp32
  static uint32_t Add(uint32_t a, uint32_t b) { return Bits(std::bit_cast<float>(a) + std::bit_cast<float>(b)); }
  static uint32_t MultiplyAdd(int16_t a, int16_t b, uint32_t sum) {
    return Bits(std::fma(Bf16ToFloat(static_cast<uint16_t>(a)), Bf16ToFloat(static_cast<uint16_t>(b)),
                         std::bit_cast<float>(sum)));
  }

 private:
  static uint32_t Bits(float value) { return std::isnan(value) ? kFp32Nan : std::bit_cast<uint32_t>(value); }
};

template <typename Arithmetic>
class Computer {
 public:
  Computer(const Schedule& schedule, const HwConfig& hw, const std::vector<int16_t>& first,
           const std::vector<int16_t>& second, int64_t elements)
      : schedule_(schedule),
        hw_(hw),
        operands_{&first, &second},
        out_(static_cast<std::size_t>(hw.pe_count())),
        up_(out_.size()),
        psums_(static_cast<std::size_t>(hw.psum_depth)),
        accumulator_(static_cast<std::size_t>(hw.accumulator_slots())),
        result_(static_cast<std::size_t>(elements)),
        delivered_(result_.size()) {}

  Status Prepare() {
    ECO_ASSIGN(ids_, ReadIds(hw_, schedule_));
    return {};
  }

  // The round of a part with these indices of its loops over rounds.
  Status RunPass(std::size_t part, const std::vector<int64_t>& pass) {
    ECO_ASSIGN(const PassExecutor executor, PassExecutor::Open(hw_, schedule_, ids_, part, pass));
    for (std::size_t pe = out_.size(); pe-- > 0;) {  // psums climb: the bottom row first
      ECO_RETURN_IF_ERROR(RunPe(executor, pe));
    }
    taken_.assign(out_.size(), 0);
    for (const GonDescriptor& d : schedule_.gon) {
      if (static_cast<std::size_t>(d.part) != part) continue;
      NestCursor cursor(d.nest);
      cursor.Seek(pass);
      ECO_RETURN_IF_ERROR(TakeResults(d, cursor));
    }
    for (std::size_t pe = 0; pe < out_.size(); ++pe) {
      if (taken_[pe] != out_[pe].size()) return Stuck("a result of PE {} is not taken", pe);
    }
    return {};
  }

  std::vector<int32_t> TakeResult() const { return {result_.begin(), result_.end()}; }

 private:
  Status RunPe(const PassExecutor& executor, std::size_t pe) {
    const auto columns = static_cast<std::size_t>(hw_.columns);
    static const std::vector<uint32_t> kNone;
    const auto& below = pe + columns < up_.size() ? up_[pe + columns] : kNone;
    auto& out = out_[pe];
    auto& up = up_[pe];
    out.clear();
    up.clear();
    std::size_t taken = 0;
    const Status followed = executor.Run(pe, [&](const SymbolicSlot& s) -> Status {
      if (!s.result_ok) return {};
      uint32_t& sum = psums_[static_cast<std::size_t>(s.psum)];
      if (s.starts) sum = 0;
      uint32_t from_below = 0;
      if (s.from_below) {
        if (taken == below.size()) {
          return Stuck("PE {} waits for a psum that the PE below does not send", pe);
        }
        from_below = below[taken++];
        if (!s.below_at_end) sum = from_below;  // it starts the sum
      }
      if (s.multiplies) {
        int16_t a = 0, b = 0;
        ECO_RETURN_IF_ERROR(Load(s.a, a));
        ECO_RETURN_IF_ERROR(Load(s.b, b));
        sum = Arithmetic::MultiplyAdd(a, b, sum);
      }
      if (s.from_below && s.below_at_end) sum = Arithmetic::Add(sum, from_below);
      if (s.ends) (s.to_above ? up : out).push_back(sum);
      return {};
    });
    if (!followed.ok()) return followed;
    if (taken != below.size()) return Stuck("PE {} does not take all psums from below", pe);
    if (pe < columns && !up.empty()) return Stuck("PE {} sends a psum out of the array", pe);
    return {};
  }

  Status Load(const SymbolicWord& word, int16_t& value) const {
    if (word.operand < 0) return {};  // a filler is zero
    const auto& tensor = *operands_[static_cast<std::size_t>(word.operand)];
    const auto at = static_cast<std::size_t>(word.element);
    if (at >= tensor.size()) {
      return Damaged("element {} of operand {} does not exist", word.element, word.operand);
    }
    value = tensor[at];
    return {};
  }

  // The words of a pass that leave the array, in the order of the descriptor.
  Status TakeResults(const GonDescriptor& d, NestCursor& cursor) {
    for (; !cursor.done(); cursor.Next()) {
      const int64_t row = cursor[d.row], column = cursor[d.col];
      if (row < 0 || row >= hw_.rows || column < 0 || column >= hw_.columns) {
        return Damaged("PE {},{} does not exist", row, column);
      }
      const auto pe = static_cast<std::size_t>(row * hw_.columns + column);
      if (taken_[pe] == out_[pe].size()) return Stuck("the GON waits for PE {} in vain", pe);
      uint32_t word = out_[pe][taken_[pe]++];
      const auto [real, first, last] = MovesOf(d, cursor);
      if (!first || !last) {
        const auto slot = static_cast<std::size_t>(cursor[d.slot]);
        if (slot >= accumulator_.size()) {
          return Damaged("accumulator slot {} does not exist", cursor[d.slot]);
        }
        if (!first) word = Arithmetic::Add(word, accumulator_[slot]);
        if (!last) accumulator_[slot] = word;
      }
      if (!last) continue;
      const auto at = static_cast<std::size_t>(cursor[d.address]);
      if (at >= result_.size() || delivered_[at]) {
        return Machinery("result element {} was delivered twice or does not exist",
                         cursor[d.address]);
      }
      delivered_[at] = true;
      result_[at] = word;
    }
    return {};
  }

  const Schedule& schedule_;
  const HwConfig& hw_;
  std::array<const std::vector<int16_t>*, 2> operands_;
  ArrayIds ids_;
  std::vector<std::vector<uint32_t>> out_, up_;  // by PE: sums of this pass for GON, PE above
  std::vector<std::size_t> taken_;               // of out_, by the GON
  std::vector<uint32_t> psums_, accumulator_, result_;
  std::vector<bool> delivered_;
};

// Calls `visit` with part and indices of the loops of each round, in the order in which they run.
template <typename Visit>
Status ForEachRound(const Schedule& schedule, Visit visit) {
  for (std::size_t part = 0; part < schedule.passes.size(); ++part) {
    const PassDescriptor& d = schedule.passes[part];
    if (static_cast<std::size_t>(d.pass_loops) + 2 != d.nest.loops.size()) {
      return Damaged("{} pass loops of {}", d.pass_loops, d.nest.loops.size());
    }
    std::vector<int64_t> index(static_cast<std::size_t>(d.pass_loops - d.round_loops), 0);
    for (bool more = true; more;) {
      ECO_RETURN_IF_ERROR(visit(part, index));
      more = false;
      for (std::size_t l = index.size(); l-- > 0 && !more;) {
        more = ++index[l] < d.nest.loops[l].bound;
        if (!more) index[l] = 0;
      }
    }
  }
  return {};
}

template <typename Arithmetic>
Result<std::vector<int32_t>> Compute(const Schedule& schedule, const HwConfig& hw,
                                           const std::vector<int16_t>& first,
                                           const std::vector<int16_t>& second, int64_t elements,
                                           const ComputeOptions& options) {
  Computer<Arithmetic> computer(schedule, hw, first, second, elements);
  ECO_RETURN_IF_ERROR(computer.Prepare());
  int64_t done = 0;
  const Status computed = ForEachRound(schedule, [&](std::size_t part, const std::vector<int64_t>& pass) {
    const Status status = computer.RunPass(part, pass);
    if (options.progress) {
      options.progress(static_cast<double>(++done) /
                       static_cast<double>(std::max<int64_t>(1, schedule.num_passes)));
    }
    return status;
  });
  if (!computed.ok()) return computed.error();
  return computer.TakeResult();
}

}  // namespace

Result<std::vector<int32_t>> ComputeResult(const Schedule& schedule, const HwConfig& hw,
                                           const std::vector<int16_t>& first,
                                           const std::vector<int16_t>& second, int64_t elements,
                                           const ComputeOptions& options) {
  const auto compute = hw.floating_point() ? Compute<Bf16Arithmetic> : Compute<Int16Arithmetic>;
  return compute(schedule, hw, first, second, elements, options);
}

}  // namespace ecoflow
