// SPDX-License-Identifier: Apache-2.0
// One coordinate (Y, X or Z) of the slot in ADDRESS, and whether it is out of range.
//
// Arithmetic is modulo 2^Bits; the value is in range when 0 <= value < limit, so a negative one counts
// as a large one. Latency: a step shows in the next cycle. Reset: none needed, a pass sets all.
module eco_pe_coordinate #(
  parameter int unsigned Bits = 15  /// bits of the coordinate, its base and its limit
) (
  input  logic            clk_i,      /// clock
  input  logic            take_i,     /// a pass begins: load `base_i` and `limit_i`
  input  logic [Bits-1:0] base_i,     /// value at the first slot
  input  logic [Bits-1:0] limit_i,    /// end of the range
  input  logic            step_i,     /// the slot leaves, the next one comes
  input  logic            reset_i,    /// step: back to the base first
  input  logic [Bits-1:0] delta_i,    /// step: add this
  output logic [Bits-1:0] value_o,    /// the coordinate
  output logic            outside_o   /// it is out of range
);
  logic [Bits-1:0] base_q, limit_q;
  always_ff @(posedge clk_i) begin
    if (take_i | step_i) value_o <= take_i ? base_i : (reset_i ? base_q : value_o) + delta_i;
    if (take_i) begin
      base_q  <= base_i;
      limit_q <= limit_i;
    end
  end
  assign outside_o = value_o >= limit_q;
endmodule
