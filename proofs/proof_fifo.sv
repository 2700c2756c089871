// SPDX-License-Identifier: Apache-2.0
// eco_fifo: any word that goes in comes out once, unchanged, after exactly the words before it.
//
// One word, any, is followed: how many stand before it is counted; when none is left it is the head.
module proof_fifo #(
  parameter int unsigned Depth    = 8,
  parameter int unsigned DataBits = 2
) (
  input logic                clk_i,
  input logic                push_i,
  input logic                pop_i,
  input logic                follow_i,  // follow the word that is pushed now
  input logic [DataBits-1:0] data_i
);
  logic rst_ni = 1'b0;
  always_ff @(posedge clk_i) rst_ni <= 1'b1;

  logic valid;
  logic [DataBits-1:0] head;
  eco_fifo #(.Depth(Depth), .DataBits(DataBits)) u_fifo (
    .clk_i, .rst_ni, .push_i, .data_i, .pop_i, .valid_o(valid), .data_o(head)
  );

  localparam int unsigned Bits = $clog2(Depth) + 2;
  logic [Bits-1:0] level_q, before_q;
  logic following_q;
  logic [DataBits-1:0] word_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      level_q     <= 0;
      following_q <= 1'b0;
    end else begin
      level_q <= level_q + Bits'(push_i) - Bits'(pop_i);
      if (following_q) begin
        before_q <= before_q - Bits'(pop_i);
        if (pop_i && before_q == 0) following_q <= 1'b0;
      end else if (push_i && follow_i) begin
        following_q <= 1'b1;
        before_q    <= level_q - Bits'(pop_i);
        word_q      <= data_i;
      end
    end
  end

  always @(posedge clk_i) if (rst_ni) begin
    // The pushing side holds a credit, the popping side looks at valid.
    assume (!push_i || level_q < Bits'(Depth));
    assume (!pop_i || level_q != 0);
    assert (valid == (level_q != 0));
    assert (!(following_q && before_q == 0) || (valid && head == word_q));
  end
endmodule
