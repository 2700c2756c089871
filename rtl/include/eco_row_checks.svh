// SPDX-License-Identifier: Apache-2.0
// Local links: psums that went up and whose room the PE above has not given back, never more than its queue.
logic [Columns-1:0] chk_up, chk_full, chk_empty;
logic [1:0] chk_error_q;
for (genvar c = 0; c < Columns; c++) begin : gen_chk
  logic [8:0] way_q;
  assign chk_up[c]    = |above_valid_o[c*LocalLanes +: LocalLanes];
  assign chk_full[c]  = way_q == 9'(QueueDepth);
  assign chk_empty[c] = way_q == '0;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) way_q <= '0;
    else if (chk_up[c] != above_credit_i[c]) way_q <= chk_up[c] ? way_q + 9'd1 : way_q - 9'd1;
  end
end
// Error bits of PEs stay, so that none of the cycle before is missing.
always_ff @(posedge clk_i) chk_error_q <= rst_ni ? {|counter_error, |program_error} : '0;
`ECO_ASSERT(CreditBeforePsum, (chk_up & chk_full & ~above_credit_i) == '0)
`ECO_ASSERT(CreditForAPsum, (above_credit_i & chk_empty) == '0)
`ECO_ASSERT(ErrorsOfPes, error_o == chk_error_q)
`ECO_ASSERT(StopsForAddressed, !cfg_stop_o || (cfg_row_i && cfg_col_i != '0))
