// SPDX-License-Identifier: Apache-2.0
`include "eco_assert.svh"

// First-in first-out queue of psums (chain input and GON output of a PE).
//
// Handshake: the pushing side holds a credit or reservation for every push, so there is no
// ready; a push into a full queue is an error. Latency 1. Reset: empty.
module eco_fifo #(
  parameter int unsigned Depth    = 8,   /// entries, a power of two
  parameter int unsigned DataBits = 32   /// bits of an entry
) (
  input  logic                clk_i,    /// clock
  input  logic                rst_ni,   /// synchronous reset, active low
  input  logic                push_i,   /// store `data_i`
  input  logic [DataBits-1:0] data_i,   /// entry to store
  input  logic                pop_i,    /// drop the head
  output logic                valid_o,  /// an entry stands at the head
  output logic [DataBits-1:0] data_o    /// the head
);
  localparam int unsigned PtrBits = $clog2(Depth);

  logic [DataBits-1:0] mem_q [Depth];
  logic [PtrBits-1:0] wr_q, rd_q;
  logic [PtrBits:0] level_q;

  always_ff @(posedge clk_i) begin
    if (push_i) mem_q[wr_q] <= data_i;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      wr_q    <= '0;
      rd_q    <= '0;
      level_q <= '0;
    end else begin
      if (push_i) wr_q <= wr_q + 1'b1;
      if (pop_i) rd_q <= rd_q + 1'b1;
      level_q <= level_q + (PtrBits+1)'(push_i) - (PtrBits+1)'(pop_i);
    end
  end

  assign valid_o = level_q != '0;
  assign data_o  = mem_q[rd_q];

  `ECO_ASSERT(NoOverflow, !push_i || pop_i || level_q < (PtrBits+1)'(Depth))
  `ECO_ASSERT(NoUnderflow, !pop_i || valid_o)
endmodule
