// SPDX-License-Identifier: Apache-2.0
`include "eco_assert.svh"

// Configuration port: unpacks the 64-bit stream and addresses PEs and X-buses.
//
// A header word {count[15:0], scatter, addr[5:0], col_hi, col_lo, row_hi, row_lo (8 bits each)}
// names a rectangle of PEs (both ends included), then its words follow. Broadcast: `count` words
// go to addresses addr, addr+1, ... of all PEs. Scatter: word k goes to address addr of the k-th
// PE in row-major order.
//
// Handshake: a data word waits until every PE that it addresses can take it; a dump waits until
// they are idle. What is addressed depends on registers only. Words that address nothing are dropped and
// reported. Latency: headers 1 cycle, words are written in the cycle after they are taken. Reset: expects
// a header.
module eco_config #(
  parameter int unsigned Rows       = 13,  /// rows of the array
  parameter int unsigned Columns    = 15,  /// columns of the array
  parameter int unsigned ImageWords = 18   /// image words of a PE
) (
  input  logic               clk_i,      /// clock
  input  logic               rst_ni,     /// synchronous reset, active low
  input  logic               valid_i,    /// a configuration word
  output logic               ready_o,    /// is taken
  input  logic [63:0]        data_i,     /// the word
  // who is addressed by the word that may come now
  output logic [Rows-1:0]    row_o,      /// rows
  output logic [Columns-1:0] col_o,      /// columns
  output logic               dump_o,     /// it asks for the counters
  input  logic [Rows-1:0]    stop_i,     /// an addressed PE of the row cannot take it
  // the word taken last
  output logic               we_o,       /// write it
  output logic [Rows-1:0]    we_row_o,   /// rows
  output logic [Columns-1:0] we_col_o,   /// columns
  output logic [5:0]         addr_o,     /// address within a PE or X-bus
  output logic [63:0]        data_o,     /// word
  // errors
  output logic               bad_header_o,  /// a header names nothing, or what is not there
  output logic               bad_address_o  /// a word for an address that does not exist
);
  logic [15:0] left_q;
  logic scatter_q;
  logic nobody_q, past_q;  // the word is for no PE; it is beyond the last address
  logic [5:0] addr_q;
  logic [7:0] row_q, row_hi_q, col_q, col_lo_q, col_hi_q;
  logic header, take, known;

  assign header  = left_q == '0;
  assign take    = valid_i & ~header & ready_o;
  assign ready_o = header | ~(|stop_i);
  assign dump_o  = addr_q == eco_pkg::CfgDump;
  assign known   = 32'(addr_q) < ImageWords
      || (addr_q >= eco_pkg::CfgParam && addr_q <= eco_pkg::CfgRowNarrow);

  // Fields of a header.
  logic [7:0] row_lo, row_hi, col_lo, col_hi;
  logic bad;
  assign {col_hi, col_lo, row_hi, row_lo} = data_i[31:0];
  assign bad = 32'(row_hi) >= Rows || 32'(col_hi) >= Columns || row_lo > row_hi || col_lo > col_hi
      || data_i[54:39] == '0;

  logic last_col, last_row;
  assign last_col = col_q == col_hi_q;
  assign last_row = row_q == row_hi_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      left_q <= '0;
    end else if (valid_i && header) begin
      left_q <= data_i[54:39];
    end else if (take) begin
      left_q <= left_q - 16'd1;
    end
    if (valid_i && header) begin
      {scatter_q, addr_q} <= data_i[38:32];
      nobody_q <= bad;
      past_q   <= 1'b0;
      row_q    <= row_lo;
      row_hi_q <= row_hi;
      col_q    <= col_lo;
      col_lo_q <= col_lo;
      col_hi_q <= col_hi;
    end else if (take) begin
      if (!scatter_q) begin
        addr_q <= addr_q + 6'd1;
        past_q <= past_q | (addr_q == '1);
      end else if (last_col) begin
        col_q    <= col_lo_q;
        row_q    <= row_q + 8'd1;
        nobody_q <= nobody_q | last_row;
      end else begin
        col_q <= col_q + 8'd1;
      end
    end
  end

  // Who is addressed, decoded ahead of the words: one bit per row and column.
  for (genvar r = 0; r < Rows; r++) begin : gen_row
    logic next;
    if (r == 0) begin : gen_first
      assign next = 1'b0;
    end else begin : gen_others
      assign next = row_o[r-1];
    end
    always_ff @(posedge clk_i) begin
      if (!rst_ni) row_o[r] <= 1'b0;
      else if (valid_i && header) begin
        row_o[r] <= !bad && row_lo <= 8'(r) && (data_i[38] ? row_lo >= 8'(r) : row_hi >= 8'(r));
      end else if (take && scatter_q && last_col) begin
        row_o[r] <= next & ~last_row;
      end
    end
  end
  for (genvar c = 0; c < Columns; c++) begin : gen_col
    logic next;
    if (c == 0) begin : gen_first
      assign next = 1'b0;
    end else begin : gen_others
      assign next = col_o[c-1];
    end
    always_ff @(posedge clk_i) begin
      if (valid_i && header) begin
        col_o[c] <= col_lo <= 8'(c) && (data_i[38] ? col_lo >= 8'(c) : col_hi >= 8'(c));
      end else if (take && scatter_q) begin
        col_o[c] <= last_col ? col_lo_q == 8'(c) : next;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      we_o          <= 1'b0;
      we_row_o      <= '0;
      bad_header_o  <= 1'b0;
      bad_address_o <= 1'b0;
    end else begin
      we_o          <= take & ~(nobody_q | past_q);
      we_row_o      <= take && !(nobody_q || past_q) ? row_o : '0;
      bad_header_o  <= (valid_i & header & bad) | (take & nobody_q);
      bad_address_o <= take & ~nobody_q & (~known | past_q);
    end
    if (take) begin
      we_col_o <= col_o;
      addr_o   <= addr_q;
      data_o   <= data_i;
    end
  end

`ifndef FORMAL  // the stream's duty
  `ECO_ASSERT(HeaderNamesPes, !bad_header_o)
  `ECO_ASSERT(AddressExists, !bad_address_o)
`endif
`ifdef ECO_CHECKS
  `include "eco_config_checks.svh"
`endif
endmodule
