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
// docs/architecture.md tells the whole story.
//
// The register files of ifmap and filter are rings: loaders append words in order of arrival,
// the FSM reads at head + offset as soon as that word is there, and a step frees words at the head.
//
// Handshake: GIN queues offer room for a full beat (ready); links and outputs use credits.
// Latency: issue to sum register 1 + MulStages + AddStages cycles. Reset: idle, files empty.
//
// Departure from the paper: a PE finishes at most one psum a cycle, so of a LocalBits-wide link
// it drives one psum; the others' valid bits are constant zero.
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
  parameter int unsigned LocalLanes  = 2,   /// psums that the Local link is wide for
  localparam int unsigned WideCnt    = $clog2(WideLanes + 1),
  localparam int unsigned NarrowCnt  = $clog2(NarrowLanes + 1)
) (
  input  logic                      clk_i,          /// clock
  input  logic                      rst_ni,         /// synchronous reset, active low
  input  logic                      running_i,      /// counters count
  // configuration
  input  logic                      cfg_sel_i,      /// this PE is addressed
  input  logic                      cfg_we_i,       /// write `cfg_data_i` to `cfg_addr_i`
  input  logic [5:0]                cfg_addr_i,     /// image word, or eco_pkg::Cfg*
  input  logic [63:0]               cfg_data_i,     /// configuration word
  output logic                      cfg_ready_o,    /// image and pass words can be written
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
  input  logic                      out_sel_i,      /// this PE is named
  input  logic                      out_pop_i       /// take the word of the named
);
  // One C++ class for all PEs: inlined, the model of 13 x 15 PEs falls out of every cache.
  /*verilator no_inline_module*/

  localparam int unsigned ABits = $clog2(IfmapDepth);
  localparam int unsigned BBits = $clog2(FilterDepth);
  localparam int unsigned PBits = PsumDepth > 1 ? $clog2(PsumDepth) : 1;
  localparam int unsigned QBits = $clog2(QueueDepth) + 1;
  localparam int unsigned ImageWords = 4 + 2 * NumLevels;
  localparam int unsigned AddPos = MulStages + 1;          // pipeline stage at the adder's input
  localparam int unsigned EndPos = AddPos + AddStages - 1; // stage whose sum is registered

  `ECO_BAD_PARAM(NumLevels < 5 || NumLevels > 7, levels, "NumLevels must be 5..7")
  `ECO_BAD_PARAM(QueueDepth < WideLanes, queue, "QueueDepth must hold a wide beat")

  // ---------------------------------------------------------------- image store
  // Two banks of image words. New words go to the bank that is not in use; the first pass that is
  // queued after them switches banks when it starts. Loop level l has record l; record NumLevels
  // is the end of the pass.
  logic [63:0] rec_a_q [16];
  logic [63:0] rec_b_q [16];
  localparam int unsigned LimitBits = eco_image_pkg::RaggedLsb + eco_image_pkg::RaggedBits;
  logic [63:0] mode_next_q, pend_q;
  logic [LimitBits-1:0] limit_next_q;
  logic bank_q, dirty_q, pend_valid_q, start;
  logic [2:0] cfg_rec;

  assign cfg_ready_o = ~pend_valid_q;
  assign cfg_rec     = 3'((cfg_addr_i - 6'd2) >> 1);

  always_ff @(posedge clk_i) begin
    if (cfg_we_i && cfg_sel_i) begin
      if (cfg_addr_i == 6'd0) mode_next_q <= cfg_data_i;
      else if (cfg_addr_i == 6'd1) limit_next_q <= cfg_data_i[LimitBits-1:0];
      else if (cfg_addr_i < 6'(ImageWords)) begin
        if (!cfg_addr_i[0]) rec_a_q[{~bank_q, cfg_rec}] <= cfg_data_i;
        else rec_b_q[{~bank_q, cfg_rec}] <= cfg_data_i;
      end
      if (cfg_addr_i == eco_pkg::CfgParam) pend_q <= cfg_data_i;
    end
  end
  logic bank_now;  // the bank of the pass that starts
  assign bank_now = bank_q ^ dirty_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      bank_q       <= 1'b0;
      dirty_q      <= 1'b0;
      pend_valid_q <= 1'b0;
    end else begin
      if (start) begin
        bank_q       <= bank_now;
        dirty_q      <= 1'b0;
        pend_valid_q <= 1'b0;
      end
      if (cfg_we_i && cfg_sel_i) begin
        if (cfg_addr_i < 6'(ImageWords)) dirty_q <= 1'b1;
        if (cfg_addr_i == eco_pkg::CfgParam) pend_valid_q <= 1'b1;
      end
    end
  end

  // Fields of the active image and pass, decoded when the pass starts. Checks of Z, X, Y are bits
  // 2, 1, 0 of the masks.
  logic a_direct_q, b_direct_q, stream_used_q, stream_narrow_q, chain_at_end_q, circular_q;
  logic [2:0] result_mask_q, operand_mask_q;
  logic [NumLevels-1:0] kept_q;  // levels that are not summed
  logic [13:0] chain_in_min_q, chain_out_max_q, z_limit_q;
  logic [14:0] y_limit_q, x_limit_q;
  logic [9:0] ragged_q;
  logic [14:0] y_base_q, x_base_q, z_base_q;
  logic active_q, from_below_q, to_above_q;
  logic [eco_image_pkg::ZBaseBits-1:0] z_base_field;
  logic [2:0] param_level;
  logic [1:0] y_kind, x_kind, z_kind;
  assign param_level  = mode_next_q[eco_image_pkg::ParamLevelLsb +: 3];
  assign y_kind       = mode_next_q[eco_image_pkg::YKindLsb +: 2];
  assign x_kind       = mode_next_q[eco_image_pkg::XKindLsb +: 2];
  assign z_kind       = mode_next_q[eco_image_pkg::ZKindLsb +: 2];
  assign z_base_field = pend_q[eco_image_pkg::ZBaseLsb +: eco_image_pkg::ZBaseBits];

  always_ff @(posedge clk_i) begin
    if (start) begin
      a_direct_q      <= mode_next_q[eco_image_pkg::ADirectLsb];
      b_direct_q      <= mode_next_q[eco_image_pkg::BDirectLsb];
      stream_used_q   <= mode_next_q[eco_image_pkg::ADirectLsb]
                       | mode_next_q[eco_image_pkg::BDirectLsb];
      stream_narrow_q <= mode_next_q[eco_image_pkg::StreamNarrowLsb];
      chain_at_end_q  <= mode_next_q[eco_image_pkg::ChainAtEndLsb];
      kept_q          <= ~mode_next_q[eco_image_pkg::ReduceMaskLsb +: NumLevels];
      chain_in_min_q  <= mode_next_q[eco_image_pkg::ChainInMinLsb +: 14];
      chain_out_max_q <= mode_next_q[eco_image_pkg::ChainOutMaxLsb +: 14];
      result_mask_q   <= {z_kind == eco_pkg::KindResult, x_kind == eco_pkg::KindResult,
                          y_kind == eco_pkg::KindResult};
      operand_mask_q  <= {z_kind == eco_pkg::KindOperand, x_kind == eco_pkg::KindOperand,
                          y_kind == eco_pkg::KindOperand};
      circular_q      <= z_kind == eco_pkg::KindCircular;
      y_limit_q       <= limit_next_q[eco_image_pkg::YLimitLsb +: eco_image_pkg::YLimitBits];
      x_limit_q       <= limit_next_q[eco_image_pkg::XLimitLsb +: eco_image_pkg::XLimitBits];
      z_limit_q       <= limit_next_q[eco_image_pkg::ZLimitLsb +: eco_image_pkg::ZLimitBits];
      ragged_q        <= limit_next_q[eco_image_pkg::RaggedLsb +: eco_image_pkg::RaggedBits];
      y_base_q        <= pend_q[eco_image_pkg::YBaseLsb +: eco_image_pkg::YBaseBits];
      x_base_q        <= pend_q[eco_image_pkg::XBaseLsb +: eco_image_pkg::XBaseBits];
      z_base_q        <= {z_base_field[eco_image_pkg::ZBaseBits-1], z_base_field};
      active_q        <= pend_q[eco_image_pkg::ActiveLsb];
      from_below_q    <= pend_q[eco_image_pkg::FromBelowLsb];
      to_above_q      <= pend_q[eco_image_pkg::ToAboveLsb];
    end
  end

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

  // ---------------------------------------------------------------- FSM: where the loops stand
  logic run_q;
  logic [NumLevels-1:0] last;
  logic [NumLevels-1:0] zero_q;  // the level is at its first index
  logic [2:0] step;  // the level that steps next; NumLevels: the pass ends
  logic [13:0] index2, index3;
  logic issue;  // a slot

  for (genvar l = 0; l < NumLevels; l++) begin : gen_index
    logic [13:0] index_q, last_q, end_index;
    if (l == 1) begin : gen_ragged
      assign end_index = last_q - 14'(index3 < 14'(ragged_q));
    end else begin : gen_plain
      assign end_index = last_q;
    end
    if (l == 2) assign index2 = index_q;
    if (l == 3) assign index3 = index_q;
    assign last[l] = index_q == end_index;

    // Slots are never issued in the cycle of a start.
    always_ff @(posedge clk_i) begin
      if (issue) begin
        if (step == 3'(l)) index_q <= index_q + 14'd1;
        else if (step > 3'(l)) index_q <= '0;
      end else if (start) begin
        index_q <= '0;
      end
      if (start) begin
        last_q <= param_level == 3'(l)
            ? 14'(pend_q[eco_image_pkg::ParamLastLsb +: eco_image_pkg::ParamLastBits])
            : rec_a_q[{bank_now, 3'(l)}][eco_image_pkg::LastLsb +: eco_image_pkg::LastBits];
      end
    end
  end

  always_comb begin
    step = 3'(NumLevels);
    for (int l = NumLevels - 1; l >= 0; l--) begin
      if (!last[l]) step = 3'(l);
    end
  end

  // Levels below the one that steps start again.
  logic [NumLevels:0] step_bit;
  assign step_bit = (NumLevels+1)'(1) << step;
  always_ff @(posedge clk_i) begin
    if (issue) zero_q <= (zero_q | NumLevels'(step_bit - 1'b1)) & ~step_bit[NumLevels-1:0];
    else if (start) zero_q <= '1;
  end

  logic pass_end;  // the last slot of the pass
  assign pass_end = step == 3'(NumLevels);

  // Coordinates and their range checks.
  logic [14:0] y_q, x_q, z_q;
  logic [2:0] outside;  // Z, X, Y
  assign outside = {z_q >= 15'(z_limit_q), x_q >= x_limit_q, y_q >= y_limit_q};

  logic result_ok, mac;
  assign result_ok = active_q & ((outside & result_mask_q) == '0);
  assign mac       = result_ok & ((outside & operand_mask_q) == '0);

  // Circular shift (Sec. 4.1.1): Z counts how far level 1 is from the PE's own column. The psum
  // ends at Z = 0, where the errors wrap round, and a second one starts at Z = -1.
  logic first, final_slot;
  logic [NumLevels-1:0] first_or, last_or;
  assign first_or = zero_q | kept_q | NumLevels'({circular_q & (z_q == 15'h7fff), 1'b0});
  assign last_or  = last | kept_q | NumLevels'({circular_q & (z_q == 15'h0000), 1'b0});
  assign first = &first_or;
  assign final_slot = &last_or;

  logic psum_start, psum_end, chain_in, chain_out;
  assign psum_start = result_ok & first;
  assign psum_end   = result_ok & final_slot;
  assign chain_in   = (chain_at_end_q ? psum_end : psum_start) & from_below_q
                    & (index2 >= chain_in_min_q);
  assign chain_out  = psum_end & to_above_q & (index2 < chain_out_max_q);

  // ---------------------------------------------------------------- register files as rings
  logic [8:0] a_off_q, b_off_q;                  // offset of the slot's word from the ring's head
  logic [ABits-1:0] a_head_q, a_tail_q, a_raddr;
  logic [BBits-1:0] b_head_q, b_tail_q, b_raddr;
  logic [8:0] a_fill_q, b_fill_q;                // words in the ring
  logic a_there, b_there;
  logic [9:0] a_sum, b_sum;
  logic a_we, b_we;
  logic [15:0] a_wdata, b_wdata, a_rdata, b_rdata;

  assign a_there = a_off_q < a_fill_q;
  assign b_there = b_off_q < b_fill_q;
  assign a_sum   = 10'(a_head_q) + 10'(a_off_q);
  assign b_sum   = 10'(b_head_q) + 10'(b_off_q);
  assign a_raddr = ABits'(a_sum >= 10'(IfmapDepth) ? a_sum - 10'(IfmapDepth) : a_sum);
  assign b_raddr = BBits'(b_sum >= 10'(FilterDepth) ? b_sum - 10'(FilterDepth) : b_sum);

  // Loaders: each file takes a given number of words from one network, then from the other, and so
  // on, so that the order in the ring does not depend on timing.
  logic [11:0] a_wide_q, a_narrow_q, b_wide_q, b_narrow_q, a_left_q, b_left_q;
  logic a_turn_q, b_turn_q;  // 0 wide, 1 narrow
  logic a_room, b_room;
  assign a_room = a_fill_q < 9'(IfmapDepth);
  assign b_room = b_fill_q < 9'(FilterDepth);
  assign a_we = a_room & ((a_turn_q ? narrow_head : wide_head) == eco_pkg::DestIfmap);
  assign b_we = b_room & ((b_turn_q ? narrow_head : wide_head) == eco_pkg::DestFilter);
  assign a_wdata = a_turn_q ? narrow_word : wide_word;
  assign b_wdata = b_turn_q ? narrow_word : wide_word;

  // What follows the last word of a turn: the other network's turn, when that has one.
  logic a_swap, b_swap;
  assign a_swap = a_turn_q ? a_wide_q != '0 : a_narrow_q != '0;
  assign b_swap = b_turn_q ? b_wide_q != '0 : b_narrow_q != '0;
  always_ff @(posedge clk_i) begin
    if (a_we) begin
      a_left_q <= a_left_q != 12'd1 ? a_left_q - 12'd1
                : a_turn_q ^ a_swap ? a_narrow_q : a_wide_q;
      a_turn_q <= a_turn_q ^ (a_left_q == 12'd1 && a_swap);
    end
    if (b_we) begin
      b_left_q <= b_left_q != 12'd1 ? b_left_q - 12'd1
                : b_turn_q ^ b_swap ? b_narrow_q : b_wide_q;
      b_turn_q <= b_turn_q ^ (b_left_q == 12'd1 && b_swap);
    end
    if (cfg_we_i && cfg_sel_i && cfg_addr_i == eco_pkg::CfgLoader) begin
      a_wide_q   <= cfg_data_i[11:0];
      a_narrow_q <= cfg_data_i[23:12];
      b_wide_q   <= cfg_data_i[35:24];
      b_narrow_q <= cfg_data_i[47:36];
      a_turn_q   <= cfg_data_i[48];
      b_turn_q   <= cfg_data_i[49];
      a_left_q   <= cfg_data_i[48] ? cfg_data_i[23:12] : cfg_data_i[11:0];
      b_left_q   <= cfg_data_i[49] ? cfg_data_i[47:36] : cfg_data_i[35:24];
    end
  end

  logic [63:0] rec_a, rec_b;   // record of the level that steps
  logic [8:0] a_free, b_free;  // words that the step frees
  assign rec_a  = rec_a_q[{bank_q, step}];
  assign rec_b  = rec_b_q[{bank_q, step}];
  assign a_free = 9'(rec_a[eco_image_pkg::AReleaseLsb +: eco_image_pkg::AReleaseBits]);
  assign b_free = rec_a[eco_image_pkg::BReleaseLsb +: eco_image_pkg::BReleaseBits];

  // ---------------------------------------------------------------- issue
  logic stream_there, stream_pop;
  logic [15:0] stream_word;
  logic [QBits-1:0] below_avail_q;  // psums from below that no issued slot has claimed
  logic [QBits-1:0] above_room_q;   // entries of the PE above that no issued slot has claimed
  logic [QBits-1:0] out_used_q;     // entries of the output queue, filled or claimed
  logic adder_busy;                 // the same psum is still in a multi-cycle adder
  logic need_a, need_b, chain_end;
  logic claim_below, claim_above, claim_out;
  logic out_push, out_pop, above_push, dump_push;
  logic [31:0] dump_word;

  assign stream_there = (stream_narrow_q ? narrow_head : wide_head) == eco_pkg::DestStream;
  assign stream_word  = stream_narrow_q ? narrow_word : wide_word;
  assign need_a = mac & ~a_direct_q;
  assign need_b = mac & ~b_direct_q;

  logic [PBits-1:0] p_off_q;
  assign chain_end = psum_end & ~chain_out;  // the sum goes out

  logic wait_ifmap, wait_filter, wait_stream, wait_psum, wait_local, wait_output;
  // Words are freed only after they have come, also by slots that did not read them.
  assign wait_ifmap  = (need_a & ~a_there) | (active_q & (a_free > a_fill_q));
  assign wait_filter = (need_b & ~b_there) | (active_q & (b_free > b_fill_q));
  assign wait_stream = stream_used_q & ~stream_there;
  assign wait_psum   = chain_in & (below_avail_q == '0);
  assign wait_local  = chain_out & (above_room_q == '0);
  assign wait_output = chain_end & (out_used_q == QBits'(QueueDepth));
  assign issue = run_q & ~(wait_ifmap | wait_filter | wait_stream | wait_psum | wait_local
                           | wait_output | adder_busy);
  assign stream_pop  = issue & stream_used_q;
  assign claim_below = issue & chain_in;
  assign claim_above = issue & chain_out;
  assign claim_out   = (issue & chain_end) | dump_push;

  assign wide_pop = (a_we & ~a_turn_q) | (b_we & ~b_turn_q) | (stream_pop & ~stream_narrow_q);
  assign narrow_pop = (a_we & a_turn_q) | (b_we & b_turn_q) | (stream_pop & stream_narrow_q);

  // ---------------------------------------------------------------- FSM: next state
  assign start = pend_valid_q & ~run_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) run_q <= 1'b0;
    else if (start) run_q <= 1'b1;
    else if (issue && pass_end) run_q <= 1'b0;
  end

  logic release_now;
  logic [9:0] a_head_sum, b_head_sum;
  assign a_head_sum = 10'(a_head_q) + 10'(a_free);
  assign b_head_sum = 10'(b_head_q) + 10'(b_free);
  logic [8:0] a_rel, b_rel;  // words freed in this cycle
  assign release_now = issue & active_q;
  assign a_rel = release_now ? a_free : '0;
  assign b_rel = release_now ? b_free : '0;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      a_head_q <= '0;
      b_head_q <= '0;
      a_tail_q <= '0;
      b_tail_q <= '0;
      a_fill_q <= '0;
      b_fill_q <= '0;
    end else begin
      if (release_now) begin
        a_head_q <= ABits'(a_head_sum >= 10'(IfmapDepth) ? a_head_sum - 10'(IfmapDepth)
                                                         : a_head_sum);
        b_head_q <= BBits'(b_head_sum >= 10'(FilterDepth) ? b_head_sum - 10'(FilterDepth)
                                                          : b_head_sum);
      end
      if (a_we) a_tail_q <= a_tail_q == ABits'(IfmapDepth - 1) ? '0 : a_tail_q + 1'b1;
      if (b_we) b_tail_q <= b_tail_q == BBits'(FilterDepth - 1) ? '0 : b_tail_q + 1'b1;
      a_fill_q <= a_fill_q + 9'(a_we) - a_rel;
      b_fill_q <= b_fill_q + 9'(b_we) - b_rel;
    end
  end

  always_ff @(posedge clk_i) begin
    if (issue) begin
      a_off_q <= (rec_a[eco_image_pkg::AResetLsb] ? '0 : a_off_q)
                 + rec_a[eco_image_pkg::ADeltaLsb +: eco_image_pkg::ADeltaBits];
      b_off_q <= (rec_a[eco_image_pkg::BResetLsb] ? '0 : b_off_q)
                 + rec_a[eco_image_pkg::BDeltaLsb +: eco_image_pkg::BDeltaBits];
      p_off_q <= (rec_a[eco_image_pkg::PResetLsb] ? '0 : p_off_q)
                 + rec_a[eco_image_pkg::PDeltaLsb +: PBits];
      y_q     <= (rec_b[eco_image_pkg::YResetLsb] ? y_base_q : y_q)
                 + rec_b[eco_image_pkg::YDeltaLsb +: eco_image_pkg::YDeltaBits];
      x_q     <= (rec_b[eco_image_pkg::XResetLsb] ? x_base_q : x_q)
                 + rec_b[eco_image_pkg::XDeltaLsb +: eco_image_pkg::XDeltaBits];
      z_q     <= (rec_b[eco_image_pkg::ZResetLsb] ? z_base_q : z_q)
                 + rec_b[eco_image_pkg::ZDeltaLsb +: eco_image_pkg::ZDeltaBits];
    end else if (start) begin
      a_off_q <= '0;
      b_off_q <= '0;
      p_off_q <= '0;
      y_q     <= pend_q[eco_image_pkg::YBaseLsb +: eco_image_pkg::YBaseBits];
      x_q     <= pend_q[eco_image_pkg::XBaseLsb +: eco_image_pkg::XBaseBits];
      z_q     <= {z_base_field[eco_image_pkg::ZBaseBits-1], z_base_field};
    end
  end

  eco_regfile #(.Depth(IfmapDepth), .DataBits(16)) u_ifmap_file (
    .clk_i, .we_i(a_we), .waddr_i(a_tail_q), .wdata_i(a_wdata),
    .re_i(issue & need_a), .raddr_i(a_raddr), .rdata_o(a_rdata)
  );
  eco_regfile #(.Depth(FilterDepth), .DataBits(16)) u_filter_file (
    .clk_i, .we_i(b_we), .waddr_i(b_tail_q), .wdata_i(b_wdata),
    .re_i(issue & need_b), .raddr_i(b_raddr), .rdata_o(b_rdata)
  );

  // ---------------------------------------------------------------- datapath
  // Stage 1 has the operands, stage AddPos meets the psum, stage EndPos has the sum.
  logic [15:0] stream_q;
  logic a_stream_q, b_stream_q, mul_q;
  // What a slot does travels along: in one shift register with reset, one without.
  // ctl: {live, keep, up, out, below}: it adds to, starts or ends a psum; the psum stays in the
  // file, ends up the column, ends in the output queue; it takes a psum from below.
  // info: {fresh, address}: it starts from zero; address of its psum.
  localparam int unsigned CtlBits = 5;
  localparam int unsigned InfoBits = PBits + 1;
  logic [EndPos*CtlBits-1:0] ctl_q;    // stage s in bits (s-1)*CtlBits
  logic [EndPos*InfoBits-1:0] info_q;  // stage s in bits (s-1)*InfoBits
  logic live, live_read, below_add, fresh_add, keep_end, up_end, out_end;
  logic [PBits-1:0] paddr_read, paddr_add, paddr_end;
  assign live = issue & result_ok;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      mul_q <= 1'b0;
      ctl_q <= '0;
    end else begin
      mul_q <= issue & mac;
      ctl_q <= {ctl_q[(EndPos-1)*CtlBits-1:0],
                live, live & ~psum_end, claim_above, issue & chain_end, claim_below};
    end
    info_q <= {info_q[(EndPos-1)*InfoBits-1:0], psum_start, p_off_q};
    if (stream_pop) stream_q <= stream_word;
    a_stream_q <= a_direct_q;
    b_stream_q <= b_direct_q;
  end
  assign live_read  = ctl_q[(AddPos-2)*CtlBits + 4];
  assign below_add  = ctl_q[(AddPos-1)*CtlBits];
  assign {keep_end, up_end, out_end} = ctl_q[(EndPos-1)*CtlBits + 1 +: 3];
  assign paddr_read = info_q[(AddPos-2)*InfoBits +: PBits];
  assign {fresh_add, paddr_add} = info_q[(AddPos-1)*InfoBits +: InfoBits];
  assign paddr_end  = info_q[(EndPos-1)*InfoBits +: PBits];

  logic [31:0] psum_rdata, below_head, sum, acc_q;
  logic [PBits-1:0] acc_addr_q;
  logic acc_there_q, gated, below_pop, below_valid, psum_keep;

  eco_fifo #(.Depth(QueueDepth), .DataBits(32)) u_below_queue (
    .clk_i, .rst_ni, .push_i(below_valid_i[0]), .data_i(below_data_i[31:0]),
    .pop_i(below_pop), .valid_o(below_valid), .data_o(below_head)
  );
  assign below_pop = below_add;
  assign below_credit_o = below_pop;

  eco_regfile #(.Depth(PsumDepth), .DataBits(32)) u_psum_file (
    .clk_i, .we_i(psum_keep), .waddr_i(paddr_end), .wdata_i(sum),
    .re_i(live_read), .raddr_i(paddr_read), .rdata_o(psum_rdata)
  );

  // The psum of the slot just before is still on its way into the file: take it from acc_q.
  logic [31:0] psum_now;
  assign psum_now  = acc_there_q & (acc_addr_q == paddr_add) ? acc_q : psum_rdata;

  eco_mac_int16 #(.MulStages(MulStages), .AddStages(AddStages)) u_mac (
    .clk_i,
    .mul_en_i(mul_q),
    .a_i(a_stream_q ? stream_q : a_rdata),
    .b_i(b_stream_q ? stream_q : b_rdata),
    .gated_o(gated),
    .add_i(below_add ? below_head : '0),
    .base_i(fresh_add ? '0 : psum_now),
    .sum_o(sum)
  );

  assign psum_keep = keep_end;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) acc_there_q <= 1'b0;
    else if (psum_keep) acc_there_q <= 1'b1;
    if (psum_keep) begin
      acc_q      <= sum;
      acc_addr_q <= paddr_end;
    end
  end

  if (AddStages == 1) begin : gen_no_hazard
    assign adder_busy = 1'b0;
  end else begin : gen_hazard
    // Slots issued in the last AddStages-1 cycles: their psum is not ready to be continued.
    localparam int unsigned Ages = AddStages - 1;
    logic [Ages-1:0] same;
    for (genvar k = 0; k < Ages; k++) begin : gen_same
      assign same[k] = ctl_q[k*CtlBits + 4]
                     & (info_q[k*InfoBits +: PBits] == p_off_q);
    end
    assign adder_busy = (|same) & result_ok & ~psum_start;
  end

  // ---------------------------------------------------------------- psums up the column
  assign above_push  = up_end;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      above_valid_o <= '0;
      below_avail_q <= '0;
      above_room_q  <= QBits'(QueueDepth);
      out_used_q    <= '0;
    end else begin
      above_valid_o <= LocalLanes'(above_push);
      below_avail_q <= below_avail_q + QBits'(below_valid_i[0]) - QBits'(claim_below);
      above_room_q  <= above_room_q + QBits'(above_credit_i) - QBits'(claim_above);
      out_used_q    <= out_used_q + QBits'(claim_out) - QBits'(out_pop);
    end
    if (above_push) above_data_o <= (LocalLanes*32)'(sum);
  end

  // ---------------------------------------------------------------- output queue
  assign out_push = out_end | dump_push;
  assign out_pop  = out_sel_i & out_pop_i;
  eco_fifo #(.Depth(QueueDepth), .DataBits(32)) u_out_queue (
    .clk_i, .rst_ni, .push_i(out_push), .data_i(dump_push ? dump_word : sum),
    .pop_i(out_pop), .valid_o(out_valid_o), .data_o(out_data_o)
  );

  // ---------------------------------------------------------------- counters
  eco_pe_counters #(.DumpRoom(QueueDepth), .UsedBits(QBits)) u_counters (
    .clk_i, .rst_ni, .running_i,
    .run_i(run_q), .issue_i(issue), .mac_i(mac),
    .wait_ifmap_i(wait_ifmap), .wait_filter_i(wait_filter), .wait_stream_i(wait_stream),
    .wait_psum_i(wait_psum), .wait_local_i(wait_local), .wait_output_i(wait_output),
    .gated_i(gated), .local_word_i(above_push),
    .dump_i(cfg_we_i && cfg_sel_i && cfg_addr_i == eco_pkg::CfgDump), .out_used_i(out_used_q),
    .dump_push_o(dump_push), .dump_word_o(dump_word)
  );

  `ECO_ASSERT(RingNotOverReleasedA, a_rel <= a_fill_q)
  `ECO_ASSERT(RingNotOverReleasedB, b_rel <= b_fill_q)
`ifdef FORMAL
  // CfgDump comes when the run is over: no pass waits or runs, and its sums are in the queues.
  always @(posedge clk_i) begin
    if (rst_ni && cfg_we_i && cfg_sel_i && cfg_addr_i == eco_pkg::CfgDump) begin
      assume (!pend_valid_q && !run_q && ctl_q == '0);
    end
  end

  // Claims: what is free or there, what is on its way in the pipeline and what stands in a queue add up.
  logic [QBits-1:0] f_below_q, f_above_q, f_out_q;  // psums in the queues
  logic [QBits-1:0] f_below_way, f_up_way, f_out_way;
  always @(posedge clk_i) begin
    if (!rst_ni) begin
      f_below_q <= '0;
      f_above_q <= '0;
      f_out_q   <= '0;
    end else begin
      f_below_q <= f_below_q + QBits'(below_valid_i[0]) - QBits'(below_pop);
      f_above_q <= f_above_q + QBits'(above_valid_o[0]) - QBits'(above_credit_i);
      f_out_q   <= f_out_q + QBits'(out_push) - QBits'(out_pop);
    end
  end
  always @* begin
    f_below_way = '0;
    f_up_way    = QBits'(above_valid_o[0]);
    f_out_way   = '0;
    for (int s = 0; s < EndPos; s++) begin
      if (s < AddPos) f_below_way = f_below_way + QBits'(ctl_q[s*CtlBits]);
      f_out_way = f_out_way + QBits'(ctl_q[s*CtlBits + 1]);
      f_up_way  = f_up_way + QBits'(ctl_q[s*CtlBits + 2]);
    end
  end
  `ECO_ASSERT(ClaimsBelow, f_below_q == below_avail_q + f_below_way)
  `ECO_ASSERT(ClaimsAbove, QBits'(QueueDepth) == above_room_q + f_up_way + f_above_q)
  `ECO_ASSERT(ClaimsOut, out_used_q == f_out_q + f_out_way)
  `ECO_ASSERT(NoneOverflows, f_below_q <= QBits'(QueueDepth) && above_room_q <= QBits'(QueueDepth)
      && out_used_q <= QBits'(QueueDepth))
`endif

  // The rings: entries between head and tail are the words in it, and nothing else is read or written.
  `ECO_ASSERT(RingClosedA, a_fill_q <= 9'(IfmapDepth) && 32'(a_head_q) < IfmapDepth
      && 32'(a_tail_q) < IfmapDepth
      && 10'(a_head_q) + 10'(a_fill_q)
         == 10'(a_tail_q) + (a_fill_q != '0 && a_head_q >= a_tail_q ? 10'(IfmapDepth) : 10'd0))
  `ECO_ASSERT(RingClosedB, b_fill_q <= 9'(FilterDepth) && 32'(b_head_q) < FilterDepth
      && 32'(b_tail_q) < FilterDepth
      && 10'(b_head_q) + 10'(b_fill_q)
         == 10'(b_tail_q) + (b_fill_q != '0 && b_head_q >= b_tail_q ? 10'(FilterDepth) : 10'd0))
  `ECO_ASSERT(IfmapReadThere, !(issue && need_a) || (a_there && 32'(a_raddr) < IfmapDepth))
  `ECO_ASSERT(FilterReadThere, !(issue && need_b) || (b_there && 32'(b_raddr) < FilterDepth))
  `ECO_ASSERT(IfmapWriteFree, !a_we || a_fill_q < 9'(IfmapDepth))
  `ECO_ASSERT(FilterWriteFree, !b_we || b_fill_q < 9'(FilterDepth))
  `ECO_ASSERT(OneWordOut, !(out_end && dump_push))
  `ECO_ASSERT(BelowThereWhenPopped, !below_pop || below_valid)
  `ECO_ASSERT(DestKnown, !(wide_valid && wide_dest == 2'd3) && !(narrow_valid && narrow_dest == 2'd3))
  `ECO_ASSERT(PsumInFile, !(issue && result_ok) || 32'(p_off_q) < PsumDepth)
  if (LocalLanes > 1) begin : gen_check_lanes
    `ECO_ASSERT(OnlyLaneZero, below_valid_i[LocalLanes-1:1] == '0)
  end
endmodule
