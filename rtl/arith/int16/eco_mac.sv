// SPDX-License-Identifier: Apache-2.0
// Arithmetic of a PE for int16 operands and int32 psums (modulo 2^32): a pipelined multiplier
// with zero gating, then an adder.
//
// Timing: operands enter in cycle t with `mul_en_i`. The psum from below joins the product in the last
// multiplier cycle, t + MulStages - 1; the result meets `base_i` at the adder in cycle t + MulStages;
// the sum stands on `sum_o` in cycle t + MulStages + AddStages - 1 (combinational for AddStages = 1)
// and is to be registered by the user.
//
// Multiplier: stage 1 multiplies by 2^(MulStages-1) parts of `b_i`, each later stage adds neighbours.
// Adder: each stage adds 1/AddStages of the bits. A zero operand holds the multiplier's registers
// (Table 3, clock gating on zero operations). Reset: none needed.
module eco_mac #(
  parameter int unsigned MulStages = 2,  /// registers in the multiplier, 1..4
  parameter int unsigned AddStages = 1   /// cycles of the adder, 1..4
) (
  input  logic        clk_i,       /// clock
  input  logic        mul_en_i,    /// operands are valid
  input  logic [15:0] a_i,         /// operand, signed
  input  logic [15:0] b_i,         /// operand, signed
  output logic        gated_o,     /// mul_en_i with a zero operand
  input  logic        below_en_i,  /// a psum from below is added, at the last multiplier cycle
  input  logic [31:0] below_i,     /// the psum
  input  logic        add_en_i,    /// a sum is wanted, at the adder's cycle; others are undefined
  input  logic [31:0] base_i,      /// what is added to, at the adder's cycle
  output logic [31:0] sum_o        /// base + psum from below + product
);
  localparam int unsigned Parts    = 1 << (MulStages - 1);
  localparam int unsigned PartBits = 16 / Parts;

  logic term_live_q;
  logic [31:0] term, sum_base, sum_term;

  assign gated_o = mul_en_i & ((a_i == '0) | (b_i == '0));

  // Products of the parts, then sums of neighbours; one word is left behind the last stage.
  for (genvar s = 0; s < MulStages; s++) begin : gen_mul
    localparam int unsigned Words = Parts >> s;
    logic live;  // a product enters the stage behind
    logic [Words*32-1:0] word_q;
    if (s == 0) begin : gen_products
      assign live = mul_en_i & ~gated_o;
      logic [Words*32-1:0] word;
      for (genvar k = 0; k < Words; k++) begin : gen_product
        // The last part carries the sign.
        logic signed [PartBits:0] part;
        assign part = {k == Words - 1 ? b_i[15] : 1'b0, b_i[k*PartBits +: PartBits]};
        assign word[k*32 +: 32] = 32'($signed(a_i) * part);
      end
    end else begin : gen_behind
      always_ff @(posedge clk_i) live <= gen_mul[s-1].live;
    end
    if (s == MulStages - 1) begin : gen_last
      // The last two words and the psum from below: three become two, then one.
      logic [31:0] x, y, z, word;
      if (s == 0) begin : gen_one
        assign x = live ? gen_products.word : '0;
        assign y = '0;
      end else begin : gen_two
        assign x = live ? gen_mul[s-1].word_q[31:0] : '0;
        assign y = live ? gen_mul[s-1].word_q[63:32] << (PartBits << (s - 1)) : '0;
      end
      assign z = below_en_i ? below_i : '0;
      eco_add u_join (
        .a_i(x ^ y ^ z), .b_i(((x & y) | (x & z) | (y & z)) << 1), .carry_i(1'b0), .sum_o(word), .carry_o()
      );
      always_ff @(posedge clk_i) begin
        if (live | below_en_i) word_q <= word;
        term_live_q <= live | below_en_i;
      end
      assign term = term_live_q ? word_q : '0;
    end else begin : gen_inner
      if (s == 0) begin : gen_keep
        always_ff @(posedge clk_i) if (live) word_q <= gen_products.word;
      end else begin : gen_sums
        for (genvar k = 0; k < Words; k++) begin : gen_sum
          always_ff @(posedge clk_i) begin
            if (live) begin
              word_q[k*32 +: 32] <= gen_mul[s-1].word_q[2*k*32 +: 32]
                  + (gen_mul[s-1].word_q[(2*k+1)*32 +: 32] << (PartBits << (s - 1)));
            end
          end
        end
      end
    end
  end

  // Part k of the bits is added in stage k; what later parts need travels along.
  assign sum_base = base_i;
  assign sum_term = term;
  localparam int unsigned AddBits = (31 + AddStages) / AddStages;
  for (genvar k = 0; k < AddStages; k++) begin : gen_add
    localparam int unsigned Low  = k * AddBits;
    localparam int unsigned Bits = k == AddStages - 1 ? 32 - Low : AddBits;
    logic [31:0] base, addend, result;  // result: parts up to this one
    logic carry, carry_out;
    logic [Bits-1:0] part;
    eco_add #(.Bits(Bits)) u_add (
      .a_i(base[Low +: Bits]), .b_i(addend[Low +: Bits]), .carry_i(carry), .sum_o(part), .carry_o(carry_out)
    );
    if (k == 0) begin : gen_first
      assign base   = sum_base;
      assign addend = sum_term;
      assign carry  = 1'b0;
      assign result = 32'(part);
    end else begin : gen_next
      logic [31:0] base_q, addend_q, result_q;
      logic carry_q;
      always_ff @(posedge clk_i) begin
        base_q   <= gen_add[k-1].base;
        addend_q <= gen_add[k-1].addend;
        result_q <= gen_add[k-1].result;
        carry_q  <= gen_add[k-1].carry_out;
      end
      assign base   = base_q;
      assign addend = addend_q;
      assign carry  = carry_q;
      assign result = result_q | (32'(part) << Low);
    end
    if (k == AddStages - 1) begin : gen_sum
      assign sum_o = result;
    end
  end
endmodule
