// SPDX-License-Identifier: Apache-2.0
// What leaves the array: the sum in fp32, or rounded to bfloat16 in the lower half, as the next layer reads it:
// to nearest, ties to even; NaN becomes 0x7fc0. Latency 0.
module eco_result (
  input  logic        round_i,  /// round it for the next layer
  input  logic [31:0] data_i,   /// completed sum
  output logic [31:0] data_o    /// what leaves
);
  logic nan, up;
  logic [15:0] bf16;
  assign nan    = (&data_i[30:23]) & (|data_i[22:0]);
  assign up     = data_i[15] & (data_i[16] | (|data_i[14:0]));
  assign bf16   = nan ? 16'h7fc0 : data_i[31:16] + 16'(up);
  assign data_o = round_i ? {16'b0, bf16} : data_i;
endmodule
