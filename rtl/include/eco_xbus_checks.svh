// SPDX-License-Identifier: Apache-2.0
// Beats as the Y-bus gave them and whom their tags name, in a ring, against what the PEs take. IDs are copies.
// One process that keeps its state to itself (=): fast, and run once a cycle, not for every change at the ports.
/* verilator lint_off BLKSEQ */
localparam int unsigned ChkIds  = NumIds*IdBits;
localparam int unsigned ChkBits = 2 + CntBits + Lanes*16;
logic [ChkIds-1:0] chk_row_ids_q;
logic [Columns*ChkIds-1:0] chk_ids_q;
logic [ChkBits-1:0] chk_beat_q [4];
logic [Columns-1:0] chk_named_q [4];
logic [1:0] chk_in_q, chk_out_q;
logic chk_row, chk_found_q;
logic [Columns-1:0] chk_named;
always @(posedge clk_i) begin
  if (rst_ni) begin
    chk_row   = 1'b0;
    chk_named = '0;
    if (valid_i) begin
      for (int k = 0; k < NumIds; k++) if (chk_row_ids_q[k*IdBits +: IdBits] == row_tag_i) chk_row = 1'b1;
    end
    if (chk_row && go_i) begin
      for (int c = 0; c < Columns; c++) begin
        for (int k = 0; k < NumIds; k++) begin
          if (chk_ids_q[c*ChkIds + k*IdBits +: IdBits] == col_tag_i) chk_named[c] = 1'b1;
        end
      end
    end
    `ECO_CHECK(StopsWhenFull, !(chk_row && there[Beats-1]) || stop_o)
    `ECO_CHECK(NeverStopsOthers, !stop_o || chk_row)
    `ECO_CHECK(NoneTakenThatStops, !(push && stop_o))
    `ECO_CHECK(NoneForOthers, push == (chk_row && go_i))
    `ECO_CHECK(NoneLostOrDoubled, chk_in_q - chk_out_q == 2'($countones(there)))
    `ECO_CHECK(OnlyThoseNamed, push_o == (fire ? chk_named_q[chk_out_q] : '0))
    `ECO_CHECK(BeatUnchanged, !fire || {dest_o, count_o, data_o} == chk_beat_q[chk_out_q])
    `ECO_CHECK(WaitsForTheNamedOnly, !there[0] || fire || (chk_named_q[chk_out_q] & ~ready_i) != '0)
    `ECO_CHECK(FoundWhomItNames, found_o == chk_found_q)
    if (chk_row && go_i) begin
      chk_beat_q[chk_in_q]  = {dest_i, count_i, data_i};
      chk_named_q[chk_in_q] = chk_named;
      chk_in_q = chk_in_q + 2'd1;
    end
    if (fire) chk_out_q = chk_out_q + 2'd1;
    chk_found_q = |chk_named;
    if (row_id_we_i) chk_row_ids_q = ids_i;
    if (col_id_we_i) begin
      for (int c = 0; c < Columns; c++) if (col_sel_i[c]) chk_ids_q[c*ChkIds +: ChkIds] = ids_i;
    end
  end else begin
    chk_row_ids_q = '1;
    chk_ids_q     = '1;
    chk_in_q      = '0;
    chk_out_q     = '0;
    chk_found_q   = 1'b0;
  end
end
/* verilator lint_on BLKSEQ */
