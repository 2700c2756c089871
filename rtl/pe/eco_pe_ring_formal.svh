// SPDX-License-Identifier: Apache-2.0
// Part of eco_pe_ring under FORMAL: entries between the head at the issue and the tail are the words in it; the
// head in ADDRESS is ahead of that by what the slot in ISSUE frees; nothing else is read.
  logic [AddrBits-1:0] f_head_q;
  logic [8:0] f_offset_q;
  logic f_slot_q;  // a slot in ISSUE
  logic [9:0] f_head_sum, f_read_sum;
  assign f_head_sum = 10'(f_head_q) + 10'(free_q);
  assign f_read_sum = 10'(f_head_q) + 10'(f_offset_q);
  always @(posedge clk_i) begin
    if (!rst_ni) begin
      f_head_q <= '0;
      f_slot_q <= 1'b0;
    end else begin
      if (issue_i) f_head_q <= AddrBits'(f_head_sum >= 10'(Depth) ? f_head_sum - 10'(Depth) : f_head_sum);
      f_slot_q <= step_i | (f_slot_q & ~issue_i);
    end
    if (step_i) f_offset_q <= offset_q;
  end
  `ECO_ASSERT(IssuesASlot, !issue_i || f_slot_q)
  `ECO_ASSERT(RingClosed, 32'(f_head_q) < Depth
      && 10'(f_head_q) + 10'(fill_q)
         == 10'(tail_q) + (fill_q != '0 && f_head_q >= tail_q ? 10'(Depth) : 10'd0))
  `ECO_ASSERT(HeadAhead, (f_slot_q && want_q > 10'(Depth))
      || head_q == (f_slot_q ? AddrBits'(f_head_sum >= 10'(Depth) ? f_head_sum - 10'(Depth) : f_head_sum)
                             : f_head_q))
  `ECO_ASSERT(WantsWhatItFrees, !f_slot_q || 10'(free_q) <= want_q)
  `ECO_ASSERT(WantsWhatItReads, !(f_slot_q && read_q) || 10'(f_offset_q) < want_q)
  `ECO_ASSERT(ReadsAtOffset, !(f_slot_q && read_q) || want_q > 10'(Depth)
      || raddr_q == AddrBits'(f_read_sum >= 10'(Depth) ? f_read_sum - 10'(Depth) : f_read_sum))
