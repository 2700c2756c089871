// SPDX-License-Identifier: Apache-2.0
`include "eco_assert.svh"

// X-bus of one array row on one global input network (Sec. 4.4, Fig. 8), with the row's
// multicast controller towards the Y-bus and one column controller per PE.
//
// Y-bus side: `stop_o` while the beat names this row and the row has no room; the beat is taken
// when `go_i` (no row stops it). Whom it names is found out on its way in; it then waits in a short queue.
// X-bus side: the beat at the head stays until every PE that it names has room, then all of them take it
// in the same cycle: exactly once each. `stop_o` comes from the row controller and a register alone, so
// that Y-bus and X-bus do not see each other within a cycle.
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
  output logic                     stop_o,       /// and must wait for it
  input  logic                     go_i,         /// the beat moves
  // PEs
  input  logic [Columns-1:0]       ready_i,      /// the PE's queue has room for a full beat
  output logic [Columns-1:0]       push_o,       /// the PE takes the beat
  output logic [1:0]               dest_o,       /// beat on the X-bus
  output logic [CntBits-1:0]       count_o,      /// its words
  output logic [Lanes*16-1:0]      data_o,       /// the words
  output logic                     found_o       /// the beat of the cycle before named a PE of this row
);
  localparam int unsigned Beats = 3;  // one under way, one at the head, one more: full throughput
  logic row_match, ready_q, took_q, push, fire;
  logic [Beats-1:0] there;
  logic [Columns-1:0] newest, older_q, oldest_q, named;  // whom the beats of the queue name; whom the head does

  eco_multicast_ctrl #(.NumIds(NumIds), .IdBits(IdBits)) u_row_ctrl (
    .clk_i, .rst_ni, .id_we_i(row_id_we_i), .id_sel_i(1'b1), .ids_i, .valid_i, .tag_i(row_tag_i), .match_o(row_match)
  );
  // Compared once for each beat, as it is taken: a simulator evaluates what depends on the Y-bus alone several
  // times a cycle.
  for (genvar c = 0; c < Columns; c++) begin : gen_col
    logic match, named_q;
    eco_multicast_ctrl #(.NumIds(NumIds), .IdBits(IdBits)) u_col_ctrl (
      .clk_i, .rst_ni, .id_we_i(col_id_we_i), .id_sel_i(col_sel_i[c]), .ids_i, .valid_i(row_match),
      .tag_i(col_tag_i), .match_o(match)
    );
    always_ff @(posedge clk_i) if (push) named_q <= match;
    assign newest[c] = named_q;
  end
  assign stop_o = row_match & ~ready_q;
  assign push   = row_match & go_i;

  eco_shift_fifo #(.Depth(Beats), .DataBits(2 + CntBits + Lanes*16)) u_beats (
    .clk_i, .rst_ni, .push_i(push), .data_i({dest_i, count_i, data_i}),
    .pop_i(fire), .valid_o(there), .data_o({dest_o, count_o, data_o})
  );
  // Room is reported a cycle late: room for the beat that may have come since.
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      ready_q <= 1'b1;
      took_q  <= 1'b0;
    end else begin
      ready_q <= ~there[Beats-2];
      took_q  <= push;
    end
  end

  always_ff @(posedge clk_i) begin
    if (push) begin
      oldest_q <= older_q;
      older_q  <= newest;
    end
  end
  assign named   = there[2] ? oldest_q : there[1] ? older_q : newest;
  assign found_o = took_q & (|newest);

  always_comb begin
    fire = 1'b0;
    if (there[0]) fire = ~(|(named & ~ready_i));
  end
  assign push_o = named & {Columns{fire}};

  `ECO_ASSERT(ReadyMeansRoom, !ready_q || !there[Beats-1])
  `ECO_ASSERT(OnlyWithRoom, (push_o & ~ready_i) == '0)
`ifdef ECO_CHECKS
  `include "eco_xbus_checks.svh"
`endif
endmodule
