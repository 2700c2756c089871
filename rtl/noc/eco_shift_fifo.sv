// SPDX-License-Identifier: Apache-2.0
`include "eco_assert.svh"

// Short first-in first-out queue whose head is a register: words move up when the head leaves. Used as a
// register stage that keeps full throughput when room is reported a cycle late.
//
// Handshake: the pushing side looks at `valid_o` (bit k: entry k holds a word) for room; a push into
// a full queue is an error. Latency 1. Reset: empty.
module eco_shift_fifo #(
  parameter int unsigned Depth    = 3,  /// entries, at least 2
  parameter int unsigned DataBits = 32  /// bits of an entry
) (
  input  logic                clk_i,    /// clock
  input  logic                rst_ni,   /// synchronous reset, active low
  input  logic                push_i,   /// store `data_i`
  input  logic [DataBits-1:0] data_i,   /// word to store
  input  logic                pop_i,    /// drop the head
  output logic [Depth-1:0]    valid_o,  /// entries that hold a word; bit 0 is the head
  output logic [DataBits-1:0] data_o    /// the head
);
  logic [Depth:0] valid;  // one more: always empty
  assign valid = {1'b0, valid_o};

  for (genvar k = 0; k < Depth; k++) begin : gen_entry
    logic [DataBits-1:0] word_q;
    logic here;  // a pushed word belongs here
    if (k == 0) begin : gen_head
      assign here = push_i & (pop_i ? ~valid[1] : ~valid[0]);
    end else begin : gen_behind
      assign here = push_i & (pop_i ? valid[k] & ~valid[k+1] : valid[k-1] & ~valid[k]);
    end
    if (k == Depth - 1) begin : gen_tail
      always_ff @(posedge clk_i) if (here) word_q <= data_i;
    end else begin : gen_inner
      always_ff @(posedge clk_i) begin
        if (here) word_q <= data_i;
        else if (pop_i & valid[k+1]) word_q <= gen_entry[k+1].word_q;
      end
    end
  end
  assign data_o = gen_entry[0].word_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_o <= '0;
    else if (push_i & ~pop_i) valid_o <= {valid_o[Depth-2:0], 1'b1};
    else if (pop_i & ~push_i) valid_o <= valid_o >> 1;
  end

  `ECO_ASSERT(NoOverflow, !push_i || pop_i || !valid_o[Depth-1])
  `ECO_ASSERT(NoUnderflow, !pop_i || valid_o[0])
  `ECO_ASSERT(NoGaps, (valid & (valid + 1'b1)) == '0)
endmodule
