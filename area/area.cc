// SPDX-License-Identifier: Apache-2.0
#include "area/area.h"

#include <algorithm>
#include <cmath>

#include "area/synthesis.h"
#include "base/files.h"

namespace ecoflow {
namespace fs = std::filesystem;

namespace {

// Modules of the networks, measured apart from the rest so that both networks see one script.
constexpr const char* kNetworkModules[] = {"eco_xbus", "eco_multicast_ctrl", "eco_gin_queue"};
// Modules within the parts of a PE that are parts of their own.
constexpr const char* kPartsOfParts[] = {"u_file",     "u_psum_file",   "u_mac",
                                         "u_link_add", "u_below_queue", "u_out_queue"};

bool OfNetwork(const std::string& module) {
  const std::string base = BaseName(module);
  return std::find(std::begin(kNetworkModules), std::end(kNetworkModules), base) != std::end(kNetworkModules);
}

HwConfig WithNetwork(HwConfig config, int ids, int wide_bits, int narrow_bits) {
  config.ids_per_controller = ids;
  config.gin_wide_bits = wide_bits;
  config.gin_narrow_bits = narrow_bits;
  return config;
}

Result<NetworkArea> MeasureNetwork(Synthesiser& yosys, const HwConfig& config) {
  ECO_ASSIGN(const Bundle bundle, GenerateRtl(config));
  ECO_ASSIGN(Design design, yosys.Elaborate(bundle));
  ECO_ASSIGN(const std::string pe, design.Find("eco_pe"));
  ECO_ASSIGN(const std::string row, design.Find("eco_row"));
  ECO_ASSIGN(const std::string wide_bus, design.Child(row, "u_wide"));
  ECO_ASSIGN(const std::string narrow_bus, design.Child(row, "u_narrow"));
  ECO_ASSIGN(const std::string wide_beats, design.Child(wide_bus, "u_beats"));
  ECO_ASSIGN(const std::string narrow_beats, design.Child(narrow_bus, "u_beats"));
  std::vector<std::string> boxes;
  for (const std::string& module : design.Modules()) {
    if (!OfNetwork(module) && module != wide_beats && module != narrow_beats && BaseName(module) != "eco_top") {
      boxes.push_back(module);
    }
  }
  ECO_RETURN_IF_ERROR(yosys.Synthesise(design, boxes));

  NetworkArea network;
  network.ids = config.ids_per_controller;
  network.wide_bits = config.gin_wide_bits;
  network.narrow_bits = config.gin_narrow_bits;
  ECO_ASSIGN(const std::string controller, design.Find("eco_multicast_ctrl"));
  ECO_ASSIGN(network.controller, design.OwnArea(controller));
  for (const auto& [bus, beats, area] : {std::tuple{&wide_bus, &wide_beats, &network.wide_bus},
                                         std::tuple{&narrow_bus, &narrow_beats, &network.narrow_bus}}) {
    ECO_ASSIGN(const double own, design.OwnArea(*bus));
    ECO_ASSIGN(const double waiting, design.TreeArea(*beats));
    *area = own + waiting;
  }
  ECO_ASSIGN(const std::string wide_queue, design.Child(pe, "u_wide_queue"));
  ECO_ASSIGN(network.wide_queue, design.OwnArea(wide_queue));
  ECO_ASSIGN(const std::string narrow_queue, design.Child(pe, "u_narrow_queue"));
  ECO_ASSIGN(network.narrow_queue, design.OwnArea(narrow_queue));
  return network;
}

// Everything but the networks: parts of a PE, GON, configuration port, the rest.
class ArrayStudy {
 public:
  ArrayStudy(Design& design, const HwConfig& config, AreaReport& report)
      : design_(design), config_(config), report_(report) {}

  Status Measure(Synthesiser& yosys) {
    ECO_ASSIGN(const std::string pe, design_.Find("eco_pe"));
    ECO_ASSIGN(const std::string row, design_.Find("eco_row"));
    ECO_ASSIGN(const std::string array, design_.Find("eco_array"));
    ECO_ASSIGN(const std::string gon, design_.Find("eco_gon"));
    ECO_ASSIGN(const std::string port, design_.Find("eco_config"));
    ECO_ASSIGN(const std::string accumulator, design_.Find("eco_accumulator"));
    ECO_ASSIGN(const std::string memory, design_.Child(accumulator, "u_mem"));
    ECO_ASSIGN(const std::string adder, design_.Child(accumulator, "u_add"));
    ECO_ASSIGN(const std::string gon_row, design_.Find("eco_gon_row"));
    ECO_ASSIGN(const std::string order, design_.Child(gon, "u_order"));
    std::vector<std::string> boxes;
    for (const std::string& module : design_.Modules()) {
      if (OfNetwork(module)) boxes.push_back(module);
    }
    // A small accumulator may be the same module as a register file of the PE.
    bool shared = false;
    for (const char* part : {"u_ifmap", "u_filter", "u_psum"}) {
      ECO_ASSIGN(const std::string parent, design_.Child(pe, part));
      for (const auto& [instance, module] : design_.Children(parent)) shared |= module == memory;
    }
    if (!shared) boxes.push_back(memory);
    ECO_RETURN_IF_ERROR(yosys.Synthesise(design_, boxes));

    for (const auto& [instance, module] : design_.Children(pe)) {
      if (OfNetwork(module)) {
        const bool wide = instance == "u_wide_queue";
        Add(instance, wide ? report_.own().wide_queue : report_.own().narrow_queue, 0);
      } else {
        ECO_RETURN_IF_ERROR(AddPart(instance.substr(2), module));
      }
    }
    ECO_ASSIGN(const double control, design_.OwnArea(pe));
    Add("control", control, 0);
    // Register files first, then by name.
    std::stable_sort(report_.pe.begin(), report_.pe.end(),
                     [](const PePart& a, const PePart& b) { return (a.bits > 0) > (b.bits > 0); });

    ECO_ASSIGN(const double commands, design_.OwnArea(gon));
    ECO_ASSIGN(const double orders, design_.TreeArea(order));
    ECO_ASSIGN(const double requests, design_.TreeArea(gon_row));
    report_.gon = commands + orders + config_.rows * requests;
    ECO_ASSIGN(report_.configuration, design_.TreeArea(port));
    ECO_ASSIGN(const double one_row, design_.OwnArea(row));
    ECO_ASSIGN(const double top, design_.OwnArea(array));
    report_.rows_logic = config_.rows * one_row + top;
    for (const auto& [instance, module] : design_.Children(array)) {
      if (BaseName(module) != "eco_counter") continue;
      ECO_ASSIGN(const double counter, design_.TreeArea(module));
      report_.rows_logic += counter;
    }
    ECO_ASSIGN(const double pipeline, design_.OwnArea(accumulator));
    ECO_ASSIGN(const double sum, design_.TreeArea(adder));
    report_.accumulator_logic = config_.gon_lanes() * (pipeline + sum);
    report_.accumulator_bits = int64_t{32} * config_.accumulator_words;
    return {};
  }

 private:
  void Add(const std::string& name, double um2, int64_t bits) {
    report_.pe.push_back({name.starts_with("u_") ? name.substr(2) : name, um2, bits});
  }
  // A module with all below it, but for those that are parts of their own.
  Status AddPart(const std::string& name, const std::string& module) {
    ECO_ASSIGN(double um2, design_.OwnArea(module));
    ECO_RETURN_IF_ERROR(AddBelow(name, module, um2));
    const bool file = BaseName(module) == "eco_regfile";
    Add(name, um2, file ? Bits(name) : 0);
    return {};
  }
  Status AddBelow(const std::string& name, const std::string& module, double& um2) {
    for (const auto& [instance, child] : design_.Children(module)) {
      const std::string short_name = instance.substr(instance.rfind('.') + 1);  // without generate blocks
      const bool own = std::find(std::begin(kPartsOfParts), std::end(kPartsOfParts), short_name) !=
                       std::end(kPartsOfParts);
      if (own) {
        ECO_RETURN_IF_ERROR(AddPart(name + "." + short_name.substr(2), child));
        continue;
      }
      ECO_ASSIGN(const double area, design_.OwnArea(child));
      um2 += area;
      ECO_RETURN_IF_ERROR(AddBelow(name, child, um2));
    }
    return {};
  }
  int64_t Bits(const std::string& file) const {
    if (file == "ifmap.file") return int64_t{16} * config_.ifmap_depth;
    if (file == "filter.file") return int64_t{16} * config_.filter_depth;
    CHECK(file == "psum.psum_file");
    return int64_t{config_.psum_bits} * config_.psum_depth;
  }

  Design& design_;
  const HwConfig& config_;
  AreaReport& report_;
};

Status MeasureArray(Synthesiser& yosys, const HwConfig& config, AreaReport& report) {
  ECO_ASSIGN(const Bundle bundle, GenerateRtl(config));
  ECO_ASSIGN(Design design, yosys.Elaborate(bundle));
  return ArrayStudy(design, config, report).Measure(yosys);
}

// 12345678 -> 12,345,678
std::string Thousands(double value) {
  const std::string digits = fmt::format("{:.0f}", std::abs(value));
  std::string out = value <= -0.5 ? "-" : "";
  for (std::size_t k = 0; k < digits.size(); ++k) {
    if (k > 0 && (digits.size() - k) % 3 == 0) out += ',';
    out += digits[k];
  }
  return out;
}

double Rounded(double value) { return std::round(value * 1e4) / 1e4; }

std::string SramBit(double um2) { return fmt::format("{:.1f}", um2); }

}  // namespace

double AreaReport::Part(const PePart& part, FileKind kind) const {
  if (part.bits == 0) return part.um2;
  const double bits = static_cast<double>(part.bits);
  switch (kind) {
    case FileKind::kFlipFlop:
      return part.um2;
    case FileKind::kSram:
      return bits * kSramBitUm2 * sram_scale();
    case FileKind::kSramHigh:
      return bits * kSramBitUm2High * sram_scale();
    case FileKind::kLatch:  // decoder and read multiplexers stay
      return part.um2 - bits * (enabled_flip_flop - latch);
  }
  return 0;
}

double AreaReport::Pe(FileKind kind) const {
  double sum = 0;
  for (const PePart& part : pe) sum += Part(part, kind);
  return sum;
}

double AreaReport::Network(const NetworkArea& network) const {
  return rows * (network.wide_bus + network.narrow_bus) +
         static_cast<double>(controllers()) * network.controller;
}

double AreaReport::Array(FileKind kind) const {
  return pe_count() * Pe(kind) + Network(own()) + gon + configuration + rows_logic;
}

double AreaReport::ids_delta() const {
  return static_cast<double>(controllers()) * (ecoflow.controller - eyeriss.controller);
}

double AreaReport::queue_delta() const {
  return pe_count() *
         (ecoflow.wide_queue + ecoflow.narrow_queue - eyeriss.wide_queue - eyeriss.narrow_queue);
}

Result<AreaReport> MeasureArea(const HwConfig& config, const std::string& liberty_file,
                               const std::function<void(const std::string&)>& note,
                               const std::string& abc_text) {
  auto liberty = ReadFile(liberty_file);
  if (!liberty.ok()) {
    if (liberty_file != kDefaultLiberty) return BadInput("--liberty {}", liberty.error().message);
    return BadInput("{}, expected the cells of Debian's qflow-tech-osu018 or --liberty F.lib",
                    liberty.error().message);
  }
  ECO_ASSIGN(const CellLibrary cells, ParseLiberty(liberty.value(), liberty_file));

  AreaReport report;
  report.config = config.name;
  report.number_format = config.number_format;
  report.library = cells.name;
  report.rows = config.rows;
  report.columns = config.columns;
  report.flip_flop = cells.flip_flop_area;
  report.latch = cells.latch_area;
  if (cells.latch && report.latch == 0) {
    const auto lef = ReadFile(fs::path(liberty_file).replace_extension(".lef"));
    if (lef.ok()) report.latch = LefMacroArea(lef.value(), *cells.latch).value_or(0);
  }

  ECO_ASSIGN(Synthesiser yosys, Synthesiser::Create(liberty.value(), abc_text));
  report.tool = yosys.version();
  report.own_abc_script = !abc_text.empty();
  ECO_ASSIGN(report.enabled_flip_flop, yosys.EnabledFlipFlopArea());

  const HwConfig eyeriss = WithNetwork(config, 1, 64, 16);
  report.config_is_eyeriss = config.ids_per_controller == 1;
  const HwConfig ecoflow = report.config_is_eyeriss ? WithNetwork(config, 5, 80, 32) : config;
  // The array of a one-ID configuration has that configuration's own network.
  note("synthesising the network with one ID");
  ECO_ASSIGN(report.eyeriss, MeasureNetwork(yosys, report.config_is_eyeriss ? config : eyeriss));
  note(fmt::format("synthesising the network with {} IDs", ecoflow.ids_per_controller));
  ECO_ASSIGN(report.ecoflow, MeasureNetwork(yosys, ecoflow));
  report.controller_one_id = report.eyeriss.controller;
  report.controller_five_ids = report.ecoflow.controller;
  if (report.ecoflow.ids != 5) {
    note("synthesising the controller with 5 IDs");
    ECO_ASSIGN(const NetworkArea five, MeasureNetwork(yosys, WithNetwork(config, 5, 80, 32)));
    report.controller_five_ids = five.controller;
  }
  note("synthesising the PE and the rest of the array");
  ECO_RETURN_IF_ERROR(MeasureArray(yosys, config, report));
  return report;
}

std::vector<std::string> Assumptions(const AreaReport& r) {
  std::vector<std::string> out = {
      fmt::format("cells: {}, areas as the library gives them (um2 in osu018), no wiring, clock "
                  "tree or placement overhead, no timing constraint; {}, {}; abc "
                  "varies by about 2 % per module with names and code style",
                  r.library, r.tool,
                  r.own_abc_script ? "abc commands of --abc" : "one fixed script"),
      "every module is synthesised by itself and counted as often as it occurs; overhead is the "
      "difference of the two networks, never of two arrays",
      "network: multicast controllers and X-bus registers of both GINs; both networks take (row, "
      "column) tags; one tag per beat",
      "PE array: PEs, network, GON, configuration port, row and top logic; without accumulators, "
      "which are part of the global buffer",
      fmt::format(
          "SRAM: {} um2 per bit = 6T cell of 4.65 um2 (assumed, no source: typical of 0.18 um "
          "processes) x 3.8 for decoders and sense amplifiers (ratio of a published 0.18 um "
          "4-kbit macro, GF180MCU 512x8); a second port and the smaller files would cost "
          "more, so the row with {} um2 per bit, that macro itself, is the other end",
          SramBit(kSramBitUm2 * r.sram_scale()), SramBit(kSramBitUm2High * r.sram_scale())),
      "only ifmap, filter and psum files change kind; image store, queues and counters are always "
      "flip-flops",
  };
  if (r.sram_scale() != 1) {
    out.push_back(
        fmt::format("SRAM figures are scaled by {:.4g}, the flip-flop of this library "
                    "over that of osu018 ({:.0f} um2)",
                    r.sram_scale(), kSramFlipFlopUm2));
  }
  out.push_back(r.latch > 0
                    ? fmt::format("latches: the flip-flop files with {:.4g} um2 per latch in place "
                                  "of {:.4g} um2 per flip-flop with enable; write-clock gates are "
                                  "not counted",
                                  r.latch, r.enabled_flip_flop)
                    : "latches: the library gives no area for a latch, so no figure");
  out.push_back(
      "the paper states neither cell library nor kind of register files, and its 2.9 % is for IDs "
      "and comparators; compare it with the range, not with one figure");
  return out;
}

nlohmann::ordered_json ToJson(const AreaReport& r) {
  nlohmann::ordered_json j;
  j["config"] = r.config;
  j["number_format"] = r.number_format;
  j["rows"] = r.rows;
  j["columns"] = r.columns;
  j["pe_count"] = r.pe_count();
  j["library"] = r.library;
  j["tool"] = r.tool;
  j["unit"] = "um2";
  for (const PePart& part : r.pe) j["pe"][part.name] = Rounded(part.um2);
  j["pe_ff"] = Rounded(r.Pe(FileKind::kFlipFlop));
  j["pe_sram"] = Rounded(r.Pe(FileKind::kSram));
  for (const PePart& part : r.pe) {
    if (part.bits == 0) continue;
    auto& file = j["register_files"][part.name];
    file["bits"] = part.bits;
    file["ff"] = Rounded(part.um2);
    file["sram"] = Rounded(r.Part(part, FileKind::kSram));
    file["latch"] = nullptr;
    if (r.latch > 0) file["latch"] = Rounded(r.Part(part, FileKind::kLatch));
  }
  j["controller_one_id"] = Rounded(r.controller_one_id);
  j["controller_five_ids"] = Rounded(r.controller_five_ids);
  j["controllers"] = r.controllers();
  for (const auto& [name, network] :
       {std::pair{"eyeriss", &r.eyeriss}, std::pair{"ecoflow", &r.ecoflow}}) {
    j["networks"][name] = {{"ids", network->ids},
                           {"gin_wide_bits", network->wide_bits},
                           {"gin_narrow_bits", network->narrow_bits},
                           {"controller", Rounded(network->controller)},
                           {"wide_bus", Rounded(network->wide_bus)},
                           {"narrow_bus", Rounded(network->narrow_bus)},
                           {"wide_queue", Rounded(network->wide_queue)},
                           {"narrow_queue", Rounded(network->narrow_queue)}};
  }
  j["network_eyeriss"] = Rounded(r.Network(r.eyeriss));
  j["network_ecoflow"] = Rounded(r.Network(r.ecoflow));
  j["network_difference"] = Rounded(r.network_delta());
  j["network_difference_ids"] = Rounded(r.ids_delta());
  j["queue_difference"] = Rounded(r.queue_delta());
  j["gon"] = Rounded(r.gon);
  j["configuration"] = Rounded(r.configuration);
  j["rows_and_top"] = Rounded(r.rows_logic);
  j["accumulators_outside_array"] = {
      {"bits", r.accumulator_bits},
      {"logic", Rounded(r.accumulator_logic)},
      {"sram", Rounded(static_cast<double>(r.accumulator_bits) * kSramBitUm2 * r.sram_scale())}};
  j["sram_um2_per_bit"] = Rounded(kSramBitUm2 * r.sram_scale());
  j["sram_high_um2_per_bit"] = Rounded(kSramBitUm2High * r.sram_scale());
  const auto kind = [&](const std::string& name, FileKind file_kind) {
    j["array_" + name] = Rounded(r.Array(file_kind));
    j["overhead_" + name + "_pct"] = Rounded(r.OverheadPct(r.network_delta(), file_kind));
    j["overhead_" + name + "_with_queues_pct"] =
        Rounded(r.OverheadPct(r.network_delta() + r.queue_delta(), file_kind));
  };
  kind("ff", FileKind::kFlipFlop);
  if (r.latch > 0) kind("latch", FileKind::kLatch);
  kind("sram_high", FileKind::kSramHigh);
  kind("sram", FileKind::kSram);
  j["paper_overhead_pct"] = kPaperOverheadPct;
  j["array_for_paper_pct"] = Rounded(r.array_for_paper());
  j["assumptions"] = Assumptions(r);
  return j;
}

std::string ToText(const AreaReport& r) {
  const bool latch = r.latch > 0;
  std::string out = fmt::format("area of {} ({} x {} PEs), cells of {}, {}; in um2\n", r.config,
                                r.rows, r.columns, r.library, r.tool);
  out += fmt::format("\n  {:<26}{:>13}{:>13}{:>13}{:>9}\n", "one PE, register files as",
                     "flip-flops", latch ? "latches" : "", "SRAM", "bits");
  for (const PePart& part : r.pe) {
    std::string name = part.name;
    std::replace(name.begin(), name.end(), '_', ' ');
    out += fmt::format("    {:<24}{:>13}", name, Thousands(part.um2));
    if (part.bits > 0) {
      out += fmt::format(
          "{:>13}{:>13}{:>9}", latch ? Thousands(r.Part(part, FileKind::kLatch)) : "",
          Thousands(r.Part(part, FileKind::kSram)), Thousands(static_cast<double>(part.bits)));
    }
    out += "\n";
  }
  out +=
      fmt::format("    {:<24}{:>13}{:>13}{:>13}\n", "PE", Thousands(r.Pe(FileKind::kFlipFlop)),
                  latch ? Thousands(r.Pe(FileKind::kLatch)) : "", Thousands(r.Pe(FileKind::kSram)));

  out += fmt::format("\n  {:<26}{:>13}{:>13}{:>13}{:>9}\n", "both input networks", "Eyeriss",
                     "EcoFlow", "difference", "count");
  const auto row = [&](const std::string& name, double eyeriss, double ecoflow, int64_t count) {
    out += fmt::format("    {:<24}{:>13}{:>13}{:>13}{:>9}\n", name, Thousands(eyeriss),
                       Thousands(ecoflow), Thousands(ecoflow - eyeriss), count);
  };
  const NetworkArea& a = r.eyeriss;
  const NetworkArea& b = r.ecoflow;
  out += fmt::format("    {:<24}{:>13}{:>13}\n", "IDs per controller", a.ids, b.ids);
  out += fmt::format("    {:<24}{:>13}{:>13}\n", "bits",
                     fmt::format("{} + {}", a.wide_bits, a.narrow_bits),
                     fmt::format("{} + {}", b.wide_bits, b.narrow_bits));
  row("multicast controller", a.controller, b.controller, r.controllers());
  row("wide X-bus", a.wide_bus, b.wide_bus, r.rows);
  row("narrow X-bus", a.narrow_bus, b.narrow_bus, r.rows);
  row("network", r.Network(a), r.Network(b), 1);
  out += fmt::format("    {:<24}{:>39}\n", "  of this, more IDs", Thousands(r.ids_delta()));
  out += fmt::format("    {:<24}{:>39}\n", "  of this, wider beats",
                     Thousands(r.network_delta() - r.ids_delta()));
  row("input queues of a PE", a.wide_queue + a.narrow_queue, b.wide_queue + b.narrow_queue,
      r.pe_count());
  if (b.ids != 5) {
    out += fmt::format("    {:<24}{:>26}\n", "controller, 5 IDs", Thousands(r.controller_five_ids));
  }

  out += "\n  rest of the array\n";
  out += fmt::format("    {:<24}{:>13}\n", "global output network", Thousands(r.gon));
  out += fmt::format("    {:<24}{:>13}\n", "configuration port", Thousands(r.configuration));
  out += fmt::format("    {:<24}{:>13}\n", "rows, Y-buses, counters", Thousands(r.rows_logic));
  out += fmt::format(
      "    {:<24}{:>13}  and {} um2 of SRAM; global buffer, not counted below\n", "accumulators",
      Thousands(r.accumulator_logic),
      Thousands(static_cast<double>(r.accumulator_bits) * kSramBitUm2 * r.sram_scale()));

  out += fmt::format("\n  {:<26}{:>13}{:>13}{:>13}\n", "PE array, register files as", "array",
                     "overhead", "with queues");
  const auto line = [&](const std::string& name, FileKind kind) {
    out += fmt::format("    {:<24}{:>13}{:>11.2f} %{:>11.2f} %\n", name, Thousands(r.Array(kind)),
                       r.OverheadPct(r.network_delta(), kind),
                       r.OverheadPct(r.network_delta() + r.queue_delta(), kind));
  };
  line("flip-flops", FileKind::kFlipFlop);
  if (latch) line("latches", FileKind::kLatch);
  line(fmt::format("SRAM, {} um2 a bit", SramBit(kSramBitUm2High * r.sram_scale())),
       FileKind::kSramHigh);
  line(fmt::format("SRAM, {} um2 a bit", SramBit(kSramBitUm2 * r.sram_scale())), FileKind::kSram);
  out += fmt::format("    {:<24}{:>13}{:>11.2f} %\n", "paper, Sec. 4.4", "", kPaperOverheadPct);

  out +=
      fmt::format("    our network difference would be {:.1f} % of an array of {} um2, {} a PE\n",
                  kPaperOverheadPct, Thousands(r.array_for_paper()),
                  Thousands(r.array_for_paper() / r.pe_count()));

  out += "\n  assumptions\n";
  for (const std::string& text : Assumptions(r)) {
    std::string part = "  -";
    std::size_t at = 0;
    while (at < text.size()) {  // wrapped at 96 columns
      const std::size_t end = std::min(text.find(' ', at), text.size());
      if (part.size() + 1 + (end - at) > 96) {
        out += part + "\n";
        part = "   ";
      }
      part += ' ';
      part.append(text, at, end - at);
      at = end + 1;
    }
    out += part + "\n";
  }
  return out;
}

}  // namespace ecoflow
