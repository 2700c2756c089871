// SPDX-License-Identifier: Apache-2.0
// What is offered at a port stays, unchanged, until it is taken.
`define ECO_HELD(Name, Bits, Valid, Ready, Word) \
  logic Name``_waits_q; \
  logic [Bits-1:0] Name``_word_q; \
  always_ff @(posedge clk_i) begin \
    Name``_waits_q <= rst_n & Valid & ~Ready; \
    if (Valid) Name``_word_q <= Word; \
  end \
  `ECO_ASSERT(Name, !Name``_waits_q || !rst_n || (Valid && Name``_word_q == Word))
`ECO_HELD(ConfigHeld, 64, cfg_valid_i, cfg_ready_o, cfg_data_i)
`ECO_HELD(WideHeld, 2*IdBits + 2 + WideCnt + WideLanes*16, wide_valid_i, wide_ready_o,
          {wide_row_i, wide_col_i, wide_dest_i, wide_count_i, wide_data_i})
`ECO_HELD(NarrowHeld, 2*IdBits + 2 + NarrowCnt + NarrowLanes*16, narrow_valid_i, narrow_ready_o,
          {narrow_row_i, narrow_col_i, narrow_dest_i, narrow_count_i, narrow_data_i})
`ECO_HELD(CommandHeld, 1 + GonLanes*(3 + RowBits + ColBits + SlotBits), gon_valid_i, gon_ready_o,
          {gon_end_i, gon_en_i, gon_row_i, gon_col_i, gon_first_i, gon_last_i, gon_slot_i})
`ECO_HELD(OutputHeld, GonLanes*33, out_valid_o, out_ready_i, {out_lane_o, out_data_o})
`undef ECO_HELD

// Faults of beats as the ports show them, the cycle before they are seen; counts in one piece.
logic chk_wide_bad, chk_narrow_bad, chk_enabled_q;
logic chk_wide_bad_q, chk_narrow_bad_q;
logic [eco_pkg::NumErrors-1:0] chk_error_q;
logic [47:0] chk_cycles_q, chk_cfg_q, chk_wide_q, chk_narrow_q, chk_gon_q, chk_way_q;
logic [47:0] chk_ordered, chk_moved;
assign chk_wide_bad = wide_valid_i & wide_ready_o
    & (wide_dest_i == eco_pkg::DestNone || wide_count_i == '0 || 32'(wide_count_i) > WideLanes);
assign chk_narrow_bad = narrow_valid_i & narrow_ready_o
    & (narrow_dest_i == eco_pkg::DestNone || narrow_count_i == '0 || 32'(narrow_count_i) > NarrowLanes);
always_comb begin
  chk_ordered = gon_valid_i && gon_ready_o ? 48'($countones(gon_en_i)) : '0;
  chk_moved   = 48'($countones(gon_moved));
end
always_ff @(posedge clk_i) begin
  if (!rst_n) begin
    chk_wide_bad_q   <= 1'b0;
    chk_narrow_bad_q <= 1'b0;
    chk_error_q      <= '0;
    chk_enabled_q    <= 1'b0;
    chk_cycles_q     <= '0;
    chk_cfg_q        <= '0;
    chk_wide_q       <= '0;
    chk_narrow_q     <= '0;
    chk_gon_q        <= '0;
    chk_way_q        <= '0;
  end else begin
    chk_wide_bad_q   <= chk_wide_bad;
    chk_narrow_bad_q <= chk_narrow_bad;
    chk_error_q      <= error_q;
    chk_enabled_q    <= chk_enabled_q | (cfg_we & (cfg_addr == eco_pkg::CfgEnable));
    chk_way_q        <= chk_way_q + chk_ordered - chk_moved;
    if (running_q) begin
      chk_cycles_q <= chk_cycles_q + 48'd1;
      if (cfg_valid_i && cfg_ready_o) chk_cfg_q <= chk_cfg_q + 48'd1;
      if (wide_valid_i && wide_ready_o) chk_wide_q <= chk_wide_q + 48'(wide_count_i);
      if (narrow_valid_i && narrow_ready_o) chk_narrow_q <= chk_narrow_q + 48'(narrow_count_i);
      chk_gon_q <= chk_gon_q + chk_moved;
    end
  end
end
`ECO_ASSERT(IdsBeforeBeats, !(wide_ready_o || narrow_ready_o) || chk_enabled_q)
`ECO_ASSERT(IdsStay, !(cfg_we && enabled_q) || cfg_addr < 6'(eco_pkg::CfgColWide) || cfg_addr > 6'(eco_pkg::CfgRowNarrow))
`ECO_ASSERT(BeatWhenNoRowStops, !(wide_go && wide_stop != '0) && !(narrow_go && narrow_stop != '0))
`ECO_ASSERT(BeatWaitsForRowsOnly, !enabled_q || ((wide_ready_o || wide_stop != '0) && (narrow_ready_o || narrow_stop != '0)))
`ECO_ASSERT(NothingAboveTheFirstRow, up_valid[0 +: LinkBits] == '0)
`ECO_ASSERT(NoCreditBelowTheLastRow, credit[Rows*Columns +: Columns] == '0)
`ECO_ASSERT(WordsMeetCommands, chk_way_q <= 48'(GonLanes * 5))
`ECO_ASSERT(DoneStays, !(|done_q) || !running_q)
`ECO_ASSERT(CountsWhatMoved, !done_o || (cycles == chk_cycles_q && cfg_words == chk_cfg_q && wide_words == chk_wide_q
                                        && narrow_words == chk_narrow_q && all_gon_words == chk_gon_q))
`ECO_ASSERT(ErrorsStay, (chk_error_q & ~error_q) == '0)
`ECO_ASSERT(WideFormExactly, error[eco_pkg::ErrWideForm] == chk_wide_bad_q)
`ECO_ASSERT(NarrowFormExactly, error[eco_pkg::ErrNarrowForm] == chk_narrow_bad_q)
