// SPDX-License-Identifier: Apache-2.0
// Arithmetic of a PE for int16 operands and int32 psums (modulo 2^32): a pipelined multiplier
// with zero gating, then an adder. The one module to replace for another number format.
//
// Timing: operands enter in cycle t with `mul_en_i`; their product meets `base_i` at the adder
// in cycle t + MulStages; the sum stands on `sum_o` in cycle t + MulStages + AddStages - 1
// (combinational for AddStages = 1) and is to be registered by the user. A zero operand holds
// the multiplier's registers (Table 3, clock gating on zero operations). Reset: none needed.
module eco_mac_int16 #(
  parameter int unsigned MulStages = 2,  /// registers in the multiplier, 1..4
  parameter int unsigned AddStages = 1   /// cycles of the adder, 1..4
) (
  input  logic        clk_i,     /// clock
  input  logic        mul_en_i,  /// operands are valid
  input  logic [15:0] a_i,       /// operand, signed
  input  logic [15:0] b_i,       /// operand, signed
  output logic        gated_o,   /// mul_en_i with a zero operand
  input  logic [31:0] add_i,     /// psum from below or zero, at the adder's cycle
  input  logic [31:0] base_i,    /// what is added to, at the adder's cycle
  output logic [31:0] sum_o      /// base + psum from below + product
);
  logic [MulStages:0] live;  // a product stands in stage s (0: the operands)
  logic [31:0] prod, sum_d;

  assign gated_o = mul_en_i & ((a_i == '0) | (b_i == '0));

  assign live[0] = mul_en_i & ~gated_o;
  for (genvar s = 0; s < MulStages; s++) begin : gen_mul
    logic live_q;
    logic [31:0] prod_q, prod_d;
    if (s == 0) begin : gen_first
      assign prod_d = 32'($signed(a_i)) * 32'($signed(b_i));
    end else begin : gen_next
      assign prod_d = gen_mul[s-1].prod_q;
    end
    always_ff @(posedge clk_i) begin
      live_q <= live[s];
      if (live[s]) prod_q <= prod_d;
    end
    assign live[s+1] = live_q;
    if (s == MulStages - 1) begin : gen_last
      assign prod = prod_q;
    end
  end

  assign sum_d = base_i + add_i + (live[MulStages] ? prod : '0);

  if (AddStages == 1) begin : gen_add_comb
    assign sum_o = sum_d;
  end else begin : gen_add_pipe
    logic [(AddStages-1)*32-1:0] sum_q;
    if (AddStages == 2) begin : gen_two
      always_ff @(posedge clk_i) sum_q <= sum_d;
    end else begin : gen_more
      always_ff @(posedge clk_i) sum_q <= {sum_q[(AddStages-2)*32-1:0], sum_d};
    end
    assign sum_o = sum_q[(AddStages-2)*32 +: 32];
  end
endmodule
