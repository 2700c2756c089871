// SPDX-License-Identifier: Apache-2.0
`include "eco_assert.svh"

// What becomes of an issued slot: product, psum, and where the psum goes.
//
// Room in the PE above and in the output queue, and the psum from below, are claimed when the slot is
// issued, so that nothing behind it ever waits. With t the cycle of the issue (s stages of the multiplier,
// e cycles of the adder): operands t+1, psum from below t+s, base (zero, or the psum file) t+s+1,
// sum t+s+e: it is kept in the psum file, or goes on a cycle later, up the column or into the output queue.
//
// With LinkStages = l > 0 a psum from below that joins at the end has an adder of its own, behind the loop
// (three numbers have no exact sum at a time): it is taken in t+s+e+1, and all that ends goes on l cycles later.
// Psums are taken in order, so a slot that starts with one waits for those before it that end with one.
//
// Handshake: Local link by credits, GON by `out_valid_o` and `out_pop_i`. Reset: nothing under way.
//
// Departure from the paper: a PE finishes at most one psum a cycle, so of a LocalBits-wide link
// it drives one psum; the others' valid bits are constant zero.
module eco_pe_psum #(
  parameter int unsigned PsumDepth  = 24,  /// entries of the psum file, 1..32
  parameter int unsigned QueueDepth = 8,   /// entries of the queues
  parameter int unsigned MulStages  = 2,   /// multiplier registers
  parameter int unsigned AddStages  = 1,   /// adder cycles
  parameter int unsigned LinkStages = 0,   /// cycles of the adder for psums from below; 0: they join the product
  parameter int unsigned LocalLanes = 2,   /// psums that the Local link is wide for
  localparam int unsigned PBits = PsumDepth > 1 ? $clog2(PsumDepth) : 1,
  localparam int unsigned QBits = $clog2(QueueDepth) + 1
) (
  input  logic                     clk_i,           /// clock
  input  logic                     rst_ni,          /// synchronous reset, active low
  // slot in ISSUE
  input  logic                     issue_i,         /// it is issued
  input  logic                     mac_i,           /// it multiplies
  input  logic                     start_i,         /// the psum starts at zero
  input  logic [5:0]               does_i,          /// {live, keep, up, out, link, below}: it adds to, starts or ends
                                                    /// a psum; the psum stays in the file, ends up the column, ends
                                                    /// in the output queue; it takes a psum from below, at the link's
                                                    /// adder or with the product
  input  logic [PBits-1:0]         psum_i,          /// entry of the psum file
  output logic                     wait_psum_o,     /// no psum from below
  output logic                     wait_local_o,    /// no room above
  output logic                     wait_output_o,   /// no room in the output queue
  output logic                     wait_adder_o,    /// its psum is still in the adder, or would be taken too early
  // operands, in the cycle after the issue
  input  logic [15:0]              ifmap_i,         /// ifmap operand
  input  logic [15:0]              filter_i,        /// filter operand
  // Local network
  input  logic [LocalLanes-1:0]    below_valid_i,   /// psum arrives (lane 0)
  input  logic [LocalLanes*32-1:0] below_data_i,    /// the psum
  output logic                     below_credit_o,  /// an entry was freed
  output logic [LocalLanes-1:0]    above_valid_o,   /// psum leaves (lane 0)
  output logic [LocalLanes*32-1:0] above_data_o,    /// the psum
  input  logic                     above_credit_i,  /// the PE above freed an entry
  // global output network
  output logic                     out_valid_o,     /// a word waits
  output logic [31:0]              out_data_o,      /// the word
  input  logic                     out_pop_i,       /// it is taken
  // counters
  input  logic                     dump_push_i,     /// put `dump_word_i` into the output queue
  input  logic [31:0]              dump_word_i,     /// a counter
  output logic                     out_full_o,      /// no room in the output queue
  output logic                     gated_o,         /// a zero operand gated the multiplier
  output logic                     local_word_o,    /// a psum goes up
  output logic                     busy_o           /// an issued slot is under way
);
  localparam int unsigned AddPos = MulStages + 1;           // stage at the adder's input
  localparam int unsigned EndPos = AddPos + AddStages - 1;  // stage whose sum is registered
  localparam int unsigned GoPos  = EndPos + LinkStages;     // stage whose sum goes on

  // ---------------------------------------------------------------- claims
  logic [QBits-1:0] below_avail_q;  // psums from below that no issued slot has claimed
  logic [QBits-1:0] above_room_q;   // entries of the PE above that no issued slot has claimed
  logic [QBits-1:0] out_used_q;     // entries of the output queue, filled or claimed
  logic claim_below, claim_above, claim_out;

  // Most slots keep their psum and claim nothing.
  assign out_full_o = out_used_q == QBits'(QueueDepth);
  always_comb begin
    wait_psum_o   = 1'b0;
    wait_local_o  = 1'b0;
    wait_output_o = 1'b0;
    if (does_i[3:0] != '0) begin
      wait_psum_o   = (|does_i[1:0]) & (below_avail_q == '0);
      wait_local_o  = does_i[3] & (above_room_q == '0);
      wait_output_o = does_i[2] & out_full_o;
    end
  end
  // Not with the waits, on which the issue depends: Icarus Verilog would run both for ever.
  always_comb begin
    claim_below = 1'b0;
    claim_above = 1'b0;
    claim_out   = dump_push_i;
    if (issue_i && does_i[3:0] != '0) begin
      claim_below = |does_i[1:0];
      claim_above = does_i[3];
      claim_out   = does_i[2] | dump_push_i;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      below_avail_q <= '0;
      above_room_q  <= QBits'(QueueDepth);
      out_used_q    <= '0;
    end else begin
      if (below_valid_i[0] != claim_below) below_avail_q <= below_valid_i[0] ? below_avail_q + 1'b1 : below_avail_q - 1'b1;
      if (above_credit_i != claim_above) above_room_q <= above_credit_i ? above_room_q + 1'b1 : above_room_q - 1'b1;
      if (claim_out != out_pop_i) out_used_q <= claim_out ? out_used_q + 1'b1 : out_used_q - 1'b1;
    end
  end

  // ---------------------------------------------------------------- slots under way
  // What a slot does travels along: in one shift register with reset, one without.
  localparam int unsigned CtlBits = 6;
  logic [GoPos*CtlBits-1:0] ctl_q;    // does_i; stage s in bits (s-1)*CtlBits
  logic [EndPos*PBits-1:0] paddr_q;   // entry of its psum; stage s in bits (s-1)*PBits
  logic [MulStages-1:0] fresh_q;      // it starts from zero; stage s in bit s-1
  logic mul_q, live_read, fresh_read, below_add, add_en, below_link, keep_end, up_go, out_go;
  logic [PBits-1:0] paddr_read, paddr_end;

  always_ff @(posedge clk_i) begin
    mul_q   <= rst_ni & issue_i & mac_i;
    ctl_q   <= rst_ni ? {ctl_q[(GoPos-1)*CtlBits-1:0], issue_i ? does_i : 6'd0} : '0;
    paddr_q <= {paddr_q[(EndPos-1)*PBits-1:0], psum_i};
    fresh_q <= MulStages'({fresh_q, start_i});
  end
  assign below_add = ctl_q[(MulStages-1)*CtlBits];
  assign live_read = ctl_q[(AddPos-2)*CtlBits + 5];
  assign fresh_read = fresh_q[MulStages-1];
  assign paddr_read = paddr_q[(AddPos-2)*PBits +: PBits];
  assign add_en = ctl_q[(AddPos-1)*CtlBits + 5];
  assign keep_end = ctl_q[(EndPos-1)*CtlBits + 4];
  assign {up_go, out_go} = ctl_q[(GoPos-1)*CtlBits + 2 +: 2];
  assign paddr_end = paddr_q[(EndPos-1)*PBits +: PBits];
  assign busy_o    = ctl_q != '0 || out_q;

  logic wait_same, wait_turn;
  assign wait_adder_o = wait_same | wait_turn;
  if (AddStages == 1) begin : gen_no_hazard
    assign wait_same = 1'b0;
  end else begin : gen_hazard
    // Slots issued in the last AddStages-1 cycles: their psum is not ready to be continued.
    localparam int unsigned Ages = AddStages - 1;
    logic [Ages-1:0] same;
    for (genvar k = 0; k < Ages; k++) begin : gen_same
      assign same[k] = ctl_q[k*CtlBits + 5] & (paddr_q[k*PBits +: PBits] == psum_i);
    end
    assign wait_same = (|same) & does_i[5] & ~start_i;
  end

  if (LinkStages == 0) begin : gen_no_link
    assign below_link = 1'b0;
    assign wait_turn = 1'b0;
  end else begin : gen_link
    // Slots that take their psum later than this one would.
    logic [AddStages:0] later;
    for (genvar k = 0; k <= AddStages; k++) begin : gen_later
      assign later[k] = ctl_q[k*CtlBits + 1];
    end
    assign below_link = ctl_q[EndPos*CtlBits + 1];
    assign wait_turn = (|later) & does_i[0];
  end

  // ---------------------------------------------------------------- datapath
  logic [31:0] psum_rdata, below_head, sum, sum_q;
  logic below_valid;
  logic from_file_q, from_sum_q;  // base of the sum; neither: zero

  eco_fifo #(.Depth(QueueDepth), .DataBits(32)) u_below_queue (
    .clk_i, .rst_ni, .push_i(below_valid_i[0]), .data_i(below_data_i[31:0]),
    .pop_i(below_credit_o), .valid_o(below_valid), .data_o(below_head)
  );
  assign below_credit_o = below_add | below_link;

  eco_regfile #(.Depth(PsumDepth), .DataBits(32)) u_psum_file (
    .clk_i, .we_i(keep_end), .waddr_i(paddr_end), .wdata_i(sum),
    .re_i(live_read), .raddr_i(paddr_read), .rdata_o(psum_rdata)
  );

  // A psum that is written in the cycle in which it is read comes from sum_q.
  logic written;
  assign written = keep_end & (paddr_end == paddr_read);
  always_ff @(posedge clk_i) begin
    from_sum_q  <= ~fresh_read & written;
    from_file_q <= ~fresh_read & ~written;
    sum_q <= sum;
  end

  eco_mac #(.MulStages(MulStages), .AddStages(AddStages)) u_mac (
    .clk_i, .mul_en_i(mul_q), .a_i(ifmap_i), .b_i(filter_i), .gated_o,
    .below_en_i(below_add), .below_i(below_head), .add_en_i(add_en),
    .base_i((from_sum_q ? sum_q : '0) | (from_file_q ? psum_rdata : '0)),
    .sum_o(sum)
  );

  // ---------------------------------------------------------------- where the psum goes
  logic out_q;  // the sum of the cycle before goes out
  logic [31:0] word;
  if (LinkStages == 0) begin : gen_as_it_is
    assign word = sum_q;
  end else begin : gen_link_adder
    logic sum_goes;
    logic [31:0] linked, linked_q;
    assign sum_goes = |ctl_q[EndPos*CtlBits + 2 +: 2];
    eco_psum_add #(.Stages(LinkStages)) u_link_add (
      .clk_i, .en_i(1'b1), .valid_i(sum_goes), .a_i(sum_q), .b_en_i(below_link), .b_i(below_head), .sum_o(linked)
    );
    always_ff @(posedge clk_i) linked_q <= linked;
    assign word = linked_q;
  end
  assign local_word_o = up_go;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      above_valid_o <= '0;
      out_q         <= 1'b0;
    end else begin
      above_valid_o <= LocalLanes'(up_go);
      out_q         <= out_go;
    end
  end
  assign above_data_o = (LocalLanes*32)'(word);

  eco_fifo #(.Depth(QueueDepth), .DataBits(32)) u_out_queue (
    .clk_i, .rst_ni, .push_i(out_q | dump_push_i), .data_i(dump_push_i ? dump_word_i : word),
    .pop_i(out_pop_i), .valid_o(out_valid_o), .data_o(out_data_o)
  );

  `ECO_ASSERT(OneWordOut, !(out_q && dump_push_i))
  `ECO_ASSERT(BelowThereWhenPopped, !below_credit_o || below_valid)
  `ECO_ASSERT(OnePsumTaken, !(below_add && below_link))
  if (LocalLanes > 1) begin : gen_check_lanes
    `ECO_ASSERT(OnlyLaneZero, below_valid_i[LocalLanes-1:1] == '0)
  end
`ifdef FORMAL
  `include "eco_pe_psum_formal.svh"
`endif
endmodule
