// SPDX-License-Identifier: Apache-2.0
// Sum of two psums, fp32, behind the PEs: in the accumulators and for psums from the PE below.
// Without a second one the first passes as it is (it is added to -0; a NaN becomes the canonical one).
// Latency Stages - 1, the sum is to be registered by the user. Handshake: moves when `en_i`. Reset: none needed.
module eco_psum_add #(
  parameter int unsigned Stages = 1  /// cycles, 1..4
) (
  input  logic        clk_i,   /// clock
  input  logic        en_i,    /// the pipeline moves
  input  logic        valid_i, /// there is a psum; the sum of others is undefined
  input  logic [31:0] a_i,     /// psum
  input  logic        b_en_i,  /// there is a second one
  input  logic [31:0] b_i,     /// the second psum
  output logic [31:0] sum_o    /// the sum
);
  logic [31:0] b;
  logic top, normal;
  assign b      = b_en_i ? b_i : 32'h8000_0000;
  assign top    = &b[30:23];
  assign normal = |b[30:23];
  eco_fp32_add #(.Stages(Stages)) u_add (
    .clk_i, .en_i, .valid_i, .a_i, .b_sign_i(b[31]), .b_nan_i(top & (|b[22:0])), .b_inf_i(top & ~(|b[22:0])),
    .b_exp_i({2'b00, b[30:24], b[23] | ~normal}), .b_sig_i({normal, b[22:0]}), .sum_o
  );
endmodule
