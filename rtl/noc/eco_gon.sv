// SPDX-License-Identifier: Apache-2.0
`include "eco_assert.svh"

// Global output network: a command names, lane by lane, the PE whose word leaves next, and what
// its accumulator does with it. Words leave in the order of the commands, not of their arrival:
// results and addresses do not depend on timing.
//
// A command becomes a request to each row that it names (eco_gon_row) and waits here, in order, until the
// rows have all its words. So rows fetch words ahead of their turn, and no wire crosses the array
// both ways within a cycle.
//
// Handshake: command and output are valid/ready streams. `end_i` marks the last command of a run.
// What names a PE or slot that does not exist is left out and reported; so are two lanes that name one PE
// (both get its word). A word whose sum is still in the accumulator's adder waits in its row.
// Latency: 2 cycles to a row's request, 1 there, 1 from its word, 1 + AccStages in the accumulator. Reset: empty.
module eco_gon #(
  parameter int unsigned Rows     = 13,    /// rows of the array
  parameter int unsigned Columns  = 15,    /// columns of the array
  parameter int unsigned GonLanes = 2,     /// 32-bit words of a beat
  parameter int unsigned RowBits  = 4,     /// bits of a row number
  parameter int unsigned ColBits  = 4,     /// bits of a column number
  parameter int unsigned Slots    = 13824, /// accumulator words per lane
  parameter int unsigned AccStages = 1,    /// cycles of the accumulators' adder
  localparam int unsigned SlotBits = Slots > 1 ? $clog2(Slots) : 1
) (
  input  logic                        clk_i,        /// clock
  input  logic                        rst_ni,       /// synchronous reset, active low
  // commands
  input  logic                        cmd_valid_i,  /// a command
  output logic                        cmd_ready_o,  /// is taken
  input  logic                        cmd_end_i,    /// the last one of the run
  input  logic [GonLanes-1:0]         cmd_en_i,     /// the lane names a PE
  input  logic [GonLanes*RowBits-1:0] cmd_row_i,    /// its row
  input  logic [GonLanes*ColBits-1:0] cmd_col_i,    /// its column
  input  logic [GonLanes-1:0]         cmd_first_i,  /// eco_accumulator
  input  logic [GonLanes-1:0]         cmd_last_i,   /// eco_accumulator
  input  logic [GonLanes*SlotBits-1:0] cmd_slot_i,  /// eco_accumulator
  // rows
  output logic [Rows-1:0]             push_o,       /// a request for the row
  output logic [Rows*GonLanes-1:0]    en_o,         /// its lanes: row r, lane k in bit r*GonLanes + k
  output logic [GonLanes*ColBits-1:0] col_o,        /// columns of the request, lane by lane
  input  logic [Rows-1:0]             ready_i,      /// the row takes a request
  input  logic [Rows*GonLanes-1:0]    valid_i,      /// the row has a word for the lane
  input  logic [Rows*GonLanes*32-1:0] data_i,       /// the word
  output logic [Rows*GonLanes-1:0]    pop_o,        /// it is taken
  // output
  output logic                        out_valid_o,  /// at least one completed word
  input  logic                        out_ready_i,  /// is taken
  input  logic                        out_round_i,  /// eco_result
  output logic [GonLanes-1:0]         out_lane_o,   /// lanes that hold a word
  output logic [GonLanes*32-1:0]      out_data_o,   /// the words
  output logic                        end_o,        /// the last output of the run is taken
  output logic [GonLanes-1:0]         moved_o,      /// words taken from rows (for counting)
  output logic                        held_o,       /// words are there, and wait for the accumulators' adder
  // errors
  output logic                        bad_pe_o,     /// a lane names a PE or slot that does not exist
  output logic                        twice_o       /// two lanes name one PE
);
  // ---------------------------------------------------------------- the command at hand
  logic cmd_q, cmd_end_q, send, stop;
  logic [GonLanes-1:0] en_q, first_q, last_q, exists, en;
  logic [GonLanes*RowBits-1:0] row_q;
  logic [GonLanes*ColBits-1:0] col_q;
  logic [GonLanes*SlotBits-1:0] slot_q;
  logic [Rows*GonLanes-1:0] names;  // row r, lane k in bit r*GonLanes + k

  always_ff @(posedge clk_i) begin
    if (!rst_ni) cmd_q <= 1'b0;
    else if (cmd_ready_o) cmd_q <= cmd_valid_i;
    if (cmd_valid_i && cmd_ready_o) begin
      cmd_end_q <= cmd_end_i;
      en_q      <= cmd_en_i;
      row_q     <= cmd_row_i;
      col_q     <= cmd_col_i;
      first_q   <= cmd_first_i;
      last_q    <= cmd_last_i;
      slot_q    <= cmd_slot_i;
    end
  end

  logic [GonLanes-1:0] same;  // an earlier lane names the same PE
  for (genvar k = 0; k < GonLanes; k++) begin : gen_check
    logic [GonLanes-1:0] as_lane;
    assign exists[k] = 32'(row_q[k*RowBits +: RowBits]) < Rows && 32'(col_q[k*ColBits +: ColBits]) < Columns
        && (32'(slot_q[k*SlotBits +: SlotBits]) < Slots || (first_q[k] && last_q[k]));
    for (genvar j = 0; j < GonLanes; j++) begin : gen_other
      assign as_lane[j] = j < k && en_q[k] && en_q[j]
          && row_q[k*RowBits +: RowBits] == row_q[j*RowBits +: RowBits]
          && col_q[k*ColBits +: ColBits] == col_q[j*ColBits +: ColBits];
    end
    assign same[k] = |as_lane;
  end
  assign en       = en_q & exists;
  assign bad_pe_o = cmd_q & (|(en_q & ~exists));
  assign twice_o  = cmd_q & (|same);

  // ---------------------------------------------------------------- requests
  for (genvar r = 0; r < Rows; r++) begin : gen_row
    for (genvar k = 0; k < GonLanes; k++) begin : gen_lane
      assign names[r*GonLanes + k] = en[k] & (row_q[k*RowBits +: RowBits] == RowBits'(r));
    end
    assign push_o[r] = send & (|names[r*GonLanes +: GonLanes]);
  end
  assign en_o  = names;
  assign col_o = col_q;

  always_comb begin
    stop = 1'b0;
    for (int r = 0; r < Rows; r++) begin
      if (!ready_i[r]) stop = stop | (|names[r*GonLanes +: GonLanes]);
    end
  end

  // ---------------------------------------------------------------- commands in order
  localparam int unsigned Orders    = 4;  // what is under way to a row and back
  localparam int unsigned OrderBits = 1 + GonLanes*(3 + RowBits + SlotBits);
  logic [Orders-1:0] order;
  logic order_end, advance, take, all_there, busy;
  logic [GonLanes-1:0] order_en, order_first, order_last, there;
  logic [GonLanes*RowBits-1:0] order_row;
  logic [GonLanes*SlotBits-1:0] order_slot;
  eco_shift_fifo #(.Depth(Orders), .DataBits(OrderBits)) u_order (
    .clk_i, .rst_ni, .push_i(send), .data_i({cmd_end_q, en, first_q, last_q, row_q, slot_q}),
    .pop_i(take), .valid_o(order),
    .data_o({order_end, order_en, order_first, order_last, order_row, order_slot})
  );
  assign send        = cmd_q & ~stop & ~order[Orders-1];
  assign cmd_ready_o = ~cmd_q | send;

  logic [GonLanes*32-1:0] word_d;
  for (genvar k = 0; k < GonLanes; k++) begin : gen_gather
    logic has;
    logic [31:0] word;
    always_comb begin
      has  = 1'b0;
      word = '0;
      for (int r = 0; r < Rows; r++) begin
        if (order_row[k*RowBits +: RowBits] == RowBits'(r)) begin
          has  = has | valid_i[r*GonLanes + k];
          word = word | data_i[(r*GonLanes + k)*32 +: 32];
        end
      end
    end
    assign there[k] = has;
    assign word_d[k*32 +: 32] = word;
    for (genvar r = 0; r < Rows; r++) begin : gen_pop
      assign pop_o[r*GonLanes + k] = take & order_en[k] & (order_row[k*RowBits +: RowBits] == RowBits'(r));
    end
  end
  logic [GonLanes-1:0] acc_busy;
  assign all_there = order[0] & advance & ~(|(order_en & ~there));
  assign busy      = |(order_en & ~order_first & acc_busy);
  assign take      = all_there & ~busy;
  assign held_o    = all_there & busy;
  assign moved_o   = order_en & {GonLanes{take}};

  // ---------------------------------------------------------------- accumulators
  // One register for the network, then the accumulators. The whole pipeline moves together.
  logic [GonLanes-1:0] acc_in, acc_first, acc_last;
  logic [GonLanes*SlotBits-1:0] acc_slot;
  logic [GonLanes*32-1:0] acc_word;
  logic [AccStages+1:0] end_q;  // the last command on its way
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      acc_in <= '0;
      end_q  <= '0;
    end else if (advance) begin
      acc_in <= moved_o;
      end_q  <= {end_q[AccStages:0], take & order_end};
    end
    if (advance) begin
      acc_word  <= word_d;
      acc_first <= order_first;
      acc_last  <= order_last;
      acc_slot  <= order_slot;
    end
  end

  for (genvar k = 0; k < GonLanes; k++) begin : gen_acc
    logic [31:0] sum;
    eco_accumulator #(.Slots(Slots), .AddStages(AccStages)) u_acc (
      .clk_i, .rst_ni, .advance_i(advance),
      .next_slot_i(order_slot[k*SlotBits +: SlotBits]), .busy_o(acc_busy[k]),
      .valid_i(acc_in[k]), .data_i(acc_word[k*32 +: 32]),
      .first_i(acc_first[k]), .last_i(acc_last[k]),
      .slot_i(acc_slot[k*SlotBits +: SlotBits]),
      .valid_o(out_lane_o[k]), .data_o(sum)
    );
    eco_result u_result (.round_i(out_round_i), .data_i(sum), .data_o(out_data_o[k*32 +: 32]));
  end
  assign out_valid_o = |out_lane_o;
  assign advance     = ~out_valid_o | out_ready_i;
  assign end_o       = end_q[AccStages+1] & advance;
endmodule
