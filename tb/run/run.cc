// SPDX-License-Identifier: Apache-2.0
#include "tb/run/run.h"

#include <chrono>
#include <bit>
#include <deque>
#include <random>

#include "base/bf16.h"
#include "compiler/verify/compute.h"
#include "isa/array_errors.h"
#include "isa/pe_image.h"
#include "tb/drivers/streams.h"

namespace ecoflow {
namespace {

// A word that waits at a port: presented at random times, then held until it is taken.
class Presenter {
 public:
  Presenter(double stall, std::mt19937& random) : stall_(stall), random_(random) {}
  bool Valid(bool has_word) {
    if (!has_word) return false;
    if (!presented_) presented_ = stall_ == 0 || chance_(random_) >= stall_;
    return presented_;
  }
  void Taken() { presented_ = false; }

 private:
  double stall_;
  std::mt19937& random_;
  std::uniform_real_distribution<double> chance_{0, 1};
  bool presented_ = false;
};

void Drive(ArrayPins::Gin& pins, bool valid, const GinBeat& beat) {
  pins.valid = valid;
  if (!valid) return;
  pins.row = static_cast<uint8_t>(beat.row_tag);
  pins.col = static_cast<uint8_t>(beat.col_tag);
  pins.dest = static_cast<uint8_t>(beat.destination);
  pins.count = static_cast<uint8_t>(beat.count);
  for (std::size_t k = 0; k < pins.words.size(); ++k) {
    pins.words[k] = static_cast<uint16_t>(beat.words[k]);
  }
}

void Drive(ArrayPins& pins, bool valid, const GonCommand& command, int lanes) {
  pins.gon_valid = valid;
  if (!valid) return;
  pins.gon_end = command.end;
  pins.gon_enabled = pins.gon_first = pins.gon_last = 0;
  for (int k = 0; k < lanes; ++k) {
    const auto& lane = command.lanes[static_cast<std::size_t>(k)];
    pins.gon_enabled |= static_cast<uint32_t>(lane.enabled) << k;
    pins.gon_first |= static_cast<uint32_t>(lane.first) << k;
    pins.gon_last |= static_cast<uint32_t>(lane.last) << k;
    pins.gon_row[static_cast<std::size_t>(k)] = static_cast<uint32_t>(lane.row);
    pins.gon_col[static_cast<std::size_t>(k)] = static_cast<uint32_t>(lane.col);
    pins.gon_slot[static_cast<std::size_t>(k)] = static_cast<uint32_t>(lane.slot);
  }
}

uint64_t ReadStat(ArrayModel& model, ArrayPins& pins, int select) {
  pins.stat_select = static_cast<uint8_t>(select);
  model.Settle(pins);
  return pins.stat;
}

// "; the array says: ..." when it keeps errors.
std::string ErrorSuffix(ArrayModel& model, ArrayPins& pins) {
  const std::string text = ArrayErrorText(ReadStat(model, pins, kStatErrors));
  return text.empty() ? "" : "; the array says: " + text;
}

// Asks every PE for its counters, which leave through the GON.
Result<std::vector<PeCounts>> ReadCounters(const HwConfig& hw, ArrayModel& model) {
  std::vector<PeCounts> counters;
  ArrayPins pins;
  pins.out_ready = true;
  const std::array<uint64_t, 2> dump = {
      ConfigHeader(0, hw.rows - 1, 0, hw.columns - 1, kCfgDump, false, 1), 0};
  std::size_t sent = 0;
  int named = 0, received = 0;
  const int total = hw.pe_count() * static_cast<int>(kPeCounters.size());
  for (int idle = 0; received < total; ++idle) {
    if (idle > 10000) return Machinery("the counters of the PEs cannot be read");
    pins.cfg_valid = sent < dump.size();
    if (pins.cfg_valid) pins.cfg_data = dump[sent];
    GonCommand command;
    const int pe = named / static_cast<int>(kPeCounters.size());
    command.lanes[0] = {true, pe / hw.columns, pe % hw.columns, true, true, 0, 0};
    Drive(pins, named < total, command, hw.gon_lanes());
    model.Settle(pins);
    if (pins.cfg_valid && pins.cfg_ready) ++sent;
    if (pins.gon_valid && pins.gon_ready) ++named;
    if (pins.out_valid) {
      if (received % static_cast<int>(kPeCounters.size()) == 0) counters.emplace_back();
      counters.back()[static_cast<std::size_t>(received) % kPeCounters.size()] = pins.out_words[0];
      ++received;
      idle = 0;
    }
    model.Clock();
  }
  return counters;
}

}  // namespace

int64_t RunResult::Sum(std::size_t counter) const {
  int64_t sum = 0;
  for (const auto& one : pe) sum += one[counter];
  return sum;
}

Result<Values> ParseValues(const std::string& name) {
  if (name == "normal") return Values::kNormal;
  if (name == "integers") return Values::kIntegers;
  if (name == "special") return Values::kSpecial;
  return BadInput("--values {}: expected normal, integers or special", name);
}

std::vector<int16_t> RandomTensor(int64_t elements, uint64_t seed, bool floating_point, Values values) {
  std::mt19937_64 random(seed);
  std::vector<int16_t> tensor(static_cast<std::size_t>(elements));
  if (!floating_point) {
    for (int16_t& value : tensor) {
      const uint64_t bits = random();
      value = (bits >> 16) % 8 == 0 ? int16_t{0} : static_cast<int16_t>(bits & 0xffff);
    }
    return tensor;
  }
  std::normal_distribution<float> normal;
  constexpr std::array<uint16_t, 10> kRare = {0x0000, 0x8000, 0x0001, 0x807f, 0x0080, 0x8035, 0x2000, 0x7f7f, 0x7f80, 0xffc1};
  constexpr std::size_t kFinite = 7;  // of them, the first ones: with larger ones most results would be NaN
  // Few magnitudes, so that sums cancel to the last bits; the exponent of such a tensor may be that of the smallest
  // numbers, so that products and sums are about the smallest normal fp32.
  constexpr std::array<uint16_t, 8> kClose = {0x3f80, 0x3f81, 0x3f7f, 0x3fff, 0x4000, 0x3f00, 0x3fc0, 0x4040};
  constexpr uint16_t kTiny = 125 << 7;
  const bool close = values == Values::kSpecial && seed / 2 % 3 != 0;  // both operands of a layer
  const bool tiny = values == Values::kSpecial && seed % 6 == 4;      // the first one
  for (int16_t& value : tensor) {
    const uint64_t bits = random();
    const float real = values == Values::kIntegers ? static_cast<float>(static_cast<int>(bits % 31) - 15) : normal(random);
    uint16_t word = RoundToBf16(real);
    if (close) word = static_cast<uint16_t>((kClose[(bits >> 24) % kClose.size()] - (tiny ? kTiny : 0)) | (bits >> 48 & 0x8000));
    if (values == Values::kSpecial) {
      if (bits % 4 == 0) word = kRare[(bits >> 8) % kFinite];
      if (bits % 512 == 1) word = static_cast<uint16_t>(kRare[kFinite + (bits >> 16) % (kRare.size() - kFinite)] ^ (bits >> 48 & 0x8000));
    } else if (values != Values::kIntegers && bits % 8 == 0) {
      word = 0;
    }
    value = static_cast<int16_t>(word);
  }
  return tensor;
}

int32_t RoundPsum(int32_t fp32) {
  return static_cast<int32_t>(uint32_t{RoundToBf16(std::bit_cast<float>(fp32))} << 16);
}

Result<Comparison> CompareRun(const CompiledLayer& compiled, const std::vector<int16_t>& first,
                              const std::vector<int16_t>& second, const RunResult& run, bool computed) {
  const bool real = compiled.config.floating_point();
  std::vector<int32_t> in_order;
  if (real && !computed) {
    ECO_ASSIGN(in_order, ComputeResult(compiled.schedule, compiled.config, first, second, static_cast<int64_t>(run.output.size()), {}));
    if (run.rounded) std::transform(in_order.begin(), in_order.end(), in_order.begin(), RoundPsum);
  }
  return CompareWithGolden(compiled.layer, compiled.pass, first, second, run.output, real, run.rounded,
                           run.Sum(kCntIssued) != compiled.useful_macs, in_order);
}

Result<RunResult> RunOnArray(const CompiledLayer& compiled, ArrayModel& model,
                             const std::vector<int16_t>& first, const std::vector<int16_t>& second,
                             const RunOptions& options) {
  const HwConfig& hw = compiled.config;
  const Schedule& schedule = compiled.schedule;
  const auto shape = ResultShape(compiled.layer, compiled.pass);
  const auto elements = static_cast<std::size_t>(shape[0] * shape[1] * shape[2] * shape[3]);
  RunResult result;
  result.output.assign(elements, 0);
  result.rounded = options.round_results;
  std::vector<char> written(elements, 0);

  std::mt19937 random(options.stall_seed);
  ConfigStream config(schedule, hw);
  GinStream wide(schedule.wide, hw.wide_lanes(), {&first, &second});
  GinStream narrow(schedule.narrow, hw.narrow_lanes(), {&first, &second});
  GonStream gon(schedule.gon, hw);
  Presenter config_port(options.stall, random), wide_port(options.stall, random);
  Presenter narrow_port(options.stall, random), gon_port(options.stall, random);
  std::uniform_real_distribution<double> chance(0, 1);
  // Where the words of each output beat belong: lane -> element, in the order of the commands.
  std::deque<std::array<int64_t, kMaxGonLanes>> expected;

  const auto begin = std::chrono::steady_clock::now();
  options.clear ? model.Clear() : model.Reset();
  ArrayPins pins;
  int64_t quiet = 0;
  for (int64_t cycle = 0;; ++cycle) {
    if (cycle == options.most_cycles) return Machinery("stopped in cycle {}", cycle);
    pins.cfg_valid = config_port.Valid(!config.done());
    if (pins.cfg_valid) pins.cfg_data = config.front();
    Drive(pins.wide, wide_port.Valid(!wide.done()), wide.front());
    Drive(pins.narrow, narrow_port.Valid(!narrow.done()), narrow.front());
    Drive(pins, gon_port.Valid(!gon.done()), gon.front(), hw.gon_lanes());
    pins.out_round = options.round_results;
    pins.out_ready = options.stall == 0 || chance(random) >= options.stall;
    model.Settle(pins);
    for (const std::string* error : {&config.error(), &wide.error(), &narrow.error(), &gon.error()}) {
      if (!error->empty()) return BadInput("image.json: the schedule is damaged: {}", *error);
    }
    // After the last result the streams may still hold words that only border slots take.
    if (pins.done && config.done() && wide.done() && narrow.done() && gon.done()) break;
    ++quiet;
    if (pins.cfg_valid && pins.cfg_ready) {
      config.Pop();
      config_port.Taken();
      quiet = 0;
    }
    if (pins.wide.valid && pins.wide.ready) {
      wide.Pop();
      wide_port.Taken();
      quiet = 0;
    }
    if (pins.narrow.valid && pins.narrow.ready) {
      narrow.Pop();
      narrow_port.Taken();
      quiet = 0;
    }
    if (pins.gon_valid && pins.gon_ready) {
      std::array<int64_t, kMaxGonLanes> addresses;
      addresses.fill(-1);
      bool any = false;
      for (std::size_t k = 0; k < addresses.size(); ++k) {
        const auto& lane = gon.front().lanes[k];
        if (!lane.enabled || !lane.last) continue;
        addresses[k] = lane.address;
        any = true;
      }
      if (any) expected.push_back(addresses);
      gon.Pop();
      gon_port.Taken();
      quiet = 0;
    }
    if (pins.out_valid && pins.out_ready) {
      if (expected.empty()) return Machinery("the array sent a word that no command asked for");
      for (std::size_t k = 0; k < kMaxGonLanes; ++k) {
        const bool there = (pins.out_lanes >> k & 1) != 0;
        const int64_t address = expected.front()[k];
        if (there != (address >= 0)) return Machinery("the array sent words on the wrong lanes");
        if (!there) continue;
        const auto at = static_cast<std::size_t>(address);
        if (at >= elements || written[at] != 0) {
          return Machinery("result element {} was delivered twice or does not exist", address);
        }
        written[at] = 1;
        const uint32_t word = pins.out_words[k];
        if (options.round_results && word >> 16 != 0) return Machinery("a rounded result has more than 16 bits");
        result.output[at] = static_cast<int32_t>(options.round_results ? word << 16 : word);
        ++result.output_words;
      }
      expected.pop_front();
      quiet = 0;
    }
    model.Clock();
    if (quiet > options.watchdog_cycles) {
      return Machinery("watchdog: nothing moved for {} cycles, cycle {}; the streams wait: "
                       "configuration {}, wide {}, narrow {}, GON {}{}",
                       options.watchdog_cycles, cycle, !config.done(), !wide.done(),
                       !narrow.done(), !gon.done(), ErrorSuffix(model, pins));
    }
    if (model.AssertionFailed()) {
      return Machinery("an assertion of the RTL failed in cycle {}{}", cycle, ErrorSuffix(model, pins));
    }
    if (options.stop && cycle % 64 == 0 && options.stop()) {
      return Machinery("stopped in cycle {}", cycle);
    }
    if (options.progress && cycle % 1024 == 0) {
      const auto total = std::max<int64_t>(1, schedule.num_passes);
      options.progress(static_cast<double>(wide.passes_begun()) / static_cast<double>(total), cycle);
    }
  }
  result.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  result.cycles = static_cast<int64_t>(ReadStat(model, pins, kStatCycles));
  result.config_cycles = static_cast<int64_t>(ReadStat(model, pins, kStatConfig));
  result.wide_words = static_cast<int64_t>(ReadStat(model, pins, kStatWide));
  result.narrow_words = static_cast<int64_t>(ReadStat(model, pins, kStatNarrow));
  result.gon_words = static_cast<int64_t>(ReadStat(model, pins, kStatGon));
  result.gon_held_cycles = static_cast<int64_t>(ReadStat(model, pins, kStatGonHeld));
  if (const std::string errors = ErrorSuffix(model, pins); !errors.empty()) {
    return Machinery("the run ended with errors{}", errors);
  }
  ECO_ASSIGN(result.pe, ReadCounters(hw, model));
  if (model.AssertionFailed()) return Machinery("an assertion of the RTL failed after the run");
  return result;
}

}  // namespace ecoflow
