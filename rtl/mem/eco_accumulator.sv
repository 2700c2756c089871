// SPDX-License-Identifier: Apache-2.0
`include "eco_assert.svh"

// Accumulator of one GON lane, the part of the global buffer that adds psums on write
// (Sec. 4.3: psums that do not fit the PEs are kept in the global buffer).
//
// Each word comes with a slot: `first_i` starts the sum, otherwise it is added to the slot;
// `last_i` sends the sum on, otherwise it is kept. A word that is both passes through untouched.
// Handshake: everything moves when `advance_i`. Latency 2. Reset: empty pipeline; what the slots
// hold does not matter, a sum begins with its first word.
module eco_accumulator #(
  parameter int unsigned Slots = 13824,  /// words kept
  localparam int unsigned SlotBits = Slots > 1 ? $clog2(Slots) : 1
) (
  input  logic                clk_i,      /// clock
  input  logic                rst_ni,     /// synchronous reset, active low
  input  logic                advance_i,  /// the pipeline moves
  input  logic                valid_i,    /// a word enters
  input  logic [31:0]         data_i,     /// the word
  input  logic                first_i,    /// it starts its sum
  input  logic                last_i,     /// it completes its sum
  input  logic [SlotBits-1:0] slot_i,     /// where the sum is kept
  output logic                valid_o,    /// a completed sum
  output logic [31:0]         data_o      /// the sum
);
  logic valid_q, last_q, keep;
  logic from_file_q, from_sum_q;  // what the word is added to; neither: nothing
  logic [31:0] data_q, rdata, sum;
  logic [SlotBits-1:0] slot_q;

  eco_regfile #(.Depth(Slots), .DataBits(32)) u_mem (
    .clk_i, .we_i(keep), .waddr_i(slot_q), .wdata_i(sum),
    .re_i(advance_i & valid_i & ~first_i), .raddr_i(slot_i), .rdata_o(rdata)
  );

  eco_add u_add (
    .a_i(data_q), .b_i((from_sum_q ? data_o : '0) | (from_file_q ? rdata : '0)), .carry_i(1'b0),
    .sum_o(sum), .carry_o()
  );
  assign keep = advance_i & valid_q & ~last_q;

  // A slot that is written in the cycle in which it is read comes from data_o.
  logic same;
  assign same = valid_q & ~last_q & (slot_q == slot_i);
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q <= 1'b0;
      valid_o <= 1'b0;
    end else if (advance_i) begin
      valid_q <= valid_i;
      valid_o <= valid_q & last_q;
    end
    if (advance_i) begin
      data_q      <= data_i;
      last_q      <= last_i;
      slot_q      <= slot_i;
      from_sum_q <= ~first_i & same;
      from_file_q <= ~first_i & ~same;
      data_o      <= sum;
    end
  end

  `ECO_ASSERT(SlotInRange, !(valid_i && !(first_i && last_i)) || 32'(slot_i) < Slots)
endmodule
