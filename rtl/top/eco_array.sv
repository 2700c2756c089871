// SPDX-License-Identifier: Apache-2.0
// The accelerator's array: rows of PEs on Y-buses (Fig. 8), Local links up the columns, global
// output network with accumulators, configuration port and array-level counters.
//
// All ports are valid/ready streams, sampled at the rising edge: configuration (64 bits), GIN wide
// and narrow (tag + words), GON commands, output. Row 0 is the top row; psums climb towards it.
// Latency: 1 cycle Y-bus to PE queue, see eco_pe and eco_gon. Reset: one, synchronous.
module eco_array #(
  parameter int unsigned Rows        = 13,    /// rows, 1..64
  parameter int unsigned Columns     = 15,    /// columns, 1..64
  parameter int unsigned NumIds      = 5,     /// IDs per multicast controller, 1..8
  parameter int unsigned IdBits      = 5,     /// bits of an ID, 2..8
  parameter int unsigned WideLanes   = 5,     /// 16-bit words of a wide GIN beat
  parameter int unsigned NarrowLanes = 2,     /// 16-bit words of a narrow GIN beat
  parameter int unsigned GonLanes    = 2,     /// 32-bit words of a GON beat
  parameter int unsigned LocalLanes  = 2,     /// 32-bit psums of a Local beat
  parameter int unsigned IfmapDepth  = 75,    /// eco_pe
  parameter int unsigned FilterDepth = 224,   /// eco_pe
  parameter int unsigned PsumDepth   = 24,    /// eco_pe
  parameter int unsigned QueueDepth  = 8,     /// eco_pe
  parameter int unsigned NumLevels   = 7,     /// eco_pe
  parameter int unsigned MulStages   = 2,     /// eco_pe
  parameter int unsigned AddStages   = 1,     /// eco_pe
  parameter int unsigned AccSlots    = 13824, /// accumulator words per GON lane
  localparam int unsigned RowBits    = Rows > 1 ? $clog2(Rows) : 1,
  localparam int unsigned ColBits    = Columns > 1 ? $clog2(Columns) : 1,
  localparam int unsigned SlotBits   = AccSlots > 1 ? $clog2(AccSlots) : 1,
  localparam int unsigned WideCnt    = $clog2(WideLanes + 1),
  localparam int unsigned NarrowCnt  = $clog2(NarrowLanes + 1)
) (
  input  logic                         clk_i,           /// clock
  input  logic                         rst_ni,          /// synchronous reset, active low
  // configuration stream
  input  logic                         cfg_valid_i,     /// a word
  output logic                         cfg_ready_o,     /// is taken
  input  logic [63:0]                  cfg_data_i,      /// the word (eco_config)
  // global input network, wide
  input  logic                         wide_valid_i,    /// a beat
  output logic                         wide_ready_o,    /// is taken
  input  logic [IdBits-1:0]            wide_row_i,      /// row tag
  input  logic [IdBits-1:0]            wide_col_i,      /// column tag
  input  logic [1:0]                   wide_dest_i,     /// eco_pkg::Dest*
  input  logic [WideCnt-1:0]           wide_count_i,    /// words in the beat
  input  logic [WideLanes*16-1:0]      wide_data_i,     /// the words, first in the low bits
  // global input network, narrow
  input  logic                         narrow_valid_i,  /// as wide
  output logic                         narrow_ready_o,  /// as wide
  input  logic [IdBits-1:0]            narrow_row_i,    /// as wide
  input  logic [IdBits-1:0]            narrow_col_i,    /// as wide
  input  logic [1:0]                   narrow_dest_i,   /// as wide
  input  logic [NarrowCnt-1:0]         narrow_count_i,  /// as wide
  input  logic [NarrowLanes*16-1:0]    narrow_data_i,   /// as wide
  // global output network: commands
  input  logic                         gon_valid_i,     /// a command
  output logic                         gon_ready_o,     /// is taken
  input  logic                         gon_end_i,       /// the last one of the run
  input  logic [GonLanes-1:0]          gon_en_i,        /// the lane names a PE
  input  logic [GonLanes*RowBits-1:0]  gon_row_i,       /// its row
  input  logic [GonLanes*ColBits-1:0]  gon_col_i,       /// its column
  input  logic [GonLanes-1:0]          gon_first_i,     /// eco_accumulator
  input  logic [GonLanes-1:0]          gon_last_i,      /// eco_accumulator
  input  logic [GonLanes*SlotBits-1:0] gon_slot_i,      /// eco_accumulator
  // output words
  output logic                         out_valid_o,     /// at least one word
  input  logic                         out_ready_i,     /// is taken
  output logic [GonLanes-1:0]          out_lane_o,      /// lanes that hold a word
  output logic [GonLanes*32-1:0]       out_data_o,      /// the words
  // status
  output logic                         running_o,       /// the last output is not yet taken
  input  logic [2:0]                   stat_sel_i,      /// counter to read
  output logic [47:0]                  stat_o           /// 0 cycles, 1 configuration words,
                                                        /// 2 wide, 3 narrow, 4 GON words
);
  logic cfg_we;
  logic [Rows-1:0] cfg_row, cfg_stop;
  logic [Columns-1:0] cfg_col;
  logic [5:0] cfg_addr;
  logic [63:0] cfg_word;

  eco_config #(.Rows(Rows), .Columns(Columns)) u_config (
    .clk_i, .rst_ni, .valid_i(cfg_valid_i), .ready_o(cfg_ready_o), .data_i(cfg_data_i),
    .we_o(cfg_we), .row_o(cfg_row), .col_o(cfg_col), .addr_o(cfg_addr), .data_o(cfg_word),
    .stop_i(cfg_stop)
  );

  // Y-buses: a beat moves when no row that it names stops it.
  logic [Rows-1:0] wide_stop, narrow_stop;
  // None moves before the configuration says that the IDs are in place.
  logic wide_go, narrow_go, enabled_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) enabled_q <= 1'b0;
    else if (cfg_we && cfg_addr == eco_pkg::CfgEnable) enabled_q <= 1'b1;
  end
  assign wide_ready_o   = enabled_q & ~(|wide_stop);
  assign narrow_ready_o = enabled_q & ~(|narrow_stop);
  assign wide_go   = wide_valid_i & wide_ready_o;
  assign narrow_go = narrow_valid_i & narrow_ready_o;

  logic [Rows*GonLanes-1:0] gon_sel, gon_there;
  logic [Rows*GonLanes*32-1:0] gon_word;
  logic [GonLanes*Columns-1:0] gon_col;
  logic [GonLanes-1:0] gon_moved;
  logic gon_pop, gon_end, running_q;
  assign running_o = running_q;

  // Local links: slice r leaves row r upwards; nothing enters the last row, nothing leaves row 0.
  localparam int unsigned LinkBits = Columns * LocalLanes;
  logic [(Rows+1)*LinkBits-1:0] up_valid;
  logic [(Rows+1)*LinkBits*32-1:0] up_data;
  logic [(Rows+1)*Columns-1:0] credit;
  assign up_valid[Rows*LinkBits +: LinkBits]      = '0;
  assign up_data[Rows*LinkBits*32 +: LinkBits*32] = '0;
  assign credit[0 +: Columns]                     = '0;

  for (genvar r = 0; r < Rows; r++) begin : gen_row
    eco_row #(
      .Columns(Columns), .NumIds(NumIds), .IdBits(IdBits), .WideLanes(WideLanes),
      .NarrowLanes(NarrowLanes), .GonLanes(GonLanes), .LocalLanes(LocalLanes),
      .IfmapDepth(IfmapDepth), .FilterDepth(FilterDepth),
      .PsumDepth(PsumDepth), .QueueDepth(QueueDepth), .NumLevels(NumLevels),
      .MulStages(MulStages), .AddStages(AddStages)
    ) u_row (
      .clk_i, .rst_ni, .running_i(running_q),
      .cfg_row_i(cfg_row[r]), .cfg_we_i(cfg_we), .cfg_col_i(cfg_col), .cfg_addr_i(cfg_addr),
      .cfg_data_i(cfg_word), .cfg_stop_o(cfg_stop[r]),
      .wide_valid_i, .wide_row_i, .wide_col_i, .wide_dest_i, .wide_count_i, .wide_data_i,
      .wide_stop_o(wide_stop[r]), .wide_go_i(wide_go),
      .narrow_valid_i, .narrow_row_i, .narrow_col_i, .narrow_dest_i, .narrow_count_i,
      .narrow_data_i, .narrow_stop_o(narrow_stop[r]), .narrow_go_i(narrow_go),
      .below_valid_i(up_valid[(r+1)*LinkBits +: LinkBits]),
      .below_data_i(up_data[(r+1)*LinkBits*32 +: LinkBits*32]),
      .below_credit_o(credit[(r+1)*Columns +: Columns]),
      .above_valid_o(up_valid[r*LinkBits +: LinkBits]),
      .above_data_o(up_data[r*LinkBits*32 +: LinkBits*32]),
      .above_credit_i(credit[r*Columns +: Columns]),
      .gon_sel_i(gon_sel[r*GonLanes +: GonLanes]), .gon_col_i(gon_col), .gon_pop_i(gon_pop),
      .gon_valid_o(gon_there[r*GonLanes +: GonLanes]),
      .gon_data_o(gon_word[r*GonLanes*32 +: GonLanes*32])
    );
  end

  eco_gon #(
    .Rows(Rows), .Columns(Columns), .GonLanes(GonLanes), .RowBits(RowBits), .ColBits(ColBits),
    .Slots(AccSlots)
  ) u_gon (
    .clk_i, .rst_ni,
    .cmd_valid_i(gon_valid_i), .cmd_ready_o(gon_ready_o), .cmd_end_i(gon_end_i),
    .cmd_en_i(gon_en_i), .cmd_row_i(gon_row_i), .cmd_col_i(gon_col_i),
    .cmd_first_i(gon_first_i), .cmd_last_i(gon_last_i), .cmd_slot_i(gon_slot_i),
    .sel_o(gon_sel), .col_o(gon_col), .pop_o(gon_pop), .valid_i(gon_there), .data_i(gon_word),
    .out_valid_o, .out_ready_i, .out_lane_o, .out_data_o,
    .end_o(gon_end), .moved_o(gon_moved)
  );

  // Array-level counters: of the run, which ends when the last output word is taken.
  logic [47:0] cycles_q, cfg_q, wide_q, narrow_q, gon_q;
  logic [7:0] gon_words;
  always_comb begin
    gon_words = '0;
    for (int k = 0; k < GonLanes; k++) gon_words = gon_words + 8'(gon_moved[k]);
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      running_q <= 1'b1;
      cycles_q  <= '0;
      cfg_q     <= '0;
      wide_q    <= '0;
      narrow_q  <= '0;
      gon_q     <= '0;
    end else if (running_q) begin
      running_q <= ~gon_end;
      cycles_q  <= cycles_q + 48'd1;
      if (cfg_valid_i && cfg_ready_o) cfg_q <= cfg_q + 48'd1;
      if (wide_go) wide_q <= wide_q + 48'(wide_count_i);
      if (narrow_go) narrow_q <= narrow_q + 48'(narrow_count_i);
      gon_q <= gon_q + 48'(gon_words);
    end
  end

  always_comb begin
    unique case (stat_sel_i)
      3'd0: stat_o = cycles_q;
      3'd1: stat_o = cfg_q;
      3'd2: stat_o = wide_q;
      3'd3: stat_o = narrow_q;
      3'd4: stat_o = gon_q;
      default: stat_o = '0;
    endcase
  end
endmodule
