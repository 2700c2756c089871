// SPDX-License-Identifier: Apache-2.0
// What leaves the array: the sum as it is; int16 has no rounding (`round_i` has no effect). Latency 0.
module eco_result (
  input  logic        round_i,  /// round it for the next layer
  input  logic [31:0] data_i,   /// completed sum
  output logic [31:0] data_o    /// what leaves
);
  assign data_o = data_i;
endmodule
