// SPDX-License-Identifier: Apache-2.0
// What silicon area the array takes, and what EcoFlow's network costs over Eyeriss's (Sec. 4.4).
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "gen/config/hw_config.h"

namespace ecoflow {

inline constexpr double kPaperOverheadPct = 2.9;  // Sec. 4.4: of the PE array
inline constexpr const char* kDefaultLiberty =
    "/usr/share/qflow/tech/osu018/osu018_stdcells.lib";  // Debian's qflow-tech-osu018

// SRAM at 0.18 um, in um^2 per bit, decoders and sense amplifiers included: a 6T cell of 4.65 um^2
// (assumed; no source) times 3.8, the ratio of macro to cells of a published 0.18 um SRAM of
// 4 kbit (GF180MCU 512x8: 209,400 um^2, cells of 13.5 um^2), the size of our filter file.
inline constexpr double kSramBitUm2 = 17.7;
// That macro itself, 51.1 um^2 per bit: larger cells (5 V), the pessimistic end.
inline constexpr double kSramBitUm2High = 51.1;
// The flip-flop of the library that the figures above go with; others scale by theirs.
inline constexpr double kSramFlipFlopUm2 = 96;

// How the register files (ifmap, filter, psum) are built; all else is cells of the library.
enum class FileKind { kFlipFlop, kSram, kLatch, kSramHigh };

struct PePart {
  std::string name;
  double um2 = 0;    // as mapped by Yosys, memories as flip-flops
  int64_t bits = 0;  // of a register file; 0: no register file
};

// Both global input networks of a configuration: multicast controllers and X-buses.
struct NetworkArea {
  int ids = 0;
  int wide_bits = 0, narrow_bits = 0;
  double controller = 0;                    // one multicast controller
  double wide_bus = 0, narrow_bus = 0;      // an X-bus without its controllers
  double wide_queue = 0, narrow_queue = 0;  // the PE's input queues, no part of the network
};

struct AreaReport {
  std::string config, number_format, library, tool;
  bool own_abc_script = false;  // mapped by other commands than those that Yosys gives abc
  int rows = 0, columns = 0;
  std::vector<PePart> pe;
  double controller_one_id = 0, controller_five_ids = 0;
  NetworkArea eyeriss, ecoflow;
  bool config_is_eyeriss = false;  // which of the two the array has
  double gon = 0;                  // global output network, without accumulators
  double configuration = 0;        // configuration port
  double rows_logic = 0;           // rows and top: Y-buses, GON selection, counters
  double accumulator_logic = 0;    // adders behind GON, part of the global buffer
  int64_t accumulator_bits = 0;
  double flip_flop = 0;          // smallest of the library
  double enabled_flip_flop = 0;  // with enable, as Yosys maps it
  double latch = 0;              // 0: not known

  int pe_count() const { return rows * columns; }
  // Factor from 0.18 um SRAM to this library.
  double sram_scale() const { return flip_flop / kSramFlipFlopUm2; }
  double Part(const PePart& part, FileKind kind) const;
  double Pe(FileKind kind) const;
  int64_t controllers() const { return 2LL * rows * (columns + 1); }
  double Network(const NetworkArea& network) const;
  const NetworkArea& own() const { return config_is_eyeriss ? eyeriss : ecoflow; }
  double Array(FileKind kind) const;
  double network_delta() const { return Network(ecoflow) - Network(eyeriss); }
  // Of that, what the additional IDs cost; the rest is wider beats.
  double ids_delta() const;
  // What wider beats cost in the queues of all PEs, not in network_delta().
  double queue_delta() const;
  // The array of which network_delta() would be the paper's share.
  double array_for_paper() const { return 100 * network_delta() / kPaperOverheadPct; }
  double OverheadPct(double um2, FileKind kind) const { return 100 * um2 / Array(kind); }
};

// Runs the study. `liberty_file` must be readable (bad input otherwise); `note` is told what is
// being done. `abc_text`: commands for abc in place of those that Yosys gives it.
Result<AreaReport> MeasureArea(const HwConfig& config, const std::string& liberty_file,
                               const std::function<void(const std::string&)>& note,
                               const std::string& abc_text = "");

std::vector<std::string> Assumptions(const AreaReport& report);
nlohmann::ordered_json ToJson(const AreaReport& report);
std::string ToText(const AreaReport& report);

}  // namespace ecoflow
