// SPDX-License-Identifier: Apache-2.0
// Both a + b and a + b + 1, the upper halves worked out for both carries (carry select). Latency 0.
// With b inverted the second is a - b, and the first the inverse of b - a: |a - b| without another adder.
module eco_compound_add #(
  parameter int unsigned Bits = 28,  /// bits of a number, at least 4
  localparam int unsigned Low  = (Bits + 1) / 2,
  localparam int unsigned High = Bits - Low
) (
  input  logic [Bits-1:0] a_i,      /// number
  input  logic [Bits-1:0] b_i,      /// number
  output logic [Bits-1:0] sum_o,    /// a + b
  output logic [Bits-1:0] next_o,   /// a + b + 1
  output logic            carry_o   /// carry of a + b + 1
);
  logic [Low:0] low_0, low_1;
  logic [High:0] high_0, high_1;
  assign low_0  = {1'b0, a_i[Low-1:0]} + {1'b0, b_i[Low-1:0]};
  assign low_1  = {1'b0, a_i[Low-1:0]} + {1'b0, b_i[Low-1:0]} + (Low+1)'(1);
  assign high_0 = {1'b0, a_i[Bits-1:Low]} + {1'b0, b_i[Bits-1:Low]};
  assign high_1 = {1'b0, a_i[Bits-1:Low]} + {1'b0, b_i[Bits-1:Low]} + (High+1)'(1);
  assign sum_o  = {low_0[Low] ? high_1[High-1:0] : high_0[High-1:0], low_0[Low-1:0]};
  assign {carry_o, next_o} = {low_1[Low] ? high_1 : high_0, low_1[Low-1:0]};
endmodule
