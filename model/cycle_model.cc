// SPDX-License-Identifier: Apache-2.0
#include "model/cycle_model.h"

#include <algorithm>
#include <chrono>

#include "isa/array_errors.h"
#include "model/array.h"
#include "model/skipper.h"

namespace ecoflow {
namespace {

constexpr int64_t kCheckCycles = 1024;  // between looks at what costs time to look at

// All that decides what the array does next, while its ports are quiet.
struct ArrayState {
  std::vector<uint64_t> pes;
  GonState gon;
  PortState port;
  bool operator==(const ArrayState&) const = default;
};
ArrayState StateOf(const TimingArray& array) {
  ArrayState state;
  array.Save(state.pes);
  state.gon = array.gon();
  state.port = array.port();
  return state;
}

// Setup words may set IDs and loaders, nothing that belongs to a pass.
Status CheckSetup(const std::vector<uint64_t>& setup) {
  std::size_t at = 0;
  while (at < setup.size()) {
    const uint64_t header = setup[at];
    const auto address = static_cast<int>(header >> 32 & 63);
    const auto count = static_cast<std::size_t>(header >> 39 & 0xffff);
    const bool scatter = (header >> 38 & 1) != 0;
    const auto last = address + (scatter ? 0 : static_cast<int>(count) - 1);
    if (count == 0 || address <= kCfgParam || last > kCfgRowNarrow ||
        (address <= kCfgDump && last >= kCfgDump)) {
      return BadInput("image.json: schedule.setup is damaged");
    }
    at += count + 1;
  }
  if (at != setup.size()) return BadInput("image.json: schedule.setup is damaged");
  return {};
}

int64_t Work(int64_t simulated, const Skipper& skipper) { return simulated + 8 * skipper.skipped_stretches(); }

// All that was counted so far.
CycleCounts Counted(Skipper& skipper, const HwConfig& config) {
  const TimingArray::Counters total = skipper.Total();
  CycleCounts counts;
  counts.cycles = total.cycles;
  counts.simulated_cycles = total.cycles - skipper.skipped_cycles();
  counts.config_cycles = total.config;
  counts.wide_words = total.wide;
  counts.narrow_words = total.narrow;
  counts.gon_words = total.gon;
  counts.output_words = total.output;
  counts.gon_held_cycles = total.gon_held;
  counts.pe.resize(total.pe.size() / kNumPeCounters);
  for (std::size_t pe = 0; pe < counts.pe.size(); ++pe) {
    for (std::size_t k = 0; k < kNumPeCounters; ++k) {
      counts.pe[pe][k] = total.pe[pe * kNumPeCounters + k];
      if (counts.pe[pe][k] >> config.counter_bits != 0) counts.errors |= uint64_t{1} << kErrCounter;
    }
  }
  return counts;
}

// Of the useful products, those issued: more than is done where zeros are multiplied.
double ShareOfProducts(const CycleCounts& counts, int64_t products) {
  if (products == 0) return 0;
  uint64_t issued = 0;
  for (const PeCounts& pe : counts.pe) issued += pe[kCntIssued];
  return std::min(1.0, static_cast<double>(issued) / static_cast<double>(products));
}

// Whether a run that is done by `share` is behind one of `most` cycles by so much of these that it will not catch up.
bool IsSlow(int64_t cycles, double share, int64_t most) {
  constexpr double kBehind = 0.02;
  return static_cast<double>(cycles) > (share + kBehind) * static_cast<double>(most);
}

}  // namespace

Result<CycleCounts> PredictCycles(const Schedule& schedule, const HwConfig& config,
                                  const CycleModelOptions& options) {
  ECO_RETURN_IF_ERROR(CheckSetup(schedule.setup));
  const auto begin = std::chrono::steady_clock::now();
  TimingArray array(schedule, config);
  Skipper skipper(array, schedule);
  bool still = false;  // nothing moves, and nothing ever will
  int64_t count_from = 0;  // cycles from which on products are counted again
  for (int64_t step = 0; !array.Finished(); ++step) {
    const bool check = step % kCheckCycles == 0;
    const bool quiet = check && array.quiet() >= kCheckCycles;
    ArrayState before, after;
    if (quiet) before = StateOf(array);
    array.Step();
    if (quiet) {
      after = StateOf(array);
      still = before == after;
    }
    if (options.skip) skipper.AfterStep();
    const int64_t so_far = skipper.cycles() + array.counters.cycles;
    const int64_t work = Work(step, skipper);
    const bool over = so_far > options.most_cycles;
    // By the stream alone first: counting products takes time.
    const bool may_be_slow = check && options.products > 0 && so_far >= count_from &&
                             IsSlow(so_far, array.wide_parts.share(), options.most_cycles);
    if (over || work >= options.most_work || may_be_slow) {
      CycleCounts given_up = Counted(skipper, config);
      given_up.complete = false;
      given_up.work = work;
      given_up.share = std::max(array.wide_parts.share(), ShareOfProducts(given_up, options.products));
      given_up.too_slow = over || (may_be_slow && IsSlow(so_far, given_up.share, options.most_cycles));
      if (given_up.too_slow || work >= options.most_work) return given_up;
      count_from = so_far + so_far / 16;
    }
    if (!check) continue;
    if (options.progress) {
      options.progress(array.wide_parts.share(), so_far);
    }
    if (const std::string error = array.StreamError(); !error.empty()) {
      return BadInput("image.json: the schedule is damaged: {}", error);
    }
    if (still || array.quiet() > options.watchdog_cycles) {
      return Machinery("watchdog: nothing moved for {} cycles; the streams wait: {}", array.quiet(),
                       array.Waiting());
    }
  }
  if (const std::string error = array.StreamError(); !error.empty()) {
    return BadInput("image.json: the schedule is damaged: {}", error);
  }
  CycleCounts counts = Counted(skipper, config);
  counts.work = Work(counts.simulated_cycles, skipper);
  counts.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return counts;
}

}  // namespace ecoflow
