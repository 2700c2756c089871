// SPDX-License-Identifier: Apache-2.0
// An accumulator whose adder takes several cycles, and who sends words to it, as eco_gon does: every completed sum
// leaves, once, in order, right, 2 + AddStages moves after its last word was taken; a word waits only
// while its slot is in the adder. One slot is looked at, any; the low bits of its sums.
module proof_accumulator #(
  parameter int unsigned Slots     = 4,
  parameter int unsigned AddStages = 3,
  parameter int unsigned Low       = 1,
  localparam int unsigned SlotBits = $clog2(Slots)
) (
  input logic                clk_i,
  input logic                advance_i,  // the pipeline moves
  input logic                valid_i,    // there is a word
  input logic                first_i, last_i,
  input logic [SlotBits-1:0] slot_i,
  input logic [31:0]         data_i
);
  logic rst_ni = 1'b0;
  always_ff @(posedge clk_i) rst_ni <= 1'b1;

  logic busy, take, valid_q, first_q, last_q, out_valid;
  logic [SlotBits-1:0] slot_q;
  logic [31:0] data_q, out_data;
  assign take = rst_ni & advance_i & valid_i & (first_i | ~busy);
  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= 1'b0;
    else if (advance_i) valid_q <= take;
    if (advance_i) begin
      first_q <= first_i;
      last_q  <= last_i;
      slot_q  <= slot_i;
      data_q  <= data_i;
    end
  end
  eco_accumulator #(.Slots(Slots), .AddStages(AddStages)) u_accumulator (
    .clk_i, .rst_ni, .advance_i, .next_slot_i(slot_i), .busy_o(busy), .valid_i(valid_q), .data_i(data_q),
    .first_i(first_q), .last_i(last_q), .slot_i(slot_q), .valid_o(out_valid), .data_o(out_data)
  );

  // The sum without a pipeline: added when the word is taken; then on its way for as many moves.
  localparam int unsigned Moves = 2 + AddStages;
  (* anyconst *) logic [SlotBits-1:0] slot;
  logic known, known_q;
  logic [Low-1:0] sum, sum_q;
  logic [Moves-1:0] here_q, known_line_q;
  logic [Moves*Low-1:0] sum_line_q;
  assign known = first_i | (known_q & slot_i == slot);
  assign sum   = first_i ? data_i[Low-1:0] : sum_q + data_i[Low-1:0];
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      known_q <= 1'b0;
      here_q  <= '0;
    end else begin
      if (take && !last_i && slot_i == slot) begin
        known_q <= known;
        sum_q   <= sum;
      end
      if (advance_i) here_q <= Moves'({here_q, take & last_i});
    end
    if (advance_i) begin
      known_line_q <= Moves'({known_line_q, known});
      sum_line_q   <= (Moves*Low)'({sum_line_q, sum});
    end
  end

  // Words that were taken in the moves before and are kept: those that the adder has not done.
  logic [AddStages-2:0] kept_q;
  logic [(AddStages-1)*SlotBits-1:0] kept_slot_q;
  logic wait_for;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) kept_q <= '0;
    else if (advance_i) kept_q <= (AddStages-1)'({kept_q, take & ~last_i});
    if (advance_i) kept_slot_q <= ((AddStages-1)*SlotBits)'({kept_slot_q, slot_i});
  end
  always_comb begin
    wait_for = 1'b0;
    for (int s = 0; s < AddStages - 1; s++) begin
      if (kept_q[s] && kept_slot_q[s*SlotBits +: SlotBits] == slot_i) wait_for = 1'b1;
    end
  end

  always @(posedge clk_i) begin
    if (rst_ni) begin
      LeavesInTime: assert (out_valid == here_q[Moves-1]);
      Sum: assert (!(out_valid && known_line_q[Moves-1]) || out_data[Low-1:0] == sum_line_q[(Moves-1)*Low +: Low]);
      NotHeldInVain: assert (busy == wait_for);
    end
  end
endmodule
