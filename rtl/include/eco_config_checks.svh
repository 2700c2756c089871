// SPDX-License-Identifier: Apache-2.0
// The stream read as the header's definition says it, word by word, against the words that are written.
/* verilator lint_off BLKSEQ */
logic [15:0] chk_left_q, chk_word_q;
logic [38:0] chk_header_q;
logic chk_bad_q, chk_past, chk_we_q, chk_bad_header_q, chk_bad_address_q, chk_nobody;
logic [15:0] chk_width, chk_row, chk_col, chk_addr;
logic [Rows-1:0] chk_rows, chk_rows_q;
logic [Columns-1:0] chk_cols, chk_cols_q;
logic [5:0] chk_addr_q;
logic [63:0] chk_data_q;
logic chk_header, chk_take;
assign chk_header = valid_i & ready_o & (chk_left_q == '0);
assign chk_take   = valid_i & ready_o & (chk_left_q != '0);
always @(posedge clk_i) begin
  chk_width  = 16'(chk_header_q[31:24]) - 16'(chk_header_q[23:16]) + 16'd1;
  chk_row    = 16'(chk_header_q[7:0]);
  chk_col    = 16'(chk_header_q[23:16]);
  chk_addr   = 16'(chk_header_q[37:32]);
  chk_rows   = '0;
  chk_cols   = '0;
  chk_nobody = chk_bad_q;
  if (chk_take && !chk_bad_q) begin
    if (chk_header_q[38]) begin
      chk_row = chk_row + chk_word_q / chk_width;
      chk_col = chk_col + chk_word_q % chk_width;
      chk_nobody = chk_row > 16'(chk_header_q[15:8]);
    end else begin
      chk_addr = chk_addr + chk_word_q;
    end
    for (int r = 0; r < Rows; r++) begin
      chk_rows[r] = chk_header_q[38] ? 16'(r) == chk_row
          : 8'(r) >= chk_header_q[7:0] && 8'(r) <= chk_header_q[15:8];
    end
    for (int c = 0; c < Columns; c++) begin
      chk_cols[c] = chk_header_q[38] ? 16'(c) == chk_col
          : 8'(c) >= chk_header_q[23:16] && 8'(c) <= chk_header_q[31:24];
    end
  end
  chk_past = chk_addr > 16'd63;
  if (!rst_ni) begin
    chk_left_q        <= '0;
    chk_we_q          <= 1'b0;
    chk_bad_header_q  <= 1'b0;
    chk_bad_address_q <= 1'b0;
  end else begin
    if (chk_header) begin
      chk_left_q   <= data_i[54:39];
      chk_word_q   <= '0;
      chk_header_q <= data_i[38:0];
      chk_bad_q    <= data_i[54:39] == '0 || data_i[7:0] > data_i[15:8] || data_i[23:16] > data_i[31:24]
                      || 32'(data_i[15:8]) >= Rows || 32'(data_i[31:24]) >= Columns;
    end else if (chk_take) begin
      chk_left_q <= chk_left_q - 16'd1;
      chk_word_q <= chk_word_q + 16'd1;
    end
    chk_we_q   <= chk_take & ~chk_nobody & ~chk_past;
    chk_rows_q <= chk_rows;
    chk_cols_q <= chk_cols;
    chk_addr_q <= chk_addr[5:0];
    chk_data_q <= data_i;
    chk_bad_header_q <= (chk_header & (data_i[54:39] == '0 || data_i[7:0] > data_i[15:8]
                                       || data_i[23:16] > data_i[31:24] || 32'(data_i[15:8]) >= Rows
                                       || 32'(data_i[31:24]) >= Columns)) | (chk_take & chk_nobody);
    chk_bad_address_q <= chk_take & ~chk_nobody & (chk_past
        || (32'(chk_addr) >= ImageWords && (chk_addr < 16'(eco_pkg::CfgParam) || chk_addr > 16'(eco_pkg::CfgRowNarrow))));
  end
end
/* verilator lint_on BLKSEQ */
`ECO_ASSERT(WordsLeft, left_q == chk_left_q)
`ECO_ASSERT(WritesWhatItTook, we_o == chk_we_q && (!we_o || (addr_o == chk_addr_q && data_o == chk_data_q)))
`ECO_ASSERT(WritesWhereTheHeaderSays, we_row_o == (we_o ? chk_rows_q : '0) && (!we_o || we_col_o == chk_cols_q))
`ECO_ASSERT(NoneTakenThatAPeStops, !(chk_take && stop_i != '0))
`ECO_ASSERT(BadHeaderExactly, bad_header_o == chk_bad_header_q)
`ECO_ASSERT(BadAddressExactly, bad_address_o == chk_bad_address_q)
