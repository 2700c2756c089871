// SPDX-License-Identifier: Apache-2.0
// Part of eco_pe_psum under FORMAL: what is free or there, what is on its way and what stands in a queue
// add up.
  logic [QBits-1:0] f_below_q, f_above_q, f_out_q;  // psums in the queues
  logic [QBits-1:0] f_below_way, f_up_way, f_out_way;
  always @(posedge clk_i) begin
    if (!rst_ni) begin
      f_below_q <= '0;
      f_above_q <= '0;
      f_out_q   <= '0;
    end else begin
      f_below_q <= f_below_q + QBits'(below_valid_i[0]) - QBits'(below_credit_o);
      f_above_q <= f_above_q + QBits'(above_valid_o[0]) - QBits'(above_credit_i);
      f_out_q   <= f_out_q + QBits'(out_q | dump_push_i) - QBits'(out_pop_i);
    end
  end
  always @* begin
    f_below_way = '0;
    f_up_way    = QBits'(above_valid_o[0]);
    f_out_way   = QBits'(out_q);
    for (int s = 0; s < GoPos; s++) begin
      if (s < MulStages) f_below_way = f_below_way + QBits'(ctl_q[s*CtlBits]);
      if (s <= EndPos) f_below_way = f_below_way + QBits'(ctl_q[s*CtlBits + 1]);
      f_out_way = f_out_way + QBits'(ctl_q[s*CtlBits + 2]);
      f_up_way  = f_up_way + QBits'(ctl_q[s*CtlBits + 3]);
    end
  end
  `ECO_ASSERT(ClaimsBelow, f_below_q == below_avail_q + f_below_way)
  `ECO_ASSERT(ClaimsAbove, QBits'(QueueDepth) == above_room_q + f_up_way + f_above_q)
  `ECO_ASSERT(ClaimsOut, out_used_q == f_out_q + f_out_way)
  `ECO_ASSERT(NoneOverflows, f_below_q <= QBits'(QueueDepth) && above_room_q <= QBits'(QueueDepth)
      && out_used_q <= QBits'(QueueDepth))
