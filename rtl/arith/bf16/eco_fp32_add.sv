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
// subnormal the larger exponent need not be the larger number: both paths work out a - b and b - a.
//
// Each stage works only for numbers that are there, normalisation only for those that may cancel: what stands there
// otherwise is undefined. It costs nothing in hardware, and a simulator skips it. Undefined first, then a value: Verilator
// keeps such a variable in a processor register. Not where the block reads a part of it: Icarus Verilog wakes a block by
// parts of its own variables, and would not come to an end.
//
// Timing: Stages 1 to 4, registers at three cuts: 2 stages cut at 1, 3 at 1 and 2, 4 at all.
// Latency Stages - 1, the sum is to be registered by the user. Handshake: moves when `en_i`. Reset: none needed.
module eco_fp32_add #(
  parameter int unsigned Stages = 3  /// cycles, 1..4
) (
  input  logic        clk_i,     /// clock
  input  logic        en_i,      /// the pipeline moves
  input  logic        valid_i,   /// there are two numbers; the sum of others is undefined
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
  logic a_top, a_normal, b_major, a_up, b_up, apart, subtract, nan, inf, sign, sign_minor;
  logic [9:0] a_exp, b_more, exp, shift;
  logic [10:0] a_more;
  logic [23:0] a_sig, major, minor;
  logic [24:0] close_x, close_y;
  always_comb begin
    {a_top, a_normal, b_major, a_up, b_up, apart, subtract, nan, inf, sign, sign_minor} = 'x;
    {b_more, exp, a_sig, major, minor} = 'x;
    {close_x, close_y} = 'x;
    if (valid_i) begin
      a_top    = &a_i[30:23];
      a_normal = |a_i[30:23];
      a_exp    = {2'b00, a_i[30:24], a_i[23] | ~a_normal};
      a_sig    = {a_normal, a_i[22:0]};

      // Differences of the exponents, signed.
      a_more   = {a_exp[9], a_exp} - {b_exp_i[9], b_exp_i};
      b_more   = b_exp_i - a_exp;
      b_major  = a_more[10];
      subtract = a_i[31] ^ b_sign_i;
      major    = b_major ? b_sig_i : a_sig;
      minor    = b_major ? a_sig : b_sig_i;
      exp      = b_major ? b_exp_i : a_exp;
      shift    = b_major ? b_more : a_more[9:0];

      // Close: two bits tell the differences -1, 0 and 1 apart.
      a_up    = a_exp[1:0] == 2'(b_exp_i[1:0] + 2'd1);  // a's exponent is one more
      b_up    = b_exp_i[1:0] == 2'(a_exp[1:0] + 2'd1);  // b's is
      apart   = shift[9:1] != '0;                       // none of the three
      close_x = b_up ? {b_sig_i, 1'b0} : a_up ? {a_sig, 1'b0} : {1'b0, a_sig};
      close_y = b_up ? {1'b0, a_sig} : {1'b0, b_sig_i};

      nan        = (a_top & (|a_i[22:0] | (b_inf_i & subtract))) | b_nan_i;
      inf        = a_top | b_inf_i;
      sign       = inf ? (a_top ? a_i[31] : b_sign_i) : b_major ? b_sign_i : a_i[31];
      sign_minor = b_major ? a_i[31] : b_sign_i;
    end else begin
      {a_exp, shift, a_more} = 'x;
    end
  end

  logic valid_0, a_up_0, b_up_0, apart_0, subtract_0, nan_0, inf_0, sign_0, sign_minor_0;
  logic [9:0] exp_0, shift_0;
  logic [23:0] major_0, minor_0;
  logic [24:0] close_x_0, close_y_0;
  eco_cut #(.Cut(Cut0)) u_valid_0 (.clk_i, .en_i, .d_i(valid_i), .q_o(valid_0));
  eco_cut #(.Bits(24), .Cut(Cut0)) u_major_0 (.clk_i, .en_i, .d_i(major), .q_o(major_0));
  eco_cut #(.Bits(24), .Cut(Cut0)) u_minor_0 (.clk_i, .en_i, .d_i(minor), .q_o(minor_0));
  eco_cut #(.Bits(25), .Cut(Cut0)) u_close_x_0 (.clk_i, .en_i, .d_i(close_x), .q_o(close_x_0));
  eco_cut #(.Bits(25), .Cut(Cut0)) u_close_y_0 (.clk_i, .en_i, .d_i(close_y), .q_o(close_y_0));
  eco_cut #(.Bits(10), .Cut(Cut0)) u_exp_0 (.clk_i, .en_i, .d_i(exp), .q_o(exp_0));
  eco_cut #(.Bits(10), .Cut(Cut0)) u_shift_0 (.clk_i, .en_i, .d_i(shift), .q_o(shift_0));
  eco_cut #(.Cut(Cut0)) u_a_up_0 (.clk_i, .en_i, .d_i(a_up), .q_o(a_up_0));
  eco_cut #(.Cut(Cut0)) u_b_up_0 (.clk_i, .en_i, .d_i(b_up), .q_o(b_up_0));
  eco_cut #(.Cut(Cut0)) u_apart_0 (.clk_i, .en_i, .d_i(apart), .q_o(apart_0));
  eco_cut #(.Cut(Cut0)) u_subtract_0 (.clk_i, .en_i, .d_i(subtract), .q_o(subtract_0));
  eco_cut #(.Cut(Cut0)) u_nan_0 (.clk_i, .en_i, .d_i(nan), .q_o(nan_0));
  eco_cut #(.Cut(Cut0)) u_inf_0 (.clk_i, .en_i, .d_i(inf), .q_o(inf_0));
  eco_cut #(.Cut(Cut0)) u_sign_0 (.clk_i, .en_i, .d_i(sign), .q_o(sign_0));
  eco_cut #(.Cut(Cut0)) u_sign_minor_0 (.clk_i, .en_i, .d_i(sign_minor), .q_o(sign_minor_0));

  // ---------------------------------------------------------------- coarse shift; difference of close numbers
  logic [26:0] by16, by8;  // significand, guard, round, sticky
  logic [24:0] close_less, close_more, close;
  logic close_carry, wide, may, limited, close_sign;
  always_comb begin
    {by16, by8} = 'x;
    {close_less, close_more} = 'x;
    {close, close_carry, wide, may, limited, close_sign} = 'x;
    if (valid_0) begin
      by16 = |shift_0[9:5] ? {26'b0, |minor_0}
           : shift_0[4]    ? {16'b0, minor_0[23:14], |minor_0[13:0]} : {minor_0, 3'b0};
      by8  = shift_0[3] ? (by16 >> 8) | 27'(|(by16 & 27'hff)) : by16;

      close_less = close_x_0 + ~close_y_0;  // the inverse of y - x
      {close_carry, close_more} = {1'b0, close_x_0} + {1'b0, ~close_y_0} + 26'd1;  // x - y
      close      = close_carry ? close_more : ~close_less;
      wide       = a_up_0 | b_up_0;
      limited    = exp_0 == 10'd1;
      may        = subtract_0 & ~apart_0 & ~limited;
      close_sign = sign_0 ^ ~close_carry;
    end
  end

  logic valid_1, wide_1, may_1, limited_1, subtract_1, nan_1, inf_1, sign_1, sign_minor_1, close_sign_1;
  logic [2:0] shift_1;
  logic [9:0] exp_1;
  logic [23:0] major_1;
  logic [24:0] close_1;
  logic [26:0] minor_1;
  eco_cut #(.Cut(Cut1)) u_valid_1 (.clk_i, .en_i, .d_i(valid_0), .q_o(valid_1));
  eco_cut #(.Bits(24), .Cut(Cut1)) u_major_1 (.clk_i, .en_i, .d_i(major_0), .q_o(major_1));
  eco_cut #(.Bits(27), .Cut(Cut1)) u_minor_1 (.clk_i, .en_i, .d_i(by8), .q_o(minor_1));
  eco_cut #(.Bits(25), .Cut(Cut1)) u_close_1 (.clk_i, .en_i, .d_i(close), .q_o(close_1));
  eco_cut #(.Bits(10), .Cut(Cut1)) u_exp_1 (.clk_i, .en_i, .d_i(exp_0), .q_o(exp_1));
  eco_cut #(.Bits(3), .Cut(Cut1)) u_shift_1 (.clk_i, .en_i, .d_i(shift_0[2:0]), .q_o(shift_1));
  eco_cut #(.Cut(Cut1)) u_wide_1 (.clk_i, .en_i, .d_i(wide), .q_o(wide_1));
  eco_cut #(.Cut(Cut1)) u_may_1 (.clk_i, .en_i, .d_i(may), .q_o(may_1));
  eco_cut #(.Cut(Cut1)) u_limited_1 (.clk_i, .en_i, .d_i(limited), .q_o(limited_1));
  eco_cut #(.Cut(Cut1)) u_subtract_1 (.clk_i, .en_i, .d_i(subtract_0), .q_o(subtract_1));
  eco_cut #(.Cut(Cut1)) u_nan_1 (.clk_i, .en_i, .d_i(nan_0), .q_o(nan_1));
  eco_cut #(.Cut(Cut1)) u_inf_1 (.clk_i, .en_i, .d_i(inf_0), .q_o(inf_1));
  eco_cut #(.Cut(Cut1)) u_sign_1 (.clk_i, .en_i, .d_i(sign_0), .q_o(sign_1));
  eco_cut #(.Cut(Cut1)) u_sign_minor_1 (.clk_i, .en_i, .d_i(sign_minor_0), .q_o(sign_minor_1));
  eco_cut #(.Cut(Cut1)) u_close_sign_1 (.clk_i, .en_i, .d_i(close_sign), .q_o(close_sign_1));

  // ---------------------------------------------------------------- far: fine shift and sum
  logic [26:0] by4, by2, by1;
  logic [27:0] x, y, far_sum, far_next, far;
  logic far_carry, far_negative, far_sign;
  always_comb begin
    {by4, by2} = 'x;
    {by1, far_carry, far_negative, far_sign} = 'x;
    {x, y} = 'x;
    {far_sum, far_next} = 'x;
    far = 'x;
    if (valid_1) begin
      by4 = shift_1[2] ? {4'b0, minor_1[26:5], |minor_1[4:0]} : minor_1;
      by2 = shift_1[1] ? (by4 >> 2) | 27'(|(by4 & 27'd3)) : by4;
      by1 = shift_1[0] ? (by2 >> 1) | (by2 & 27'd1) : by2;

      x = {1'b0, major_1, 3'b0};
      y = {1'b0, by1} ^ {28{subtract_1}};
      far_sum = x + y;  // of a difference: the inverse of minor - major
      {far_carry, far_next} = {1'b0, x} + {1'b0, y} + 29'd1;
      far_negative = subtract_1 & ~far_carry;
      far      = ~subtract_1 ? far_sum : far_negative ? ~far_sum : far_next;
      far_sign = far_negative & ~inf_1 ? sign_minor_1 : sign_1;
    end
  end

  // ---------------------------------------------------------------- close: normalise
  // A leading one at the place where the exponent would become 0 ends the search: the rest is subnormal.
  logic [24:0] place, stop, n16, n8, n4, n2;
  logic [23:0] n1;
  logic [4:0] found, zeros;
  logic [7:0] close_exp;
  logic take;
  always_comb begin
    if (valid_1 & may_1) begin
      // The place of exp_1 is the leading bit when the exponents differ, otherwise the next one.
      place = wide_1 ? close_1 : {close_1[23:0], 1'b0};
      stop  = |exp_1[9:5] ? '0 : 25'(26'h200_0000 >> exp_1[4:0]);
      found = '0;
      for (int unsigned k = 0; k < 25; k++) if (place[k] | stop[k]) found = 5'(24 - k);
      zeros = found;
      n16 = zeros[4] ? {place[8:0], 16'b0} : place;
      n8  = zeros[3] ? {n16[16:0], 8'b0} : n16;
      n4  = zeros[2] ? {n8[20:0], 4'b0} : n8;
      n2  = zeros[1] ? {n4[22:0], 2'b0} : n4;
      n1  = zeros[0] ? n2[23:0] : n2[24:1];
      close_exp = exp_1[7:0] - 8'(zeros);
      take = ~place[24];  // with its leading bit in place it may have to be rounded
    end else begin
      {place, stop} = 'x;
      {n16, n8} = 'x;
      {n4, n2} = 'x;
      {n1, found, zeros, close_exp} = 'x;
      take = 1'b0;
    end
  end

  logic valid_2, take_2, limited_2, subtract_2, nan_2, inf_2, sign_2, close_sign_2;
  logic [7:0] close_exp_2;
  logic [8:0] exp_2;
  logic [23:0] close_2;
  logic [27:0] far_2;
  eco_cut #(.Cut(Cut2)) u_valid_2 (.clk_i, .en_i, .d_i(valid_1), .q_o(valid_2));
  eco_cut #(.Bits(28), .Cut(Cut2)) u_far_2 (.clk_i, .en_i, .d_i(far), .q_o(far_2));
  eco_cut #(.Bits(24), .Cut(Cut2)) u_close_2 (.clk_i, .en_i, .d_i(n1), .q_o(close_2));
  eco_cut #(.Bits(9), .Cut(Cut2)) u_exp_2 (.clk_i, .en_i, .d_i(exp_1[8:0]), .q_o(exp_2));
  eco_cut #(.Bits(8), .Cut(Cut2)) u_close_exp_2 (.clk_i, .en_i, .d_i(close_exp), .q_o(close_exp_2));
  eco_cut #(.Cut(Cut2)) u_take_2 (.clk_i, .en_i, .d_i(take), .q_o(take_2));
  eco_cut #(.Cut(Cut2)) u_limited_2 (.clk_i, .en_i, .d_i(limited_1), .q_o(limited_2));
  eco_cut #(.Cut(Cut2)) u_subtract_2 (.clk_i, .en_i, .d_i(subtract_1), .q_o(subtract_2));
  eco_cut #(.Cut(Cut2)) u_nan_2 (.clk_i, .en_i, .d_i(nan_1), .q_o(nan_2));
  eco_cut #(.Cut(Cut2)) u_inf_2 (.clk_i, .en_i, .d_i(inf_1), .q_o(inf_2));
  eco_cut #(.Cut(Cut2)) u_sign_2 (.clk_i, .en_i, .d_i(far_sign), .q_o(sign_2));
  eco_cut #(.Cut(Cut2)) u_close_sign_2 (.clk_i, .en_i, .d_i(close_sign_1 & (|close_1)), .q_o(close_sign_2));

  // ---------------------------------------------------------------- round and choose
  logic right, left, odd, half, rest, up, carry, overflow, zero;
  logic [8:0] exp_less, exp_more;  // exponents of a far sum a place below, a place above
  logic [11:0] low;
  logic [18:0] high;
  logic [19:0] high_next;
  logic [31:0] whole;  // exponent and fraction in one number: a carry of one goes into the other
  always_comb begin
    {right, left, odd, half, rest, up, carry, overflow, zero, low, high} = 'x;
    {exp_less, exp_more} = 'x;
    sum_o = 'x;
    if (valid_2) begin
      exp_less = exp_2 - 9'd1;
      exp_more = exp_2 + 9'd1;
      right = far_2[27];
      left  = ~far_2[27] & ~far_2[26] & ~limited_2;
      whole = right ? {exp_more, far_2[26:4]}
            : left  ? {exp_less, far_2[24:2]}
                    : {far_2[26] ? exp_2 : 9'd0, far_2[25:3]};
      odd  = right ? far_2[4] : left ? far_2[2] : far_2[3];
      half = right ? far_2[3] : left ? far_2[1] : far_2[2];
      rest = right ? |far_2[2:0] : left ? far_2[0] : |far_2[1:0];
      up   = half & (odd | rest);

      // Both halves are counted up before it is known whether they have to be.
      low       = up ? whole[11:0] + 12'd1 : whole[11:0];
      high_next = whole[31:12] + 20'd1;
      carry     = up & (&whole[11:0]);
      high      = carry ? high_next[18:0] : whole[30:12];
      overflow  = carry ? high_next[19] | (&high_next[18:11]) : whole[31] | (&whole[30:23]);
      zero      = subtract_2 & ~(|far_2);  // an exact difference of nothing is +0

      if (nan_2)                    sum_o = 32'h7fc0_0000;
      else if (inf_2)               sum_o = {sign_2, 31'h7f80_0000};
      else if (take_2)              sum_o = {close_sign_2, close_2[23] ? close_exp_2 : 8'd0, close_2[22:0]};
      else if (overflow)            sum_o = {sign_2, 31'h7f80_0000};
      else                          sum_o = {sign_2 & ~zero, high, low};
    end else begin
      {high_next, whole} = 'x;
    end
  end
endmodule
