// SPDX-License-Identifier: Apache-2.0
// A tag names the unit exactly when one of the IDs loaded last is the tag, and none before any was loaded.
// One process that keeps its state to itself (=): fast, and run once a cycle, not for every change at the ports.
/* verilator lint_off BLKSEQ */
logic chk_any;
logic [NumIds*IdBits-1:0] chk_ids_q;
always @(posedge clk_i) begin
  if (rst_ni && (valid_i || match_o)) begin
    chk_any = 1'b0;
    for (int k = 0; k < NumIds; k++) if (chk_ids_q[k*IdBits +: IdBits] == tag_i) chk_any = 1'b1;
    `ECO_CHECK(MatchIsById, match_o == (valid_i && chk_any))
    `ECO_CHECK(TagNotReserved, tag_i != '1)
  end
  if (!rst_ni) chk_ids_q = '1;
  else if (id_we_i && id_sel_i) chk_ids_q = ids_i;
end
/* verilator lint_on BLKSEQ */
