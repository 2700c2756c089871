// SPDX-License-Identifier: Apache-2.0
// Sum of two psums, modulo 2^32, behind the PEs: in the accumulators. Stages other than 1 only delay the sum.
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
  logic [31:0] sum;
  eco_add u_add (.a_i, .b_i(b_en_i ? b_i : '0), .carry_i(1'b0), .sum_o(sum), .carry_o());
  if (Stages == 1) begin : gen_one
    assign sum_o = sum;
  end else begin : gen_more
    logic [(Stages-1)*32-1:0] sum_q;
    always_ff @(posedge clk_i) if (en_i) sum_q <= ((Stages-1)*32)'({sum_q, sum});
    assign sum_o = sum_q[(Stages-2)*32 +: 32];
  end
endmodule
