// SPDX-License-Identifier: Apache-2.0
// The arithmetic of bf16 at several latencies beside each other, all fed with the same numbers; the results of
// the numbers of cycle t leave together in cycle t + 8.
module arith_bf16 #(
  parameter int unsigned Variants = 5,
  localparam int unsigned Latency  = 8
) (
  input  logic                   clk_i,
  input  logic                   mul_en_i,    // there is a product
  input  logic                   below_en_i,  // the addend comes from below, not as the base
  input  logic [15:0]            a_i,
  input  logic [15:0]            b_i,
  input  logic [31:0]            c_i,
  input  logic                   second_i,    // of the psum adder: there is a second number
  input  logic [31:0]            x_i,
  input  logic [31:0]            y_i,
  output logic                   gated_o,
  output logic [Variants*32-1:0] mac_o,
  output logic [Variants*32-1:0] add_o,
  output logic [31:0]            bf16_o       // of x, without delay
);
  localparam int unsigned Mul[5] = '{1, 2, 2, 3, 4};
  localparam int unsigned Add[5] = '{1, 2, 3, 4, 3};

  // Numbers of earlier cycles: t ago in bits t*N.
  logic [Latency*32-1:0] c_q;
  logic [Latency-1:0] below_q;
  always_ff @(posedge clk_i) begin
    c_q     <= (Latency*32)'({c_q, c_i});
    below_q <= Latency'({below_q, below_en_i});
  end
  logic [Variants-1:0] gated;
  assign gated_o = gated[0];
  eco_result u_result (.round_i(1'b1), .data_i(x_i), .data_o(bf16_o));

  for (genvar v = 0; v < Variants; v++) begin : gen_variant
    localparam int unsigned MacRest = Latency - Mul[v] - Add[v] + 1;  // registers behind the combinational sum
    localparam int unsigned AddRest = Latency - Add[v] + 1;
    logic [31:0] early, base, mac, add;
    logic early_en;
    if (Mul[v] == 1) begin : gen_now
      assign early = c_i;
      assign early_en = below_en_i;
    end else begin : gen_later
      assign early = c_q[(Mul[v]-2)*32 +: 32];
      assign early_en = below_q[Mul[v]-2];
    end
    assign base = below_q[Mul[v]-1] ? '0 : c_q[(Mul[v]-1)*32 +: 32];
    eco_mac #(.MulStages(Mul[v]), .AddStages(Add[v])) u_mac (
      .clk_i, .mul_en_i, .a_i, .b_i, .gated_o(gated[v]), .below_en_i(early_en), .below_i(early),
      .add_en_i(1'b1), .base_i(base), .sum_o(mac)
    );
    eco_psum_add #(.Stages(Add[v])) u_add (
      .clk_i, .en_i(1'b1), .valid_i(1'b1), .a_i(x_i), .b_en_i(second_i), .b_i(y_i), .sum_o(add)
    );
    logic [MacRest*32-1:0] mac_q;
    logic [AddRest*32-1:0] add_q;
    always_ff @(posedge clk_i) begin
      mac_q <= (MacRest*32)'({mac_q, mac});
      add_q <= (AddRest*32)'({add_q, add});
    end
    assign mac_o[v*32 +: 32] = mac_q[(MacRest-1)*32 +: 32];
    assign add_o[v*32 +: 32] = add_q[(AddRest-1)*32 +: 32];
  end
endmodule
