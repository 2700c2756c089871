// SPDX-License-Identifier: Apache-2.0
`include "eco_assert.svh"

// The accelerator's array: rows of PEs on Y-buses (Fig. 8), Local links up the columns, global
// output network with accumulators, configuration port and array-level counters.
//
// All ports are valid/ready streams, sampled at the rising edge: configuration (64 bits), GIN wide
// and narrow (tag + words), GON commands, output. Row 0 is the top row; psums climb towards it.
// `clear_i` does in one cycle what the reset does, at any time: the next layer finds the same machine.
// Who drives the streams begins them anew. Errors of what comes in stay readable until then.
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
  parameter int unsigned LinkStages  = 0,     /// eco_pe
  parameter int unsigned CounterBits = 32,    /// eco_pe
  parameter int unsigned AccSlots    = 13824, /// accumulator words per GON lane
  parameter int unsigned AccStages   = 1,     /// cycles of the accumulators' adder
  localparam int unsigned RowBits    = Rows > 1 ? $clog2(Rows) : 1,
  localparam int unsigned ColBits    = Columns > 1 ? $clog2(Columns) : 1,
  localparam int unsigned SlotBits   = AccSlots > 1 ? $clog2(AccSlots) : 1,
  localparam int unsigned WideCnt    = $clog2(WideLanes + 1),
  localparam int unsigned NarrowCnt  = $clog2(NarrowLanes + 1)
) (
  input  logic                         clk_i,           /// clock
  input  logic                         rst_ni,          /// synchronous reset, active low
  input  logic                         clear_i,         /// ends the run, as a reset does
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
  input  logic                         out_round_i,     /// they leave rounded to 16 bits (bf16 only), steady in a run
  output logic [GonLanes-1:0]          out_lane_o,      /// lanes that hold a word
  output logic [GonLanes*32-1:0]       out_data_o,      /// the words
  // status
  output logic                         done_o,          /// the last output of the run was taken, all is counted
  input  logic [2:0]                   stat_sel_i,      /// what to read
  output logic [47:0]                  stat_o           /// 0 cycles, 1 configuration words,
                                                        /// 2 wide, 3 narrow, 4 GON words,
                                                        /// 5 errors (eco_pkg::Err*), 6 cycles in which the GON
                                                        /// waited for an accumulator's adder
);
  logic rst_n;
  assign rst_n = rst_ni & ~clear_i;

  logic cfg_we, cfg_dump, bad_header, bad_address;
  logic [Rows-1:0] cfg_row, cfg_stop, cfg_we_row;
  logic [Columns-1:0] cfg_col, cfg_we_col;
  logic [5:0] cfg_addr;
  logic [63:0] cfg_word;

  eco_config #(.Rows(Rows), .Columns(Columns), .ImageWords(4 + 2 * NumLevels)) u_config (
    .clk_i, .rst_ni(rst_n), .valid_i(cfg_valid_i), .ready_o(cfg_ready_o), .data_i(cfg_data_i),
    .row_o(cfg_row), .col_o(cfg_col), .dump_o(cfg_dump), .stop_i(cfg_stop),
    .we_o(cfg_we), .we_row_o(cfg_we_row), .we_col_o(cfg_we_col), .addr_o(cfg_addr), .data_o(cfg_word),
    .bad_header_o(bad_header), .bad_address_o(bad_address)
  );

  // Y-buses: a beat moves when no row that it names stops it.
  logic [Rows-1:0] wide_stop, narrow_stop, wide_found, narrow_found;
  // None moves before the configuration says that the IDs are in place.
  logic wide_go, narrow_go, enabled_q;
  always_ff @(posedge clk_i) begin
    if (!rst_n) enabled_q <= 1'b0;
    else if (cfg_we && cfg_addr == eco_pkg::CfgEnable) enabled_q <= 1'b1;
  end
  assign wide_ready_o   = enabled_q & ~(|wide_stop);
  assign narrow_ready_o = enabled_q & ~(|narrow_stop);
  assign wide_go   = wide_valid_i & wide_ready_o;
  assign narrow_go = narrow_valid_i & narrow_ready_o;

  logic [Rows-1:0] gon_push, gon_row_ready;
  logic [Rows*GonLanes-1:0] gon_en, gon_there, gon_pop;
  logic [Rows*GonLanes*32-1:0] gon_word;
  logic [GonLanes*ColBits-1:0] gon_col;
  logic [GonLanes-1:0] gon_moved;
  logic gon_end, gon_bad_pe, gon_twice, gon_held, running_q;
  logic [Rows*2-1:0] row_error;

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
      .MulStages(MulStages), .AddStages(AddStages), .LinkStages(LinkStages), .CounterBits(CounterBits)
    ) u_row (
      .clk_i, .rst_ni(rst_n), .running_i(running_q),
      .cfg_row_i(cfg_row[r]), .cfg_col_i(cfg_col), .cfg_dump_i(cfg_dump), .cfg_stop_o(cfg_stop[r]),
      .cfg_we_i(cfg_we_row[r]), .cfg_we_col_i(cfg_we_col), .cfg_addr_i(cfg_addr), .cfg_data_i(cfg_word),
      .wide_valid_i, .wide_row_i, .wide_col_i, .wide_dest_i, .wide_count_i, .wide_data_i,
      .wide_stop_o(wide_stop[r]), .wide_found_o(wide_found[r]), .wide_go_i(wide_go),
      .narrow_valid_i, .narrow_row_i, .narrow_col_i, .narrow_dest_i, .narrow_count_i,
      .narrow_data_i, .narrow_stop_o(narrow_stop[r]), .narrow_found_o(narrow_found[r]),
      .narrow_go_i(narrow_go),
      .below_valid_i(up_valid[(r+1)*LinkBits +: LinkBits]),
      .below_data_i(up_data[(r+1)*LinkBits*32 +: LinkBits*32]),
      .below_credit_o(credit[(r+1)*Columns +: Columns]),
      .above_valid_o(up_valid[r*LinkBits +: LinkBits]),
      .above_data_o(up_data[r*LinkBits*32 +: LinkBits*32]),
      .above_credit_i(credit[r*Columns +: Columns]),
      .gon_push_i(gon_push[r]), .gon_en_i(gon_en[r*GonLanes +: GonLanes]), .gon_col_i(gon_col),
      .gon_ready_o(gon_row_ready[r]), .gon_valid_o(gon_there[r*GonLanes +: GonLanes]),
      .gon_data_o(gon_word[r*GonLanes*32 +: GonLanes*32]), .gon_pop_i(gon_pop[r*GonLanes +: GonLanes]),
      .error_o(row_error[r*2 +: 2])
    );
  end

  eco_gon #(
    .Rows(Rows), .Columns(Columns), .GonLanes(GonLanes), .RowBits(RowBits), .ColBits(ColBits),
    .Slots(AccSlots), .AccStages(AccStages)
  ) u_gon (
    .clk_i, .rst_ni(rst_n),
    .cmd_valid_i(gon_valid_i), .cmd_ready_o(gon_ready_o), .cmd_end_i(gon_end_i),
    .cmd_en_i(gon_en_i), .cmd_row_i(gon_row_i), .cmd_col_i(gon_col_i),
    .cmd_first_i(gon_first_i), .cmd_last_i(gon_last_i), .cmd_slot_i(gon_slot_i),
    .push_o(gon_push), .en_o(gon_en), .col_o(gon_col), .ready_i(gon_row_ready),
    .valid_i(gon_there), .data_i(gon_word), .pop_o(gon_pop),
    .out_valid_o, .out_ready_i, .out_round_i, .out_lane_o, .out_data_o,
    .end_o(gon_end), .moved_o(gon_moved), .held_o(gon_held), .bad_pe_o(gon_bad_pe), .twice_o(gon_twice)
  );

  // Array-level counters: of the run, which ends when the last output word is taken. What moves is
  // registered first, then counted; `done_o` comes when all has been.
  logic [7:0] gon_words, gon_words_q;
  logic [WideCnt-1:0] wide_words_q;
  logic [NarrowCnt-1:0] narrow_words_q;
  logic cycle_q, cfg_word_q, gon_held_q;
  logic [3:0] done_q;
  always_comb begin
    gon_words = '0;
    for (int k = 0; k < GonLanes; k++) gon_words = gon_words + 8'(gon_moved[k]);
  end
  always_ff @(posedge clk_i) begin
    if (!rst_n) begin
      running_q      <= 1'b1;
      done_q         <= '0;
      cycle_q        <= 1'b0;
      cfg_word_q     <= 1'b0;
      gon_held_q     <= 1'b0;
      wide_words_q   <= '0;
      narrow_words_q <= '0;
      gon_words_q    <= '0;
    end else begin
      if (gon_end) running_q <= 1'b0;
      done_q         <= {done_q[2:0], ~running_q};
      cycle_q        <= running_q;
      cfg_word_q     <= running_q & cfg_valid_i & cfg_ready_o;
      wide_words_q   <= running_q && wide_go ? wide_count_i : '0;
      narrow_words_q <= running_q && narrow_go ? narrow_count_i : '0;
      gon_words_q    <= running_q ? gon_words : '0;
      gon_held_q     <= running_q & gon_held;
    end
  end
  assign done_o = done_q[3];

  logic [47:0] cycles, cfg_words, wide_words, narrow_words, all_gon_words, held_cycles;
  eco_counter u_cycles (.clk_i, .rst_ni(rst_n), .add_i(cycle_q), .count_o(cycles), .wrap_o());
  eco_counter u_cfg_words (.clk_i, .rst_ni(rst_n), .add_i(cfg_word_q), .count_o(cfg_words), .wrap_o());
  eco_counter #(.AddBits(WideCnt)) u_wide_words (
    .clk_i, .rst_ni(rst_n), .add_i(wide_words_q), .count_o(wide_words), .wrap_o()
  );
  eco_counter #(.AddBits(NarrowCnt)) u_narrow_words (
    .clk_i, .rst_ni(rst_n), .add_i(narrow_words_q), .count_o(narrow_words), .wrap_o()
  );
  eco_counter u_held_cycles (.clk_i, .rst_ni(rst_n), .add_i(gon_held_q), .count_o(held_cycles), .wrap_o());
  eco_counter #(.AddBits(8)) u_gon_words (
    .clk_i, .rst_ni(rst_n), .add_i(gon_words_q), .count_o(all_gon_words), .wrap_o()
  );

  // Errors. A beat's form is looked at when it moves, whom it has found a cycle later.
  logic [eco_pkg::NumErrors-1:0] error, error_q;
  logic wide_go_q, narrow_go_q, wide_form_q, narrow_form_q, moved_q;
  logic [eco_pkg::QuietBits-1:0] quiet_q;
  always_ff @(posedge clk_i) begin
    if (!rst_n) begin
      wide_go_q       <= 1'b0;
      narrow_go_q     <= 1'b0;
      wide_form_q     <= 1'b0;
      narrow_form_q   <= 1'b0;
      moved_q         <= 1'b0;
      quiet_q         <= '0;
      error_q         <= '0;
    end else begin
      wide_go_q       <= wide_go;
      narrow_go_q     <= narrow_go;
      wide_form_q     <= wide_go & (wide_dest_i == eco_pkg::DestNone || wide_count_i == '0
                                    || 32'(wide_count_i) > WideLanes);
      narrow_form_q   <= narrow_go & (narrow_dest_i == eco_pkg::DestNone || narrow_count_i == '0
                                      || 32'(narrow_count_i) > NarrowLanes);
      // An output that waits for its reader is no fault of the array.
      moved_q <= ~running_q | cfg_word_q | (|wide_words_q) | (|narrow_words_q) | (|gon_words_q) | out_valid_o;
      quiet_q <= moved_q ? '0 : (&quiet_q) ? quiet_q : quiet_q + 1'b1;
      error_q <= error_q | error;
    end
  end
  always_comb begin
    error = '0;
    error[eco_pkg::ErrHeader]       = bad_header;
    error[eco_pkg::ErrAddress]      = bad_address;
    error[eco_pkg::ErrWideNobody]   = wide_go_q & ~(|wide_found);
    error[eco_pkg::ErrNarrowNobody] = narrow_go_q & ~(|narrow_found);
    error[eco_pkg::ErrWideForm]     = wide_form_q;
    error[eco_pkg::ErrNarrowForm]   = narrow_form_q;
    error[eco_pkg::ErrGonPe]        = gon_bad_pe;
    error[eco_pkg::ErrGonTwice]     = gon_twice;
    error[eco_pkg::ErrQuiet]        = &quiet_q;
    for (int r = 0; r < Rows; r++) begin
      if (row_error[r*2]) error[eco_pkg::ErrProgram] = 1'b1;
      if (row_error[r*2 + 1]) error[eco_pkg::ErrCounter] = 1'b1;
    end
  end

  always_comb begin
    unique case (stat_sel_i)
      eco_pkg::StatCycles: stat_o = cycles;
      eco_pkg::StatConfig: stat_o = cfg_words;
      eco_pkg::StatWide:   stat_o = wide_words;
      eco_pkg::StatNarrow: stat_o = narrow_words;
      eco_pkg::StatGon:    stat_o = all_gon_words;
      eco_pkg::StatErrors: stat_o = 48'(error_q);
      eco_pkg::StatGonHeld: stat_o = held_cycles;
      default: stat_o = '0;
    endcase
  end

`ifndef FORMAL  // the streams' duty
  `ECO_ASSERT(NoErrors, error == '0)
`endif
`ifdef ECO_CHECKS
  `include "eco_array_checks.svh"
`endif
endmodule
