// SPDX-License-Identifier: Apache-2.0
#include "area/area.h"

#include <gtest/gtest.h>

#include "area/synthesis.h"

namespace ecoflow {
namespace {

constexpr const char* kLiberty = R"(library("cells") {
  cell (NAND2) {
    area : 24;
    pin(A) { direction : input; }
  }
  cell (DFFSR) { area : 176; ff (IQ, IQN) { next_state : "D"; } }
  cell (DFF) {
    area : 96.5;
    ff (IQ, IQN) { next_state : "D"; }
  }
  cell (LATCH) {
  area : 0;
    latch (DS, P) { data_in : "D"; }
  }
})";

constexpr const char* kStat = R"(
=== $paramod$01ab\eco_fifo ===

   Number of cells:                  3
     DFFPOSX1                        3

   Chip area for module '$paramod$01ab\eco_fifo': 288.500000

=== $paramod\eco_acc\Slots=32'00000000000000000000000000000100 ===

   Area for cell type $paramod$01ab\eco_fifo is unknown!

   Chip area for module '$paramod\eco_acc\Slots=32'00000000000000000000000000000100': 24.000000

=== eco_top ===

   Area for cell type \image_store is unknown!

=== image_store ===

   Chip area for module '\image_store': 96.000000

=== design hierarchy ===

   eco_top                           1

   Chip area for top module '\eco_top': 9999.000000
)";

// Two FIFOs and an accumulator, which holds another FIFO.
constexpr const char* kDesign = R"({"modules": {
  "eco_top": {"cells": {
    "u_a": {"type": "$paramod$01ab\\eco_fifo"}, "u_b": {"type": "$paramod$01ab\\eco_fifo"},
    "u_acc": {"type": "$paramod\\eco_acc\\Slots=32'00000000000000000000000000000100"},
    "$and$1": {"type": "$and"}}},
  "$paramod$01ab\\eco_fifo": {"cells": {}},
  "$paramod\\eco_acc\\Slots=32'00000000000000000000000000000100": {"cells": {
    "u_fifo": {"type": "$paramod$01ab\\eco_fifo"}}}}})";

TEST(LibertyTest, FindsSmallestFlipFlopAndLatch) {
  const auto cells = ParseLiberty(kLiberty, "x.lib");
  ASSERT_TRUE(cells.ok()) << cells.error().message;
  EXPECT_EQ(cells.value().name, "cells");
  EXPECT_EQ(cells.value().flip_flop_area, 96.5);
  EXPECT_EQ(cells.value().latch, "LATCH");
  EXPECT_EQ(cells.value().latch_area, 0);
}

TEST(LibertyTest, RejectsOtherFiles) {
  const auto text = ParseLiberty("cmake_minimum_required(VERSION 3.25)\n", "x.lib");
  ASSERT_FALSE(text.ok());
  EXPECT_EQ(text.error().code, ExitCode::kBadInput);
  EXPECT_NE(text.error().message.find("x.lib: is no cell library"), std::string::npos);
  const auto gates = ParseLiberty("library(g) {\n cell (INV) { area : 1; }\n}\n", "x.lib");
  ASSERT_FALSE(gates.ok());
  EXPECT_NE(gates.error().message.find("no flip-flop"), std::string::npos);
}

TEST(LefTest, MacroArea) {
  const std::string lef = "MACRO INV\n SIZE 1.6 BY 10 ;\nEND INV\nMACRO LATCH\n SIZE 5.6 BY 10 ;\n";
  EXPECT_DOUBLE_EQ(LefMacroArea(lef, "LATCH").value(), 56);
  EXPECT_FALSE(LefMacroArea(lef, "DFF").has_value());
}

TEST(StatTest, AreasOfModulesThemselves) {
  const auto areas = ParseStat(kStat);
  ASSERT_TRUE(areas.ok()) << areas.error().message;
  EXPECT_EQ(areas.value().size(), 4u);
  EXPECT_EQ(areas.value().at("$paramod$01ab\\eco_fifo"), 288.5);
  EXPECT_EQ(areas.value().at("eco_top"), 0);
  EXPECT_EQ(areas.value().at("image_store"), 96);
}

TEST(StatTest, CellWithoutAreaIsAnError) {
  const auto areas = ParseStat("=== a ===\n\n   Area for cell type \\LATCH is unknown!\n");
  ASSERT_FALSE(areas.ok());
  EXPECT_EQ(areas.error().code, ExitCode::kMachinery);
  EXPECT_NE(areas.error().message.find("LATCH"), std::string::npos);
  EXPECT_FALSE(ParseStat("nothing").ok());
}

TEST(StatTest, BaseNames) {
  EXPECT_EQ(BaseName("eco_top"), "eco_top");
  EXPECT_EQ(BaseName("$paramod$01ab\\eco_fifo"), "eco_fifo");
  EXPECT_EQ(BaseName("$paramod\\eco_acc\\Slots=32'00"), "eco_acc");
}

TEST(DesignTest, AddsUpTheTree) {
  auto design = Design::FromJson(kDesign);
  ASSERT_TRUE(design.ok()) << design.error().message;
  auto areas = ParseStat(kStat);
  ASSERT_TRUE(areas.ok());
  design.value().SetAreas(std::move(areas).value());
  EXPECT_DOUBLE_EQ(design.value().TreeArea("eco_top").value(), 3 * 288.5 + 24);
  const auto acc = design.value().Find("eco_acc");
  ASSERT_TRUE(acc.ok());
  EXPECT_DOUBLE_EQ(design.value().OwnArea(acc.value()).value(), 24);
  EXPECT_EQ(design.value().Child(acc.value(), "u_fifo").value(), "$paramod$01ab\\eco_fifo");
  EXPECT_FALSE(design.value().Child("eco_top", "u_c").ok());
  EXPECT_FALSE(design.value().Find("eco_pe").ok());
  EXPECT_FALSE(design.value().OwnArea("eco_pe").ok());
}

TEST(NetlistTest, ProblemsInALog) {
  EXPECT_TRUE(FindNetlistProblem("a\nWarning: Wire m.\\x is used but has no driver.\n"));
  EXPECT_TRUE(FindNetlistProblem("Warning: multiple conflicting drivers for m.\\x:\n"));
  EXPECT_TRUE(FindNetlistProblem("Latch inferred for signal `\\m.\\x' from process\n"));
  EXPECT_FALSE(
      FindNetlistProblem("No latch inferred for signal `\\m.\\x'\n"
                         "ABC: Warning: Detected 2 multi-output gates\n"));
}

AreaReport Small() {
  AreaReport r;
  r.config = "small";
  r.library = "cells";
  r.rows = 2;
  r.columns = 3;
  r.pe = {{"ifmap_file", 1000, 10}, {"mac", 500, 0}};
  r.eyeriss = {1, 64, 16, 10, 100, 50, 30, 20};
  r.ecoflow = {5, 80, 32, 40, 120, 60, 33, 24};
  r.controller_one_id = 10;
  r.controller_five_ids = 40;
  r.gon = 70;
  r.configuration = 20;
  r.rows_logic = 10;
  r.flip_flop = 48;  // half of osu018: SRAM scales with it
  r.enabled_flip_flop = 70;
  r.latch = 30;
  return r;
}

TEST(AreaReportTest, CombinesModules) {
  const AreaReport r = Small();
  EXPECT_EQ(r.controllers(), 2 * 2 * (3 + 1));  // rows and columns, two networks
  EXPECT_DOUBLE_EQ(r.Network(r.eyeriss), 2 * (100 + 50) + 16 * 10);
  EXPECT_DOUBLE_EQ(r.Network(r.ecoflow), 2 * (120 + 60) + 16 * 40);
  EXPECT_DOUBLE_EQ(r.network_delta(), 540);
  EXPECT_DOUBLE_EQ(r.ids_delta(), 16 * 30);
  EXPECT_DOUBLE_EQ(r.queue_delta(), 6 * 7);
  EXPECT_DOUBLE_EQ(r.Pe(FileKind::kFlipFlop), 1500);
  EXPECT_DOUBLE_EQ(r.Pe(FileKind::kSram), 500 + 10 * kSramBitUm2 / 2);
  EXPECT_DOUBLE_EQ(r.Pe(FileKind::kLatch), 500 + 1000 - 10 * 40);
  EXPECT_DOUBLE_EQ(r.Array(FileKind::kFlipFlop), 6 * 1500 + 1000 + 100);
  EXPECT_DOUBLE_EQ(r.OverheadPct(r.network_delta(), FileKind::kFlipFlop), 54000.0 / 10100);
}

TEST(AreaReportTest, EyerissConfigurationHasItsOwnNetwork) {
  AreaReport r = Small();
  r.config_is_eyeriss = true;
  EXPECT_DOUBLE_EQ(r.Array(FileKind::kFlipFlop), 6 * 1500 + 460 + 100);
  EXPECT_DOUBLE_EQ(r.network_delta(), 540);
}

TEST(AreaReportTest, JsonHoldsTheContract) {
  const auto j = ToJson(Small());
  for (const char* key :
       {"library", "pe", "controller_one_id", "controller_five_ids", "network_eyeriss",
        "network_ecoflow", "array_ff", "array_sram", "overhead_ff_pct", "overhead_sram_pct",
        "config", "rows", "columns", "paper_overhead_pct", "assumptions"}) {
    EXPECT_TRUE(j.contains(key)) << key;
  }
  double sum = 0;
  for (const auto& [part, um2] : j["pe"].items()) sum += um2.get<double>();
  EXPECT_DOUBLE_EQ(sum, j["pe_ff"].get<double>());
  EXPECT_EQ(j["paper_overhead_pct"], 2.9);
  EXPECT_NE(ToText(Small()).find("2.90 %"), std::string::npos);
}

TEST(MeasureAreaTest, MissingLiberty) {
  const auto report = MeasureArea(HwConfig{}, "no/such.lib", [](const std::string&) {});
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().code, ExitCode::kBadInput);
  EXPECT_NE(report.error().message.find("--liberty no/such.lib: cannot be read"),
            std::string::npos);
}

}  // namespace
}  // namespace ecoflow
