// SPDX-License-Identifier: Apache-2.0
// Assertions: active under Verilator, obligations of the proofs (proofs/) under Yosys with FORMAL,
// compiled out for synthesis and Icarus. ECO_CHECKS (Verilator) adds those that need state of their own (*_checks.svh).
// Simulation is two-state: every property is qualified by a valid, none looks for X.
// A message says file, line and label, not the instance: neither $error nor a concurrent assertion, which name it
// (%m) and so make Verilator write the code of every PE anew. A waveform of the same run (--trace) shows where.
`ifndef ECO_ASSERT_SVH
`define ECO_ASSERT_SVH

`ifdef VERILATOR
// Within a clocked process.
`define ECO_CHECK(Name, Prop) \
  Name: assert (Prop) else begin $display("assertion failed: %s", `"Name`"); $stop; end
`define ECO_ASSERT(Name, Prop) \
  always @(posedge clk_i) if (rst_ni) `ECO_CHECK(Name, Prop)
`define ECO_BAD_PARAM(Cond, Label, Msg) \
  if (Cond) begin : gen_bad_``Label \
    $error(Msg); \
  end
`elsif FORMAL
`define ECO_ASSERT(Name, Prop) \
  always @(posedge clk_i) if (rst_ni) Name: assert (Prop);
`define ECO_BAD_PARAM(Cond, Label, Msg)
`else
`define ECO_ASSERT(Name, Prop)
`define ECO_BAD_PARAM(Cond, Label, Msg)
`endif

`endif
