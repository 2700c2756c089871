// SPDX-License-Identifier: Apache-2.0
`include "eco_assert.svh"

// Processing element (Sec. 4.4, "PE Requirements"; Table 3): register files for ifmap, filter and
// psums, input queues of both global input networks, a pipelined MAC with zero gating, the psum
// link up the column, an output queue for the GON, and the FSM that an image programs.
//
// The FSM is a nest of NumLevels loops. Each step of the innermost one is a slot: it may take a
// stream word, read both files, multiply and add. Three offsets (ifmap, filter, psum) and three
// coordinates (Y, X, Z) follow the loops: when level l steps, each is reset or kept and a delta is
// added. Coordinates are checked against a range: a failed result check makes the slot a border
// slot of a psum that does not exist, a failed operand check one whose product does not exist.
// A psum starts at zero when all reduced levels are at their first index and ends (up, or out) when
// all are at their last; at one of the two the psum from below is added.
//
// Slots run through LOOPS (eco_pe_nest), ADDRESS (offsets, coordinates, here and in eco_pe_ring) and ISSUE, ahead of the data; all of them move when ISSUE is empty or its slot is issued. A slot is
// issued when its words, the psum from below and room for its result are there. Behind it nothing
// waits (eco_pe_psum). docs/architecture.md tells the whole story.
//
// Handshake: GIN queues offer room for a full beat (ready); links and outputs use credits.
// Latency: pass word to first issue 4 cycles, issue to sum 1 + MulStages + AddStages, and LinkStages more until
// it leaves. Reset: idle,
// files empty.
module eco_pe #(
  parameter int unsigned WideLanes   = 5,   /// words of a wide GIN beat
  parameter int unsigned NarrowLanes = 2,   /// words of a narrow GIN beat
  parameter int unsigned IfmapDepth  = 75,  /// entries of the ifmap file, 2..256
  parameter int unsigned FilterDepth = 224, /// entries of the filter file, 2..256
  parameter int unsigned PsumDepth   = 24,  /// entries of the psum file, 1..32
  parameter int unsigned QueueDepth  = 8,   /// entries of each of the four queues
  parameter int unsigned NumLevels   = 7,   /// loop levels
  parameter int unsigned MulStages   = 2,   /// multiplier registers
  parameter int unsigned AddStages   = 1,   /// adder cycles
  parameter int unsigned LinkStages  = 0,   /// cycles of the adder for psums from below; 0: they join the product
  parameter int unsigned LocalLanes  = 2,   /// psums that the Local link is wide for
  parameter int unsigned CounterBits = 32,  /// bits of a counter
  localparam int unsigned WideCnt    = $clog2(WideLanes + 1),
  localparam int unsigned NarrowCnt  = $clog2(NarrowLanes + 1)
) (
  input  logic                      clk_i,          /// clock
  input  logic                      rst_ni,         /// synchronous reset, active low
  input  logic                      running_i,      /// counters count
  // configuration
  input  logic                      cfg_we_i,       /// write `cfg_data_i` to `cfg_addr_i`
  input  logic [5:0]                cfg_addr_i,     /// image word, or eco_pkg::Cfg*
  input  logic [63:0]               cfg_data_i,     /// configuration word
  output logic                      cfg_ready_o,    /// image and pass words can be written
  output logic                      cfg_idle_o,     /// and CfgDump: no pass waits, runs or is under way
  // global input network, wide
  input  logic                      wide_push_i,    /// take the beat
  input  logic [1:0]                wide_dest_i,    /// its destination
  input  logic [WideCnt-1:0]        wide_count_i,   /// its words
  input  logic [WideLanes*16-1:0]   wide_data_i,    /// the words
  output logic                      wide_ready_o,   /// a full beat fits
  // global input network, narrow
  input  logic                      narrow_push_i,  /// as wide
  input  logic [1:0]                narrow_dest_i,  /// as wide
  input  logic [NarrowCnt-1:0]      narrow_count_i, /// as wide
  input  logic [NarrowLanes*16-1:0] narrow_data_i,  /// as wide
  output logic                      narrow_ready_o, /// as wide
  // Local network: psums from the PE below, to the PE above
  input  logic [LocalLanes-1:0]     below_valid_i,  /// psum arrives (lane 0)
  input  logic [LocalLanes*32-1:0]  below_data_i,   /// the psum
  output logic                      below_credit_o, /// an entry was freed
  output logic [LocalLanes-1:0]     above_valid_o,  /// psum leaves (lane 0)
  output logic [LocalLanes*32-1:0]  above_data_o,   /// the psum
  input  logic                      above_credit_i, /// the PE above freed an entry
  // global output network
  output logic                      out_valid_o,    /// a word waits
  output logic [31:0]               out_data_o,     /// the word
  input  logic                      out_pop_i,      /// it is taken
  // errors, until reset
  output logic [1:0]                error_o         /// the program asks for what no file holds; a counter wrapped
);
  // One C++ class for all PEs: inlined, the model of 13 x 15 PEs falls out of every cache.
  /*verilator no_inline_module*/

  localparam int unsigned PBits     = PsumDepth > 1 ? $clog2(PsumDepth) : 1;
  localparam int unsigned IndexBits = eco_image_pkg::LastBits;
  localparam int unsigned CoordBits = eco_image_pkg::YBaseBits;

  `ECO_BAD_PARAM(QueueDepth < WideLanes, queue, "QueueDepth must hold a wide beat")

  // ---------------------------------------------------------------- configuration
  logic pending, start, take, image_bank, record_bank, cfg_pass, cfg_dump, dumping, busy, slot_q, under_way;
  logic [2:0] record;  // of the slot in ADDRESS
  logic [63:0] mode, limit, param, record_files, record_coordinates;
  logic [NumLevels*IndexBits-1:0] last;

  // Looked at only when written: most of the time nothing is.
  logic loader_we;
  logic [24:0] ifmap_loader, filter_loader;  // eco_pe_ring
  always_comb begin
    cfg_pass      = 1'b0;
    cfg_dump      = 1'b0;
    loader_we     = 1'b0;
    ifmap_loader  = '0;
    filter_loader = '0;
    if (cfg_we_i) begin
      cfg_pass      = cfg_addr_i == eco_pkg::CfgParam;
      cfg_dump      = cfg_addr_i == eco_pkg::CfgDump;
      loader_we     = cfg_addr_i == eco_pkg::CfgLoader;
      ifmap_loader  = {cfg_data_i[48], cfg_data_i[23:0]};
      filter_loader = {cfg_data_i[49], cfg_data_i[47:24]};
    end
  end
  // What is being written counts as there.
  assign cfg_ready_o = ~(pending | dumping | cfg_pass | cfg_dump);
  assign cfg_idle_o  = cfg_ready_o & ~(busy | slot_q | under_way);

  eco_pe_image #(.NumLevels(NumLevels)) u_image (
    .clk_i, .rst_ni, .we_i(cfg_we_i), .addr_i(cfg_addr_i), .data_i(cfg_data_i),
    .pending_o(pending), .take_i(take), .bank_o(image_bank), .mode_o(mode), .limit_o(limit),
    .param_o(param), .start_i(start), .last_o(last),
    .bank_i(record_bank), .record_i(record), .record_files_o(record_files), .record_coordinates_o(record_coordinates)
  );

  // ---------------------------------------------------------------- input queues
  logic wide_valid, narrow_valid, wide_pop, narrow_pop;
  logic [1:0] wide_dest, narrow_dest;
  logic [15:0] wide_word, narrow_word;
  logic [1:0] wide_head, narrow_head;  // destination of the head; DestNone when there is none
  assign wide_head   = wide_valid ? wide_dest : eco_pkg::DestNone;
  assign narrow_head = narrow_valid ? narrow_dest : eco_pkg::DestNone;

  eco_gin_queue #(.Depth(QueueDepth), .Lanes(WideLanes), .DataBits(16)) u_wide_queue (
    .clk_i, .rst_ni,
    .push_i(wide_push_i), .dest_i(wide_dest_i), .count_i(wide_count_i), .data_i(wide_data_i),
    .ready_o(wide_ready_o),
    .valid_o(wide_valid), .dest_o(wide_dest), .data_o(wide_word), .pop_i(wide_pop)
  );
  eco_gin_queue #(.Depth(QueueDepth), .Lanes(NarrowLanes), .DataBits(16)) u_narrow_queue (
    .clk_i, .rst_ni,
    .push_i(narrow_push_i), .dest_i(narrow_dest_i), .count_i(narrow_count_i),
    .data_i(narrow_data_i), .ready_o(narrow_ready_o),
    .valid_o(narrow_valid), .dest_o(narrow_dest), .data_o(narrow_word), .pop_i(narrow_pop)
  );

  // ---------------------------------------------------------------- LOOPS
  logic move, slot, first_others, first_1, final_others, final_1, below_index, above_index;
  eco_pe_nest #(.NumLevels(NumLevels)) u_nest (
    .clk_i, .rst_ni, .move_i(move),
    .pending_i(pending), .take_o(take), .bank_i(image_bank), .mode_i(mode), .limit_i(limit),
    .param_i(param), .start_o(start), .last_i(last),
    .valid_o(slot), .bank_o(record_bank), .record_o(record),
    .first_o(first_others), .first_1_o(first_1), .final_o(final_others), .final_1_o(final_1),
    .below_o(below_index), .above_o(above_index), .busy_o(busy)
  );

  // ---------------------------------------------------------------- ADDRESS
  // What holds for the whole pass. Checks of Z, X, Y are bits 2, 1, 0 of the masks.
  logic active_q, from_below_q, to_above_q, chain_at_end_q, circular_q;
  logic ifmap_direct_q, filter_direct_q, stream_narrow_q;
  logic [2:0] result_mask_q, operand_mask_q;
  logic [1:0] y_kind, x_kind, z_kind;
  assign y_kind = mode[eco_image_pkg::YKindLsb +: 2];
  assign x_kind = mode[eco_image_pkg::XKindLsb +: 2];
  assign z_kind = mode[eco_image_pkg::ZKindLsb +: 2];
  always_ff @(posedge clk_i) begin
    if (take) begin
      ifmap_direct_q  <= mode[eco_image_pkg::IfmapDirectLsb];
      filter_direct_q <= mode[eco_image_pkg::FilterDirectLsb];
      stream_narrow_q <= mode[eco_image_pkg::StreamNarrowLsb];
      chain_at_end_q  <= mode[eco_image_pkg::ChainAtEndLsb];
      result_mask_q   <= {z_kind == eco_pkg::RangeResult, x_kind == eco_pkg::RangeResult,
                          y_kind == eco_pkg::RangeResult};
      operand_mask_q  <= {z_kind == eco_pkg::RangeOperand, x_kind == eco_pkg::RangeOperand,
                          y_kind == eco_pkg::RangeOperand};
      circular_q      <= z_kind == eco_pkg::RangeCircular;
      active_q        <= param[eco_image_pkg::ActiveLsb];
      from_below_q    <= param[eco_image_pkg::FromBelowLsb];
      to_above_q      <= param[eco_image_pkg::ToAboveLsb];
    end
  end

  logic step;  // the slot in ADDRESS moves on
  logic [CoordBits-1:0] z, z_base;
  logic [2:0] outside;  // Z, X, Y
  assign step = slot & move;
  always_comb begin
    z_base = '0;
    if (take) z_base = {param[eco_image_pkg::ZBaseLsb + eco_image_pkg::ZBaseBits - 1],
                        param[eco_image_pkg::ZBaseLsb +: eco_image_pkg::ZBaseBits]};
  end
  eco_pe_coordinate #(.Bits(CoordBits)) u_y (
    .clk_i, .take_i(take), .base_i(param[eco_image_pkg::YBaseLsb +: CoordBits]),
    .limit_i(limit[eco_image_pkg::YLimitLsb +: CoordBits]), .step_i(step),
    .reset_i(record_coordinates[eco_image_pkg::YResetLsb]),
    .delta_i(record_coordinates[eco_image_pkg::YDeltaLsb +: CoordBits]), .value_o(), .outside_o(outside[0])
  );
  eco_pe_coordinate #(.Bits(CoordBits)) u_x (
    .clk_i, .take_i(take), .base_i(param[eco_image_pkg::XBaseLsb +: CoordBits]),
    .limit_i(limit[eco_image_pkg::XLimitLsb +: CoordBits]), .step_i(step),
    .reset_i(record_coordinates[eco_image_pkg::XResetLsb]),
    .delta_i(record_coordinates[eco_image_pkg::XDeltaLsb +: CoordBits]), .value_o(), .outside_o(outside[1])
  );
  eco_pe_coordinate #(.Bits(CoordBits)) u_z (
    .clk_i, .take_i(take),
    .base_i(z_base),
    .limit_i(CoordBits'(limit[eco_image_pkg::ZLimitLsb +: eco_image_pkg::ZLimitBits])), .step_i(step),
    .reset_i(record_coordinates[eco_image_pkg::ZResetLsb]),
    .delta_i(record_coordinates[eco_image_pkg::ZDeltaLsb +: CoordBits]), .value_o(z), .outside_o(outside[2])
  );

  // Circular shift (Sec. 4.1.1): Z counts how far level 1 is from the PE's own column. The psum
  // ends at Z = 0, where the errors wrap round, and a second one starts at Z = -1.
  logic result_ok, mac, first, final_, psum_start, psum_end, chain_in, chain_out, link;
  always_comb begin
    first  = first_1;
    final_ = final_1;
    if (circular_q) begin
      first  = first_1 | (z == '1);
      final_ = final_1 | (z == '0);
    end
  end
  assign result_ok  = active_q & ((outside & result_mask_q) == '0);
  assign mac        = result_ok & ((outside & operand_mask_q) == '0);
  assign psum_start = result_ok & first_others & first;
  assign psum_end   = result_ok & final_others & final_;
  assign chain_in   = (chain_at_end_q ? psum_end : psum_start) & from_below_q & below_index;
  assign chain_out  = psum_end & to_above_q & above_index;
  assign link       = chain_at_end_q & (LinkStages != 0);

  logic [PBits-1:0] psum_q;  // entry of the psum file
  // ---------------------------------------------------------------- ISSUE
  logic mac_q, start_q;
  logic [5:0] does_q;    // eco_pe_psum
  logic [PBits-1:0] entry_q;
  logic first_slot_q;    // of its pass, in ADDRESS
  logic stream_q, from_narrow_q, ifmap_stream_q, filter_stream_q;  // hold for a pass
  always_ff @(posedge clk_i) begin
    if (!rst_ni) slot_q <= 1'b0;
    else if (move) slot_q <= slot;
    if (take) first_slot_q <= 1'b1;
    else if (step) first_slot_q <= 1'b0;
    if (step) begin
      mac_q   <= mac;
      start_q <= psum_start;
      does_q  <= {result_ok, result_ok & ~psum_end, chain_out, psum_end & ~chain_out, chain_in & link,
                  chain_in & ~link};
      entry_q <= psum_q;
      if (first_slot_q) begin
        stream_q        <= ifmap_direct_q | filter_direct_q;
        from_narrow_q   <= stream_narrow_q;
        ifmap_stream_q  <= ifmap_direct_q;
        filter_stream_q <= filter_direct_q;
      end
    end
    if (take | step) begin
      psum_q <= take ? '0 : (record_files[eco_image_pkg::PsumResetLsb] ? '0 : psum_q)
                            + record_files[eco_image_pkg::PsumDeltaLsb +: PBits];
    end
  end

  logic issue, stream_pop;
  logic wait_ifmap, wait_filter, wait_stream, wait_psum, wait_local, wait_output, wait_adder;
  always_comb begin
    wait_stream = 1'b0;
    if (stream_q) wait_stream = (from_narrow_q ? narrow_head : wide_head) != eco_pkg::DestStream;
  end
  assign issue = slot_q & ~(wait_ifmap | wait_filter | wait_stream | wait_psum | wait_local
                            | wait_output | wait_adder);
  assign move  = ~slot_q | issue;
  assign stream_pop = issue & stream_q;

  // ---------------------------------------------------------------- register files
  logic ifmap_wide_pop, ifmap_narrow_pop, filter_wide_pop, filter_narrow_pop;
  logic ifmap_never, filter_never;
  logic [15:0] ifmap_word, filter_word;
  eco_pe_ring #(.Depth(IfmapDepth), .Dest(32'(eco_pkg::DestIfmap))) u_ifmap (
    .clk_i, .rst_ni, .loader_we_i(loader_we), .loader_i(ifmap_loader),
    .wide_head_i(wide_head), .wide_word_i(wide_word), .wide_pop_o(ifmap_wide_pop),
    .narrow_head_i(narrow_head), .narrow_word_i(narrow_word), .narrow_pop_o(ifmap_narrow_pop),
    .step_i(step), .take_i(take), .active_i(active_q),
    .read_i(mac & ~ifmap_direct_q), .reset_i(record_files[eco_image_pkg::IfmapResetLsb]),
    .delta_i(record_files[eco_image_pkg::IfmapDeltaLsb +: 9]),
    .free_i(9'(record_files[eco_image_pkg::IfmapReleaseLsb +: eco_image_pkg::IfmapReleaseBits])),
    .wait_o(wait_ifmap), .never_o(ifmap_never), .issue_i(issue), .word_o(ifmap_word)
  );
  eco_pe_ring #(.Depth(FilterDepth), .Dest(32'(eco_pkg::DestFilter))) u_filter (
    .clk_i, .rst_ni, .loader_we_i(loader_we), .loader_i(filter_loader),
    .wide_head_i(wide_head), .wide_word_i(wide_word), .wide_pop_o(filter_wide_pop),
    .narrow_head_i(narrow_head), .narrow_word_i(narrow_word), .narrow_pop_o(filter_narrow_pop),
    .step_i(step), .take_i(take), .active_i(active_q),
    .read_i(mac & ~filter_direct_q), .reset_i(record_files[eco_image_pkg::FilterResetLsb]),
    .delta_i(record_files[eco_image_pkg::FilterDeltaLsb +: 9]),
    .free_i(record_files[eco_image_pkg::FilterReleaseLsb +: eco_image_pkg::FilterReleaseBits]),
    .wait_o(wait_filter), .never_o(filter_never), .issue_i(issue), .word_o(filter_word)
  );
  assign wide_pop   = ifmap_wide_pop | filter_wide_pop | (stream_pop & ~from_narrow_q);
  assign narrow_pop = ifmap_narrow_pop | filter_narrow_pop | (stream_pop & from_narrow_q);

  // ---------------------------------------------------------------- product and psum
  logic [15:0] stream_word_q;
  logic ifmap_from_stream_q, filter_from_stream_q, out_full, gated, local_word, dump_push;
  logic [31:0] dump_word;
  always_ff @(posedge clk_i) begin
    if (stream_pop) stream_word_q <= from_narrow_q ? narrow_word : wide_word;
    ifmap_from_stream_q  <= ifmap_stream_q;
    filter_from_stream_q <= filter_stream_q;
  end
  eco_pe_psum #(
    .PsumDepth(PsumDepth), .QueueDepth(QueueDepth), .MulStages(MulStages), .AddStages(AddStages),
    .LinkStages(LinkStages), .LocalLanes(LocalLanes)
  ) u_psum (
    .clk_i, .rst_ni, .issue_i(issue), .mac_i(mac_q), .start_i(start_q), .does_i(does_q), .psum_i(entry_q),
    .wait_psum_o(wait_psum), .wait_local_o(wait_local), .wait_output_o(wait_output),
    .wait_adder_o(wait_adder),
    .ifmap_i(ifmap_from_stream_q ? stream_word_q : ifmap_word),
    .filter_i(filter_from_stream_q ? stream_word_q : filter_word),
    .below_valid_i, .below_data_i, .below_credit_o, .above_valid_o, .above_data_o, .above_credit_i,
    .out_valid_o, .out_data_o, .out_pop_i,
    .dump_push_i(dump_push), .dump_word_i(dump_word), .out_full_o(out_full),
    .gated_o(gated), .local_word_o(local_word), .busy_o(under_way)
  );

  // ---------------------------------------------------------------- counters, errors
  logic wrapped;
  eco_pe_counters #(.CounterBits(CounterBits)) u_counters (
    .clk_i, .rst_ni, .running_i,
    .slot_i(slot_q), .issue_i(issue), .mac_i(mac_q),
    .wait_ifmap_i(wait_ifmap), .wait_filter_i(wait_filter), .wait_stream_i(wait_stream),
    .wait_psum_i(wait_psum), .wait_local_i(wait_local), .wait_output_i(wait_output),
    .gated_i(gated), .local_word_i(local_word), .dump_i(cfg_dump), .out_full_i(out_full),
    .dumping_o(dumping), .dump_push_o(dump_push), .dump_word_o(dump_word), .wrapped_o(wrapped)
  );

  // The slot in ISSUE can never be issued, or is issued and names no psum.
  logic impossible, impossible_q;
  always_comb begin
    impossible = 1'b0;
    if (issue) impossible = does_q[5] && 32'(entry_q) >= PsumDepth;
    else if (slot_q) impossible = ifmap_never | filter_never;
  end
  always_ff @(posedge clk_i) begin
    if (!rst_ni) impossible_q <= 1'b0;
    else if (impossible) impossible_q <= 1'b1;
  end
  assign error_o = {wrapped, impossible_q};

  `ECO_ASSERT(DestKnown, !(wide_valid && wide_dest == 2'd3) && !(narrow_valid && narrow_dest == 2'd3))
`ifndef FORMAL  // the image's duty
  `ECO_ASSERT(ProgramPossible, !impossible)
`endif
  `ECO_ASSERT(PassWhenReady, !cfg_pass || !(pending || dumping))
  `ECO_ASSERT(DumpWhenIdle, !cfg_dump || !(pending || dumping || busy || slot_q || under_way))
endmodule
