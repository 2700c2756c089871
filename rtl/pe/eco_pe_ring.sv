// SPDX-License-Identifier: Apache-2.0
`include "eco_assert.svh"

// Register file of a PE for one operand (ifmap or filter) as a ring. A loader appends words in the
// order of their arrival; slots read at head + offset; a step frees words at the head.
//
// Which words a slot reads and frees follows from the program alone, so offset and head are worked out
// in ADDRESS, ahead of the issue; `wait_o` then is one comparison: are there as many words as the slot
// reaches to or frees. Loader: the file takes a given number of words from one network, then from
// the other, in turn, so that the order in the ring does not depend on timing.
//
// Latency: a word that is taken in cycle t can be read by a slot that is issued in t + 1; it is on
// `word_o` in the cycle after the issue. Reset: empty.
module eco_pe_ring #(
  parameter int unsigned Depth = 75,  /// entries, 2..256
  parameter int unsigned Dest  = 0    /// destination of its words (eco_pkg::Dest*)
) (
  input  logic        clk_i,           /// clock
  input  logic        rst_ni,          /// synchronous reset, active low
  // loader
  input  logic        loader_we_i,     /// load `loader_i`
  input  logic [24:0] loader_i,        /// {turn (0 wide, 1 narrow), narrow words, wide words of a turn}
  input  logic [1:0]  wide_head_i,     /// destination of the wide queue's head, eco_pkg::DestNone without
  input  logic [15:0] wide_word_i,     /// the word
  output logic        wide_pop_o,      /// it is taken
  input  logic [1:0]  narrow_head_i,   /// as wide
  input  logic [15:0] narrow_word_i,   /// as wide
  output logic        narrow_pop_o,    /// as wide
  // slot in ADDRESS
  input  logic        step_i,          /// there is one, and it moves on to ISSUE
  input  logic        take_i,          /// the one that follows begins a pass
  input  logic        active_i,        /// its pass computes: words are freed
  input  logic        read_i,          /// it reads a word
  input  logic        reset_i,         /// step: offset back to zero first
  input  logic [8:0]  delta_i,         /// step: added to the offset
  input  logic [8:0]  free_i,          /// step: words freed
  // slot in ISSUE
  output logic        wait_o,          /// its words have not come
  output logic        never_o,         /// and never will: the file is too small
  input  logic        issue_i,         /// it is issued
  output logic [15:0] word_o           /// the word that it read, one cycle later
);
  localparam int unsigned AddrBits = $clog2(Depth);

  // ---------------------------------------------------------------- ADDRESS
  logic [8:0] offset_q;           // from the head
  logic [AddrBits-1:0] head_q;    // where the slots before have left it
  logic [9:0] read_sum, head_sum, reach;
  logic [8:0] free;
  assign free     = active_i ? free_i : '0;
  assign read_sum = 10'(head_q) + 10'(offset_q);
  assign head_sum = 10'(head_q) + 10'(free);
  assign reach    = 10'(offset_q) + 10'd1;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) head_q <= '0;
    else if (step_i) begin
      head_q <= AddrBits'(head_sum >= 10'(Depth) ? head_sum - 10'(Depth) : head_sum);
    end
  end

  // ---------------------------------------------------------------- ISSUE
  logic [9:0] want_q;             // words that must be there
  logic [8:0] free_q, fill_q;     // words freed; words in the ring
  logic [AddrBits-1:0] raddr_q, tail_q;
  logic read_q, we, turn_q;       // turn: 0 wide, 1 narrow
  always_ff @(posedge clk_i) begin
    if (step_i) begin
      want_q  <= read_i && reach > 10'(free) ? reach : 10'(free);
      free_q  <= free;
      read_q  <= read_i;
      raddr_q <= AddrBits'(read_sum >= 10'(Depth) ? read_sum - 10'(Depth) : read_sum);
    end
    if (take_i | step_i) offset_q <= take_i ? '0 : (reset_i ? '0 : offset_q) + delta_i;
  end
  assign wait_o  = want_q > 10'(fill_q);
  assign never_o = want_q > 10'(Depth);

  // ---------------------------------------------------------------- loader
  logic [11:0] wide_q, narrow_q, left_q;  // words of a turn; left in this one
  logic there, room;
  logic [15:0] wdata;
  assign there = (turn_q ? narrow_head_i : wide_head_i) == 2'(Dest);
  assign wdata = turn_q ? narrow_word_i : wide_word_i;
  assign room  = fill_q < 9'(Depth);
  assign we    = room & there;
  assign wide_pop_o   = we & ~turn_q;
  assign narrow_pop_o = we & turn_q;
  always_ff @(posedge clk_i) begin
    if (we) begin
      // The last word of a turn: the other network's turn follows, when that has one.
      if (left_q != 12'd1) left_q <= left_q - 12'd1;
      else if (turn_q ? wide_q == '0 : narrow_q != '0) begin
        left_q <= narrow_q;
        turn_q <= 1'b1;
      end else begin
        left_q <= wide_q;
        turn_q <= 1'b0;
      end
    end
    if (loader_we_i) begin
      wide_q   <= loader_i[11:0];
      narrow_q <= loader_i[23:12];
      turn_q   <= loader_i[24];
      left_q   <= loader_i[24] ? loader_i[23:12] : loader_i[11:0];
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      tail_q <= '0;
      fill_q <= '0;
    end else begin
      if (we) tail_q <= tail_q == AddrBits'(Depth - 1) ? '0 : tail_q + 1'b1;
      fill_q <= issue_i ? 9'(fill_q - free_q) + 9'(we) : fill_q + 9'(we);
    end
  end

  eco_regfile #(.Depth(Depth), .DataBits(16)) u_file (
    .clk_i, .we_i(we), .waddr_i(tail_q), .wdata_i(wdata),
    .re_i(issue_i & read_q), .raddr_i(raddr_q), .rdata_o(word_o)
  );

  `ECO_ASSERT(NotOverReleased, !issue_i || free_q <= fill_q)
  `ECO_ASSERT(ReadInFile, !(issue_i && read_q) || 32'(raddr_q) < Depth)
  `ECO_ASSERT(WriteFree, !we || fill_q < 9'(Depth))
  `ECO_ASSERT(FillInFile, fill_q <= 9'(Depth) && 32'(tail_q) < Depth)
`ifdef FORMAL
  `include "eco_pe_ring_formal.svh"
`endif
endmodule
