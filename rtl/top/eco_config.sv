// SPDX-License-Identifier: Apache-2.0
// Configuration port: unpacks the 64-bit stream and addresses PEs and X-buses.
//
// A header word {count[15:0], scatter, addr[5:0], col_hi, col_lo, row_hi, row_lo (8 bits each)}
// names a rectangle of PEs (both ends included), then its words follow. Broadcast: `count` words
// go to addresses addr, addr+1, ... of all PEs. Scatter: word k goes to address addr of the k-th
// PE in row-major order.
//
// Handshake: a data word waits until every PE that it addresses can take it. What is addressed
// depends on registers only, so that nothing but `we_o` and `data_o` moves with the stream.
// Latency: headers 1 cycle, words combinational. Reset: expects a header.
module eco_config #(
  parameter int unsigned Rows    = 13,  /// rows of the array
  parameter int unsigned Columns = 15   /// columns of the array
) (
  input  logic               clk_i,    /// clock
  input  logic               rst_ni,   /// synchronous reset, active low
  input  logic               valid_i,  /// a configuration word
  output logic               ready_o,  /// is taken
  input  logic [63:0]        data_i,   /// the word
  output logic               we_o,     /// write to what row_o and col_o address
  output logic [Rows-1:0]    row_o,    /// rows addressed
  output logic [Columns-1:0] col_o,    /// columns addressed
  output logic [5:0]         addr_o,   /// address within a PE or X-bus
  output logic [63:0]        data_o,   /// word
  input  logic [Rows-1:0]    stop_i    /// an addressed PE of the row cannot take it
);
  logic [15:0] left_q;
  logic scatter_q;
  logic [7:0] row_lo_q, row_hi_q, col_lo_q, col_hi_q, row_q, col_q;
  logic header;

  assign header  = left_q == '0;
  assign ready_o = header | ~(|stop_i);
  assign we_o    = valid_i & ~header & ready_o;
  assign data_o  = data_i;

  for (genvar r = 0; r < Rows; r++) begin : gen_row
    assign row_o[r] = scatter_q ? row_q == 8'(r) : row_lo_q <= 8'(r) && 8'(r) <= row_hi_q;
  end
  for (genvar c = 0; c < Columns; c++) begin : gen_col
    assign col_o[c] = scatter_q ? col_q == 8'(c) : col_lo_q <= 8'(c) && 8'(c) <= col_hi_q;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      left_q <= '0;
    end else if (valid_i && header) begin
      {left_q, scatter_q, addr_o, col_hi_q, col_lo_q, row_hi_q, row_lo_q} <= data_i[54:0];
      row_q <= data_i[7:0];
      col_q <= data_i[23:16];
    end else if (we_o) begin
      left_q <= left_q - 16'd1;
      if (!scatter_q) begin
        addr_o <= addr_o + 6'd1;
      end else if (col_q == col_hi_q) begin
        col_q <= col_lo_q;
        row_q <= row_q + 8'd1;
      end else begin
        col_q <= col_q + 8'd1;
      end
    end
  end
endmodule
