// SPDX-License-Identifier: Apache-2.0
// Assertions: active under Verilator, obligations of the proofs (proofs/) under Yosys with FORMAL,
// compiled out for synthesis and Icarus.
// Simulation is two-state: every property is qualified by a valid, none looks for X.
`ifndef ECO_ASSERT_SVH
`define ECO_ASSERT_SVH

`ifdef VERILATOR
`define ECO_ASSERT(Name, Prop) \
  Name: assert property (@(posedge clk_i) disable iff (!rst_ni) (Prop)) \
    else $error("%m: %s", `"Name`");
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
