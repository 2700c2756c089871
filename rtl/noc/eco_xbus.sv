// SPDX-License-Identifier: Apache-2.0
// X-bus of one array row on one global input network (Sec. 4.4, Fig. 8), with the row's
// multicast controller towards the Y-bus and one column controller per PE.
//
// Y-bus side: `stop_o` while the beat names this row and the X-bus is occupied; the beat is taken
// when `go_i` (no row stops it). X-bus side: the beat stays until every PE that its column tag
// names has room, then all of them take it in the same cycle: exactly once each.
// Latency: 1 cycle from Y-bus to PE queues. Reset: empty, all IDs unused.
module eco_xbus #(
  parameter int unsigned Columns = 15,  /// PEs in the row
  parameter int unsigned NumIds  = 5,   /// IDs per controller
  parameter int unsigned IdBits  = 5,   /// bits of an ID
  parameter int unsigned Lanes   = 5,   /// 16-bit words of a full beat
  localparam int unsigned CntBits = $clog2(Lanes + 1)
) (
  input  logic                     clk_i,        /// clock
  input  logic                     rst_ni,       /// synchronous reset, active low
  input  logic                     row_id_we_i,  /// load the row IDs from `ids_i`
  input  logic                     col_id_we_i,  /// load column IDs from `ids_i`
  input  logic [Columns-1:0]       col_sel_i,    /// of these PEs
  input  logic [NumIds*IdBits-1:0] ids_i,        /// IDs to load
  // Y-bus
  input  logic                     valid_i,      /// a beat stands on the Y-bus
  input  logic [IdBits-1:0]        row_tag_i,    /// its row tag
  input  logic [IdBits-1:0]        col_tag_i,    /// its column tag
  input  logic [1:0]               dest_i,       /// its destination in the PEs
  input  logic [CntBits-1:0]       count_i,      /// its words, 1..Lanes
  input  logic [Lanes*16-1:0]      data_i,       /// the words
  output logic                     stop_o,       /// the beat must wait for this row
  input  logic                     go_i,         /// the beat moves
  // PEs
  input  logic [Columns-1:0]       ready_i,      /// the PE's queue has room for a full beat
  output logic [Columns-1:0]       push_o,       /// the PE takes the beat
  output logic [1:0]               dest_o,       /// beat on the X-bus
  output logic [CntBits-1:0]       count_o,      /// its words
  output logic [Lanes*16-1:0]      data_o        /// the words
);
  logic valid_q, row_match, free, fire;
  logic [IdBits-1:0] col_tag_q;
  logic [Columns-1:0] match, stop;

  eco_multicast_ctrl #(.NumIds(NumIds), .IdBits(IdBits)) u_row_ctrl (
    .clk_i, .rst_ni, .id_we_i(row_id_we_i), .ids_i, .valid_i, .tag_i(row_tag_i),
    .ready_i(free), .match_o(row_match), .stop_o
  );

  for (genvar c = 0; c < Columns; c++) begin : gen_col
    eco_multicast_ctrl #(.NumIds(NumIds), .IdBits(IdBits)) u_col_ctrl (
      .clk_i, .rst_ni, .id_we_i(col_id_we_i & col_sel_i[c]), .ids_i, .valid_i(valid_q), .tag_i(col_tag_q),
      .ready_i(ready_i[c]), .match_o(match[c]), .stop_o(stop[c])
    );
  end

  assign fire   = valid_q & ~(|stop);
  assign free   = ~valid_q | fire;
  assign push_o = match & {Columns{fire}};

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= 1'b0;
    else if (free) valid_q <= row_match & go_i;
    if (row_match & go_i) begin
      col_tag_q <= col_tag_i;
      dest_o    <= dest_i;
      count_o   <= count_i;
      data_o    <= data_i;
    end
  end
endmodule
