// SPDX-License-Identifier: Apache-2.0
// eco_config: every word of the stream is a header or goes where the last header says: broadcast, to all
// PEs of the rectangle, at the next address; scatter, word k to the k-th PE, row by row.
module proof_config #(
  parameter int unsigned Rows    = 3,
  parameter int unsigned Columns = 3
) (
  input logic            clk_i,
  input logic            valid_i,
  input logic [63:0]     data_i,
  input logic [Rows-1:0] stop_i
);
  logic rst_ni = 1'b0;
  always_ff @(posedge clk_i) rst_ni <= 1'b1;

  logic ready, we;
  logic [Rows-1:0] row, we_row;
  logic [Columns-1:0] col, we_col;
  logic [5:0] addr;
  logic [63:0] word;
  eco_config #(.Rows(Rows), .Columns(Columns)) u_config (
    .clk_i, .rst_ni, .valid_i, .ready_o(ready), .data_i, .row_o(row), .col_o(col), .dump_o(), .stop_i,
    .we_o(we), .we_row_o(we_row), .we_col_o(we_col), .addr_o(addr), .data_o(word),
    .bad_header_o(), .bad_address_o()
  );

  logic [15:0] count_q, index_q;  // words of the header, words taken
  logic scatter_q, inside;
  logic [5:0] addr_q;
  logic [7:0] row_lo_q, row_hi_q, col_lo_q, col_hi_q;
  assign inside = index_q != count_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      count_q <= '0;
      index_q <= '0;
    end else if (valid_i && !inside) begin
      {count_q, scatter_q, addr_q, col_hi_q, col_lo_q, row_hi_q, row_lo_q} <= data_i[54:0];
      index_q <= '0;
    end else if (valid_i && ready) begin
      index_q <= index_q + 16'd1;
    end
  end

  // A PE, any, and its place in the rectangle.
  (* anyconst *) logic [7:0] r;
  (* anyconst *) logic [7:0] c;
  logic good, in_rectangle, named, beyond;
  logic [15:0] place;
  assign good = 32'(row_hi_q) < Rows && 32'(col_hi_q) < Columns && row_lo_q <= row_hi_q && col_lo_q <= col_hi_q;
  assign in_rectangle = good && row_lo_q <= r && r <= row_hi_q && col_lo_q <= c && c <= col_hi_q;
  assign place = 16'(8'(r - row_lo_q)) * 16'(9'(col_hi_q) - 9'(col_lo_q) + 9'd1) + 16'(8'(c - col_lo_q));
  assign named = in_rectangle && (!scatter_q || place == index_q);
  assign beyond = !scatter_q && 17'(addr_q) + 17'(index_q) > 17'd63;  // past the last address

  // What was taken is written in the next cycle.
  logic taken_q, named_q;
  logic [5:0] where_q;
  logic [63:0] word_q;
  always_ff @(posedge clk_i) begin
    taken_q <= rst_ni & valid_i & inside & ready;
    named_q <= named & ~beyond;
    where_q <= 6'(addr_q + (scatter_q ? 6'd0 : 6'(index_q)));
    word_q  <= data_i;
  end
  always @(posedge clk_i) if (rst_ni) begin
    assume (r < 8'(Rows) && c < 8'(Columns));
    Taken: assert (ready == (!inside || stop_i == '0));
    Asked: assert (!inside || (row[r] && col[c]) == named);
    Written: assert ((we && we_row[r] && we_col[c]) == (taken_q && named_q));
    Address: assert (!(taken_q && named_q) || (addr == where_q && word == word_q));
  end
endmodule
