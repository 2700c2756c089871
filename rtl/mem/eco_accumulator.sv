// SPDX-License-Identifier: Apache-2.0
`include "eco_assert.svh"

// Accumulator of one GON lane, the part of the global buffer that adds psums on write
// (Sec. 4.3: psums that do not fit the PEs are kept in the global buffer).
//
// Each word comes with a slot: `first_i` starts the sum, otherwise it is added to the slot;
// `last_i` sends the sum on, otherwise it is kept. A word that is both passes through untouched.
// A word whose slot is still in the adder must not enter: who sends it asks with `next_slot_i` one move of
// the pipeline ahead, and waits while `busy_o`.
// Handshake: everything moves when `advance_i`. Latency 1 + AddStages. Reset: empty pipeline; what the slots
// hold does not matter, a sum begins with its first word.
module eco_accumulator #(
  parameter int unsigned Slots     = 13824,  /// words kept
  parameter int unsigned AddStages = 1,      /// cycles of the adder
  localparam int unsigned SlotBits = Slots > 1 ? $clog2(Slots) : 1
) (
  input  logic                clk_i,        /// clock
  input  logic                rst_ni,       /// synchronous reset, active low
  input  logic                advance_i,    /// the pipeline moves
  input  logic [SlotBits-1:0] next_slot_i,  /// slot of a word that is to enter behind this one
  output logic                busy_o,       /// its sum would not be ready
  input  logic                valid_i,      /// a word enters
  input  logic [31:0]         data_i,       /// the word
  input  logic                first_i,      /// it starts its sum
  input  logic                last_i,       /// it completes its sum
  input  logic [SlotBits-1:0] slot_i,       /// where the sum is kept
  output logic                valid_o,      /// a completed sum
  output logic [31:0]         data_o        /// the sum
);
  // Words in the adder; stage s in bit s-1, or in the bits from (s-1)*SlotBits on.
  logic [AddStages-1:0] valid_q, last_q, alone_q;
  logic [AddStages*SlotBits-1:0] slot_q;
  logic [AddStages*32-1:0] data_q;
  logic from_file_q, from_sum_q;  // what the word is added to; neither: nothing
  logic keep;
  logic [31:0] rdata, sum;
  logic [SlotBits-1:0] slot_end;
  assign slot_end = slot_q[(AddStages-1)*SlotBits +: SlotBits];
  assign keep     = advance_i & valid_q[AddStages-1] & ~last_q[AddStages-1];

  eco_regfile #(.Depth(Slots), .DataBits(32)) u_mem (
    .clk_i, .we_i(keep), .waddr_i(slot_end), .wdata_i(sum),
    .re_i(advance_i & valid_i & ~first_i), .raddr_i(slot_i), .rdata_o(rdata)
  );

  eco_psum_add #(.Stages(AddStages)) u_add (
    .clk_i, .en_i(advance_i), .valid_i(valid_q[0]), .a_i(data_q[31:0]), .b_en_i(from_sum_q | from_file_q),
    .b_i((from_sum_q ? data_o : '0) | (from_file_q ? rdata : '0)), .sum_o(sum)
  );

  // A slot that is written in the cycle in which it is read comes from data_o.
  logic same;
  assign same = valid_q[AddStages-1] & ~last_q[AddStages-1] & (slot_end == slot_i);
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q <= '0;
      valid_o <= 1'b0;
    end else if (advance_i) begin
      valid_q <= AddStages'({valid_q, valid_i});
      valid_o <= valid_q[AddStages-1] & last_q[AddStages-1];
    end
    if (advance_i) begin
      data_q      <= (AddStages*32)'({data_q, data_i});
      last_q      <= AddStages'({last_q, last_i});
      alone_q     <= AddStages'({alone_q, first_i & last_i});
      slot_q      <= (AddStages*SlotBits)'({slot_q, slot_i});
      from_sum_q  <= ~first_i & same;
      from_file_q <= ~first_i & ~same;
      data_o      <= alone_q[AddStages-1] ? data_q[(AddStages-1)*32 +: 32] : sum;
    end
  end

  if (AddStages == 1) begin : gen_never_busy
    assign busy_o = 1'b0;
  end else begin : gen_busy
    // A word one move behind reads when that of stage AddStages-1 is written; earlier ones are too early.
    logic [AddStages-2:0] under_way;
    assign under_way[0] = valid_i & ~last_i & (slot_i == next_slot_i);
    for (genvar s = 1; s < AddStages - 1; s++) begin : gen_stage
      assign under_way[s] = valid_q[s-1] & ~last_q[s-1] & (slot_q[(s-1)*SlotBits +: SlotBits] == next_slot_i);
    end
    assign busy_o = |under_way;
  end

  `ECO_ASSERT(SlotInRange, !(valid_i && !(first_i && last_i)) || 32'(slot_i) < Slots)
endmodule
