// SPDX-License-Identifier: Apache-2.0
// fp32 rounded to bfloat16: to nearest, ties to even; NaN becomes 0x7fc0. Latency 0.
module eco_to_bf16 (
  input  logic [31:0] data_i,  /// fp32
  output logic [15:0] data_o   /// bf16
);
  logic nan, up;
  assign nan    = (&data_i[30:23]) & (|data_i[22:0]);
  assign up     = data_i[15] & (data_i[16] | (|data_i[14:0]));
  assign data_o = nan ? 16'h7fc0 : data_i[31:16] + 16'(up);
endmodule
