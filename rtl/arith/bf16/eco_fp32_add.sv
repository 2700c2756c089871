// SPDX-License-Identifier: Apache-2.0
// Sum of an fp32 number and of a number with a wider exponent (a product of two bf16, or fp32 as well), rounded
// once: IEEE 754, to nearest, ties to even, subnormals kept, NaN always 0x7fc00000, no flags.
//
// `b` is sig * 2^(exp - 127 - 23) with the leading bit of sig set, except where exp is 1 (fp32 below 2^-126)
// or sig is 0 (then exp is at most 1). Exponents below 1 are those of products that fp32 does not reach.
//
// Two paths (close and far, as in most adders of this kind). Close: a difference of numbers whose exponents are
// at most 1 apart and that cancel: it is exact and is only normalised. Far: everything else; the smaller one is
// shifted, what falls off is kept as one sticky bit, the sum moves by at most one place and is rounded. Where `a` is
// subnormal the larger exponent need not be the larger number: both paths take |a - b| of a compound adder.
//
// Timing: Stages 1 to 4, registers at three cuts: 2 stages cut at 1, 3 at 1 and 2, 4 at all.
// Latency Stages - 1, the sum is to be registered by the user. Handshake: moves when `en_i`. Reset: none needed.
module eco_fp32_add #(
  parameter int unsigned Stages = 3  /// cycles, 1..4
) (
  input  logic        clk_i,     /// clock
  input  logic        en_i,      /// the pipeline moves
  input  logic [31:0] a_i,       /// fp32
  input  logic        b_sign_i,  /// second number: sign
  input  logic        b_nan_i,   /// it is NaN
  input  logic        b_inf_i,   /// it is infinite
  input  logic [9:0]  b_exp_i,   /// its exponent, signed, biased as fp32
  input  logic [23:0] b_sig_i,   /// its significand
  output logic [31:0] sum_o      /// a + b, fp32
);
  localparam int unsigned Cut0 = Stages == 4 ? 1 : 0;
  localparam int unsigned Cut1 = Stages >= 2 ? 1 : 0;
  localparam int unsigned Cut2 = Stages >= 3 ? 1 : 0;

  // ---------------------------------------------------------------- which exponent is larger
  logic [9:0] a_exp;
  logic [23:0] a_sig;
  logic a_top, a_normal;
  assign a_top    = &a_i[30:23];
  assign a_normal = |a_i[30:23];
  assign a_exp    = {2'b00, a_i[30:24], a_i[23] | ~a_normal};
  assign a_sig    = {a_normal, a_i[22:0]};

  logic [10:0] a_more;  // differences of the exponents, signed
  logic [9:0] b_more;
  logic b_major, subtract;
  assign a_more   = {a_exp[9], a_exp} - {b_exp_i[9], b_exp_i};
  assign b_more   = b_exp_i - a_exp;
  assign b_major  = a_more[10];
  assign subtract = a_i[31] ^ b_sign_i;

  logic [23:0] major, minor;
  logic [9:0] exp, shift;
  assign major = b_major ? b_sig_i : a_sig;
  assign minor = b_major ? a_sig : b_sig_i;
  assign exp   = b_major ? b_exp_i : a_exp;
  assign shift = b_major ? b_more : a_more[9:0];

  // Close: two bits tell the differences -1, 0 and 1 apart.
  logic a_up, b_up, apart;  // a's exponent is one more, b's is; neither of the three
  logic [24:0] close_x, close_y;
  assign a_up    = a_exp[1:0] == 2'(b_exp_i[1:0] + 2'd1);
  assign b_up    = b_exp_i[1:0] == 2'(a_exp[1:0] + 2'd1);
  assign apart   = shift[9:1] != '0;
  assign close_x = b_up ? {b_sig_i, 1'b0} : a_up ? {a_sig, 1'b0} : {1'b0, a_sig};
  assign close_y = b_up ? {1'b0, a_sig} : {1'b0, b_sig_i};

  // Special results.
  logic nan, inf, sign_inf;
  assign nan = (a_top & (|a_i[22:0] | (b_inf_i & subtract))) | b_nan_i;
  assign inf = a_top | b_inf_i;
  assign sign_inf = a_top ? a_i[31] : b_sign_i;

  logic [23:0] major_0, minor_0;
  logic [24:0] close_x_0, close_y_0;
  logic [9:0] exp_0, shift_0;
  logic a_up_0, b_up_0, subtract_0, apart_0, nan_0, inf_0, sign_0, sign_minor_0;
  eco_cut #(.Bits(126), .Cut(Cut0)) u_cut_0 (
    .clk_i, .en_i,
    .d_i({major, minor, close_x, close_y, exp, shift, a_up, b_up, subtract, apart, nan, inf,
          inf ? sign_inf : b_major ? b_sign_i : a_i[31], b_major ? a_i[31] : b_sign_i}),
    .q_o({major_0, minor_0, close_x_0, close_y_0, exp_0, shift_0, a_up_0, b_up_0, subtract_0, apart_0, nan_0, inf_0,
          sign_0, sign_minor_0})
  );

  // ---------------------------------------------------------------- coarse shift; difference of close numbers
  logic [26:0] by16, by8;  // significand, guard, round, sticky
  logic [24:0] close_less, close_more, close_diff;
  logic close_carry, close_negative, limited;
  assign by16 = |shift_0[9:5] ? {26'b0, |minor_0}
              : shift_0[4]    ? {16'b0, minor_0[23:14], |minor_0[13:0]} : {minor_0, 3'b0};
  assign by8  = shift_0[3] ? {8'b0, by16[26:9], |by16[8:0]} : by16;

  eco_compound_add #(.Bits(25)) u_close (
    .a_i(close_x_0), .b_i(~close_y_0), .sum_o(close_less), .next_o(close_more), .carry_o(close_carry)
  );
  assign close_negative = ~close_carry;
  assign close_diff     = close_negative ? ~close_less : close_more;
  assign limited        = exp_0 == 10'd1;

  logic [23:0] major_1;
  logic [26:0] minor_1;
  logic [24:0] close_1;
  logic [9:0] exp_1;
  logic [2:0] shift_1;
  logic wide_1, may_1, subtract_1, limited_1, nan_1, inf_1, sign_1, sign_minor_1, close_sign_1;
  eco_cut #(.Bits(98), .Cut(Cut1)) u_cut_1 (
    .clk_i, .en_i,
    .d_i({major_0, by8, close_diff, exp_0, shift_0[2:0], a_up_0 | b_up_0, subtract_0 & ~apart_0, subtract_0, limited,
          nan_0, inf_0, sign_0, sign_minor_0, sign_0 ^ close_negative}),
    .q_o({major_1, minor_1, close_1, exp_1, shift_1, wide_1, may_1, subtract_1, limited_1,
          nan_1, inf_1, sign_1, sign_minor_1, close_sign_1})
  );

  // ---------------------------------------------------------------- far: fine shift and sum
  logic [26:0] by4, by2, by1;
  assign by4 = shift_1[2] ? {4'b0, minor_1[26:5], |minor_1[4:0]} : minor_1;
  assign by2 = shift_1[1] ? {2'b0, by4[26:3], |by4[2:0]} : by4;
  assign by1 = shift_1[0] ? {1'b0, by2[26:2], |by2[1:0]} : by2;

  logic [27:0] far_sum, far_next, far;
  logic far_carry, far_negative;
  eco_compound_add #(.Bits(28)) u_far (
    .a_i({1'b0, major_1, 3'b0}), .b_i({1'b0, by1} ^ {28{subtract_1}}),
    .sum_o(far_sum), .next_o(far_next), .carry_o(far_carry)
  );
  assign far_negative = subtract_1 & ~far_carry;
  assign far = ~subtract_1 ? far_sum : far_negative ? ~far_sum : far_next;

  // ---------------------------------------------------------------- close: normalise
  // A leading one at the place where the exponent would become 0 ends the search: the rest is subnormal.
  logic [24:0] close_place, stop;
  logic [4:0] zeros;
  logic [24:0] n16, n8, n4, n2;
  logic [23:0] n1;
  logic close_none;
  logic [7:0] close_exp;
  // The place of exp_1 is the leading bit when the exponents differ, otherwise the next one.
  assign close_place = wide_1 ? close_1 : {close_1[23:0], 1'b0};
  assign stop        = |exp_1[9:5] ? '0 : 25'(26'h200_0000 >> exp_1[4:0]);
  always_comb begin
    zeros = '0;
    for (int unsigned k = 0; k < 25; k++) if (close_place[k] | stop[k]) zeros = 5'(24 - k);
  end
  assign n16 = zeros[4] ? {close_place[8:0], 16'b0} : close_place;
  assign n8  = zeros[3] ? {n16[16:0], 8'b0} : n16;
  assign n4  = zeros[2] ? {n8[20:0], 4'b0} : n8;
  assign n2  = zeros[1] ? {n4[22:0], 2'b0} : n4;
  assign n1  = zeros[0] ? n2[23:0] : n2[24:1];
  assign close_none = ~(|close_1);
  assign close_exp  = exp_1[7:0] - 8'(zeros);

  // Only what cancels: with its leading bit in place it may have to be rounded.
  logic close;
  assign close = may_1 & ~limited_1 & ~close_place[24];

  logic [27:0] far_2;
  logic [23:0] close_2;
  logic [8:0] exp_2;
  logic [7:0] close_exp_2;
  logic close_take_2, limited_2, subtract_2, nan_2, inf_2, sign_2, close_sign_2;
  eco_cut #(.Bits(76), .Cut(Cut2)) u_cut_2 (
    .clk_i, .en_i,
    .d_i({far, n1, exp_1[8:0], close_exp, close, limited_1, subtract_1, nan_1, inf_1,
          far_negative & ~inf_1 ? sign_minor_1 : sign_1, close_sign_1 & ~close_none}),
    .q_o({far_2, close_2, exp_2, close_exp_2, close_take_2, limited_2, subtract_2, nan_2, inf_2, sign_2, close_sign_2})
  );

  // ---------------------------------------------------------------- round and choose
  logic [8:0] exp_less, exp_more;  // exponents of a far sum a place below, a place above
  assign exp_less = exp_2 - 9'd1;
  assign exp_more = exp_2 + 9'd1;
  logic right, left;
  assign right = far_2[27];
  assign left  = ~far_2[27] & ~far_2[26] & ~limited_2;

  logic [31:0] whole, rounded;  // exponent and fraction in one number: a carry of one goes into the other
  logic odd, half, rest, up;
  assign whole = right ? {exp_more, far_2[26:4]}
               : left  ? {exp_less, far_2[24:2]}
                       : {far_2[26] ? exp_2 : 9'd0, far_2[25:3]};
  assign odd  = right ? far_2[4] : left ? far_2[2] : far_2[3];
  assign half = right ? far_2[3] : left ? far_2[1] : far_2[2];
  assign rest = right ? |far_2[2:0] : left ? far_2[0] : |far_2[1:0];
  assign up   = half & (odd | rest);
  assign rounded = whole + 32'(up);

  logic overflow, zero;
  assign overflow = rounded[31] | (&rounded[30:23]);
  assign zero     = subtract_2 & ~(|far_2);  // an exact difference of nothing is +0
  always_comb begin
    if (nan_2)                      sum_o = 32'h7fc0_0000;
    else if (inf_2)                 sum_o = {sign_2, 31'h7f80_0000};
    else if (close_take_2)          sum_o = {close_sign_2, close_2[23] ? close_exp_2 : 8'd0, close_2[22:0]};
    else if (overflow)              sum_o = {sign_2, 31'h7f80_0000};
    else                            sum_o = {sign_2 & ~zero, rounded[30:0]};
  end
endmodule
