// SPDX-License-Identifier: Apache-2.0
// eco_gin_queue: any word of any beat comes out once, unchanged and with its destination, after
// exactly the words before it; a full beat fits whenever the queue says so, and it says so when it does.
module proof_gin_queue #(
  parameter int unsigned Depth    = 8,
  parameter int unsigned Lanes    = 5,
  parameter int unsigned DataBits = 1,
  localparam int unsigned CntBits = $clog2(Lanes + 1)
) (
  input logic                      clk_i,
  input logic                      push_i,
  input logic [1:0]                dest_i,
  input logic [CntBits-1:0]        count_i,
  input logic [Lanes*DataBits-1:0] data_i,
  input logic                      pop_i,
  input logic                      follow_i,  // follow a word of the beat that is pushed now:
  input logic [CntBits-1:0]        lane_i     // this one
);
  logic rst_ni = 1'b0;
  always_ff @(posedge clk_i) rst_ni <= 1'b1;

  logic ready, valid;
  logic [1:0] dest;
  logic [DataBits-1:0] head;
  eco_gin_queue #(.Depth(Depth), .Lanes(Lanes), .DataBits(DataBits)) u_queue (
    .clk_i, .rst_ni, .push_i, .dest_i, .count_i, .data_i,
    .ready_o(ready), .valid_o(valid), .dest_o(dest), .data_o(head), .pop_i
  );

  localparam int unsigned Bits = $clog2(Depth) + 2;
  logic [Bits-1:0] level_q, before_q;
  logic following_q;
  logic [DataBits+1:0] word_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      level_q     <= 0;
      following_q <= 1'b0;
    end else begin
      level_q <= level_q + (push_i ? Bits'(count_i) : Bits'(0)) - Bits'(pop_i);
      if (following_q) begin
        before_q <= before_q - Bits'(pop_i);
        if (pop_i && before_q == 0) following_q <= 1'b0;
      end else if (push_i && follow_i && lane_i < count_i) begin
        following_q <= 1'b1;
        before_q    <= level_q + Bits'(lane_i) - Bits'(pop_i);
        word_q      <= {dest_i, data_i[lane_i*DataBits +: DataBits]};
      end
    end
  end

  always @(posedge clk_i) if (rst_ni) begin
    assume (!push_i || (ready && count_i != 0 && 32'(count_i) <= Lanes));
    assume (!pop_i || level_q != 0);
    assert (valid == (level_q != 0));
    assert (level_q <= Bits'(Depth));
    assert (ready == (level_q + Bits'(Lanes) <= Bits'(Depth)));
    assert (!(following_q && before_q == 0) || (valid && {dest, head} == word_q));
  end
endmodule
