// SPDX-License-Identifier: Apache-2.0
`include "eco_assert.svh"

// One row of the array: the X-buses of both global input networks, the PEs, and the row's part of the
// global output network. Latency and handshake are those of eco_xbus, eco_pe and eco_gon_row. Reset: as theirs.
module eco_row #(
  parameter int unsigned Columns     = 15,  /// PEs in the row
  parameter int unsigned NumIds      = 5,   /// IDs per multicast controller
  parameter int unsigned IdBits      = 5,   /// bits of an ID
  parameter int unsigned WideLanes   = 5,   /// words of a wide beat
  parameter int unsigned NarrowLanes = 2,   /// words of a narrow beat
  parameter int unsigned GonLanes    = 2,   /// 32-bit words of a GON beat
  parameter int unsigned LocalLanes  = 2,   /// psums that the Local link is wide for
  parameter int unsigned IfmapDepth  = 75,  /// eco_pe
  parameter int unsigned FilterDepth = 224, /// eco_pe
  parameter int unsigned PsumDepth   = 24,  /// eco_pe
  parameter int unsigned QueueDepth  = 8,   /// eco_pe
  parameter int unsigned NumLevels   = 7,   /// eco_pe
  parameter int unsigned MulStages   = 2,   /// eco_pe
  parameter int unsigned AddStages   = 1,   /// eco_pe
  parameter int unsigned LinkStages  = 0,   /// eco_pe
  parameter int unsigned CounterBits = 32,  /// eco_pe
  localparam int unsigned WideCnt    = $clog2(WideLanes + 1),
  localparam int unsigned NarrowCnt  = $clog2(NarrowLanes + 1),
  localparam int unsigned IdsBits    = NumIds * IdBits,
  localparam int unsigned ColBits    = Columns > 1 ? $clog2(Columns) : 1
) (
  input  logic                          clk_i,          /// clock
  input  logic                          rst_ni,         /// synchronous reset, active low
  input  logic                          running_i,      /// counters count
  // configuration: whether the word that may come now can be taken
  input  logic                          cfg_row_i,      /// this row is addressed
  input  logic [Columns-1:0]            cfg_col_i,      /// columns addressed
  input  logic                          cfg_dump_i,     /// it asks for the counters
  output logic                          cfg_stop_o,     /// an addressed PE cannot take it
  // configuration: the word taken last
  input  logic                          cfg_we_i,       /// it is for this row
  input  logic [Columns-1:0]            cfg_we_col_i,   /// columns addressed
  input  logic [5:0]                    cfg_addr_i,     /// address in the PE or X-bus
  input  logic [63:0]                   cfg_data_i,     /// the word
  // Y-bus, wide
  input  logic                          wide_valid_i,   /// see eco_xbus
  input  logic [IdBits-1:0]             wide_row_i,     /// row tag
  input  logic [IdBits-1:0]             wide_col_i,     /// column tag
  input  logic [1:0]                    wide_dest_i,    /// destination
  input  logic [WideCnt-1:0]            wide_count_i,   /// words
  input  logic [WideLanes*16-1:0]       wide_data_i,    /// the words
  output logic                          wide_stop_o,    /// must wait for this row
  output logic                          wide_found_o,   /// the one before named a PE of this row
  input  logic                          wide_go_i,      /// moves
  // Y-bus, narrow
  input  logic                          narrow_valid_i, /// as wide
  input  logic [IdBits-1:0]             narrow_row_i,   /// as wide
  input  logic [IdBits-1:0]             narrow_col_i,   /// as wide
  input  logic [1:0]                    narrow_dest_i,  /// as wide
  input  logic [NarrowCnt-1:0]          narrow_count_i, /// as wide
  input  logic [NarrowLanes*16-1:0]     narrow_data_i,  /// as wide
  output logic                          narrow_stop_o,  /// as wide
  output logic                          narrow_found_o, /// as wide
  input  logic                          narrow_go_i,    /// as wide
  // Local links, column c in bits c*LocalLanes*32
  input  logic [Columns*LocalLanes-1:0]    below_valid_i,  /// from the row below
  input  logic [Columns*LocalLanes*32-1:0] below_data_i,   /// from the row below
  output logic [Columns-1:0]               below_credit_o, /// to the row below
  output logic [Columns*LocalLanes-1:0]    above_valid_o,  /// to the row above
  output logic [Columns*LocalLanes*32-1:0] above_data_o,   /// to the row above
  input  logic [Columns-1:0]               above_credit_i, /// from the row above
  // global output network, see eco_gon_row
  input  logic                          gon_push_i,     /// a request
  input  logic [GonLanes-1:0]           gon_en_i,       /// the lane names a PE of this row
  input  logic [GonLanes*ColBits-1:0]   gon_col_i,      /// its column
  output logic                          gon_ready_o,    /// a request can be taken
  output logic [GonLanes-1:0]           gon_valid_o,    /// there is a word for the lane
  output logic [GonLanes*32-1:0]        gon_data_o,     /// the word
  input  logic [GonLanes-1:0]           gon_pop_i,      /// it is taken
  // errors
  output logic [1:0]                    error_o         /// of all PEs, see eco_pe
);
  logic [Columns-1:0] wide_ready, wide_push, narrow_ready, narrow_push, cfg_ready, cfg_idle;
  logic [1:0] wide_dest, narrow_dest;
  logic [WideCnt-1:0] wide_count;
  logic [NarrowCnt-1:0] narrow_count;
  logic [WideLanes*16-1:0] wide_data;
  logic [NarrowLanes*16-1:0] narrow_data;

  eco_xbus #(.Columns(Columns), .NumIds(NumIds), .IdBits(IdBits), .Lanes(WideLanes)) u_wide (
    .clk_i, .rst_ni,
    .row_id_we_i(cfg_we_i && cfg_addr_i == eco_pkg::CfgRowWide),
    .col_id_we_i(cfg_we_i && cfg_addr_i == eco_pkg::CfgColWide), .col_sel_i(cfg_we_col_i),
    .ids_i(cfg_data_i[IdsBits-1:0]),
    .valid_i(wide_valid_i), .row_tag_i(wide_row_i), .col_tag_i(wide_col_i),
    .dest_i(wide_dest_i), .count_i(wide_count_i), .data_i(wide_data_i),
    .stop_o(wide_stop_o), .go_i(wide_go_i),
    .ready_i(wide_ready), .push_o(wide_push),
    .dest_o(wide_dest), .count_o(wide_count), .data_o(wide_data), .found_o(wide_found_o)
  );
  eco_xbus #(.Columns(Columns), .NumIds(NumIds), .IdBits(IdBits), .Lanes(NarrowLanes)) u_narrow (
    .clk_i, .rst_ni,
    .row_id_we_i(cfg_we_i && cfg_addr_i == eco_pkg::CfgRowNarrow),
    .col_id_we_i(cfg_we_i && cfg_addr_i == eco_pkg::CfgColNarrow), .col_sel_i(cfg_we_col_i),
    .ids_i(cfg_data_i[IdsBits-1:0]),
    .valid_i(narrow_valid_i), .row_tag_i(narrow_row_i), .col_tag_i(narrow_col_i),
    .dest_i(narrow_dest_i), .count_i(narrow_count_i), .data_i(narrow_data_i),
    .stop_o(narrow_stop_o), .go_i(narrow_go_i),
    .ready_i(narrow_ready), .push_o(narrow_push),
    .dest_o(narrow_dest), .count_o(narrow_count), .data_o(narrow_data), .found_o(narrow_found_o)
  );

  logic [Columns-1:0] out_valid, out_pop, program_error, counter_error;
  logic [Columns*32-1:0] out_data;
  for (genvar c = 0; c < Columns; c++) begin : gen_col
    eco_pe #(
      .WideLanes(WideLanes), .NarrowLanes(NarrowLanes), .IfmapDepth(IfmapDepth),
      .FilterDepth(FilterDepth), .PsumDepth(PsumDepth), .QueueDepth(QueueDepth),
      .NumLevels(NumLevels), .MulStages(MulStages), .AddStages(AddStages), .LinkStages(LinkStages),
      .LocalLanes(LocalLanes), .CounterBits(CounterBits)
    ) u_pe (
      .clk_i, .rst_ni, .running_i,
      .cfg_we_i(cfg_we_i & cfg_we_col_i[c]), .cfg_addr_i, .cfg_data_i,
      .cfg_ready_o(cfg_ready[c]), .cfg_idle_o(cfg_idle[c]),
      .wide_push_i(wide_push[c]), .wide_dest_i(wide_dest), .wide_count_i(wide_count),
      .wide_data_i(wide_data), .wide_ready_o(wide_ready[c]),
      .narrow_push_i(narrow_push[c]), .narrow_dest_i(narrow_dest),
      .narrow_count_i(narrow_count), .narrow_data_i(narrow_data),
      .narrow_ready_o(narrow_ready[c]),
      .below_valid_i(below_valid_i[c*LocalLanes +: LocalLanes]),
      .below_data_i(below_data_i[c*LocalLanes*32 +: LocalLanes*32]),
      .below_credit_o(below_credit_o[c]),
      .above_valid_o(above_valid_o[c*LocalLanes +: LocalLanes]),
      .above_data_o(above_data_o[c*LocalLanes*32 +: LocalLanes*32]),
      .above_credit_i(above_credit_i[c]),
      .out_valid_o(out_valid[c]), .out_data_o(out_data[c*32 +: 32]),
      .out_pop_i(out_pop[c]), .error_o({counter_error[c], program_error[c]})
    );
  end

  eco_gon_row #(.Columns(Columns), .GonLanes(GonLanes), .ColBits(ColBits)) u_gon_row (
    .clk_i, .rst_ni, .push_i(gon_push_i), .en_i(gon_en_i), .col_i(gon_col_i), .ready_o(gon_ready_o),
    .valid_i(out_valid), .data_i(out_data), .pop_o(out_pop),
    .valid_o(gon_valid_o), .data_o(gon_data_o), .pop_i(gon_pop_i)
  );

  always_comb begin
    cfg_stop_o = 1'b0;
    if (cfg_row_i) cfg_stop_o = |(cfg_col_i & ~(cfg_dump_i ? cfg_idle : cfg_ready));
  end
  always_ff @(posedge clk_i) begin
    if (!rst_ni) error_o <= '0;
    else error_o <= {|counter_error, |program_error};
  end
`ifdef ECO_CHECKS
  `include "eco_row_checks.svh"
`endif
endmodule
