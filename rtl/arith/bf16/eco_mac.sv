// SPDX-License-Identifier: Apache-2.0
// Arithmetic of a PE for bfloat16 operands and fp32 psums: fused multiply-add, rounded once (to nearest, ties to
// even). Subnormals are kept, NaN is always 0x7fc00000, no flags (Sec. 6.2; IEEE 754).
//
// Timing: operands enter in cycle t with `mul_en_i`. A psum from below starts the sum: it enters in the last
// multiplier cycle, t + MulStages - 1, where `base_i` of the next cycle is +0; the product meets the base at the
// adder in cycle t + MulStages; the sum stands on `sum_o` in cycle t + MulStages + AddStages - 1 (combinational
// for AddStages = 1) and is to be registered by the user. Without a product the base passes (+ -0).
//
// Multiplier: the product of the significands in the first stage; normalised, its exponent kept in 10 bits, in the
// last one. It is exact. A zero operand holds the multiplier's registers when the other operand is finite (Table 3,
// clock gating on zero operations); the sign of the zero is kept. Reset: none needed.
module eco_mac #(
  parameter int unsigned MulStages = 2,  /// registers in the multiplier, 1..4
  parameter int unsigned AddStages = 3   /// cycles of the adder, 1..4
) (
  input  logic        clk_i,       /// clock
  input  logic        mul_en_i,    /// operands are valid
  input  logic [15:0] a_i,         /// operand, bf16
  input  logic [15:0] b_i,         /// operand, bf16
  output logic        gated_o,     /// mul_en_i with a zero operand, the other finite
  input  logic        below_en_i,  /// a psum from below starts the sum, at the last multiplier cycle
  input  logic [31:0] below_i,     /// the psum
  input  logic        add_en_i,    /// a sum is wanted, at the adder's cycle; others are undefined
  input  logic [31:0] base_i,      /// what is added to, at the adder's cycle
  output logic [31:0] sum_o        /// base + psum from below + product
);
  // ---------------------------------------------------------------- operands
  logic a_top, b_top, a_zero, b_zero, a_normal, b_normal;
  assign a_top    = &a_i[14:7];
  assign b_top    = &b_i[14:7];
  assign a_normal = |a_i[14:7];
  assign b_normal = |b_i[14:7];
  assign a_zero   = ~a_normal & ~(|a_i[6:0]);
  assign b_zero   = ~b_normal & ~(|b_i[6:0]);
  assign gated_o  = mul_en_i & ((a_zero & ~b_top) | (b_zero & ~a_top));

  // What enters the first stage: a product that is not zero, its sign, special values, exponent, significand.
  logic live, nan, inf, sign;
  logic [9:0] exp;
  logic [15:0] sig;
  assign live = mul_en_i & ~gated_o;
  assign sign = ~mul_en_i | (a_i[15] ^ b_i[15]);  // no product is -0
  assign nan  = (a_top & ((|a_i[6:0]) | b_zero)) | (b_top & ((|b_i[6:0]) | a_zero));
  assign inf  = a_top | b_top;
  assign exp  = 10'({1'b0, a_i[14:8], a_i[7] | ~a_normal} + {1'b0, b_i[14:8], b_i[7] | ~b_normal}) - 10'd126;
  assign sig  = {8'b0, a_normal, a_i[6:0]} * {8'b0, b_normal, b_i[6:0]};

  // ---------------------------------------------------------------- stages before the last
  localparam int unsigned Inner = MulStages - 1;
  logic live_in, nan_in, inf_in, sign_in;
  logic [9:0] exp_in;
  logic [15:0] sig_in;
  if (Inner == 0) begin : gen_one
    assign {live_in, sign_in} = {live, sign};
    assign {nan_in, inf_in, exp_in, sig_in} = {nan, inf, exp, sig};
  end else begin : gen_more
    logic [Inner-1:0] live_q, sign_q;
    assign {live_in, sign_in} = {live_q[Inner-1], sign_q[Inner-1]};
    always_ff @(posedge clk_i) begin
      live_q <= Inner'({live_q, live});
      sign_q <= Inner'({sign_q, sign});
    end
    for (genvar s = 0; s < Inner; s++) begin : gen_stage
      logic [27:0] word_q;
      if (s == 0) begin : gen_first
        always_ff @(posedge clk_i) if (live) word_q <= {nan, inf, exp, sig};
      end else begin : gen_next
        always_ff @(posedge clk_i) if (live_q[s-1]) word_q <= gen_stage[s-1].word_q;
      end
    end
    assign {nan_in, inf_in, exp_in, sig_in} = gen_stage[Inner-1].word_q;
  end

  // ---------------------------------------------------------------- last stage: normalise
  logic [3:0] zeros;
  logic [15:0] n8, n4, n2, n1, sig_q;
  logic [9:0] exp_q;
  logic live_q, nan_q, inf_q, sign_q;
  logic [31:0] below_q;
  always_comb begin
    zeros = '0;
    for (int unsigned k = 0; k < 16; k++) if (sig_in[k]) zeros = 4'(15 - k);
  end
  assign n8 = zeros[3] ? {sig_in[7:0], 8'b0} : sig_in;
  assign n4 = zeros[2] ? {n8[11:0], 4'b0} : n8;
  assign n2 = zeros[1] ? {n4[13:0], 2'b0} : n4;
  assign n1 = zeros[0] ? {n2[14:0], 1'b0} : n2;
  always_ff @(posedge clk_i) begin
    live_q  <= live_in;
    sign_q  <= sign_in;
    below_q <= below_en_i ? below_i : '0;
    if (live_in) begin
      nan_q <= nan_in;
      inf_q <= inf_in & ~nan_in;
      exp_q <= exp_in - 10'(zeros);
      sig_q <= n1;
    end
  end

  eco_fp32_add #(.Stages(AddStages)) u_add (
    .clk_i, .en_i(1'b1), .valid_i(add_en_i), .a_i(base_i | below_q), .b_sign_i(sign_q), .b_nan_i(live_q & nan_q),
    .b_inf_i(live_q & inf_q), .b_exp_i(live_q ? exp_q : 10'd0), .b_sig_i(live_q ? {sig_q, 8'b0} : '0), .sum_o
  );
endmodule
