// SPDX-License-Identifier: Apache-2.0
`include "eco_assert.svh"

// Global output network: a command names, lane by lane, the PE whose word leaves next, and what
// its accumulator does with it. Words leave in the order of the commands, not of their arrival:
// results and addresses do not depend on timing.
//
// Handshake: command and output are valid/ready streams; a command waits until every PE that it
// names has a word. No two lanes name the same PE. `end_i` marks the last command of a run.
// Latency: 1 cycle (NoC) + 2 (accumulator). Reset: empty.
module eco_gon #(
  parameter int unsigned Rows     = 13,    /// rows of the array
  parameter int unsigned Columns  = 15,    /// columns of the array
  parameter int unsigned GonLanes = 2,     /// 32-bit words of a beat
  parameter int unsigned RowBits  = 4,     /// bits of a row number
  parameter int unsigned ColBits  = 4,     /// bits of a column number
  parameter int unsigned Slots    = 13824, /// accumulator words per lane
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
  output logic [Rows*GonLanes-1:0]    sel_o,        /// row r, lane k in bit r*GonLanes + k
  output logic [GonLanes*Columns-1:0] col_o,        /// column named, one-hot: bit k*Columns + c
  output logic                        pop_o,        /// the named PEs give their word
  input  logic [Rows*GonLanes-1:0]    valid_i,      /// the named PE has a word
  input  logic [Rows*GonLanes*32-1:0] data_i,       /// the word, zero in rows not named
  // output
  output logic                        out_valid_o,  /// at least one completed word
  input  logic                        out_ready_i,  /// is taken
  output logic [GonLanes-1:0]         out_lane_o,   /// lanes that hold a word
  output logic [GonLanes*32-1:0]      out_data_o,   /// the words
  output logic                        end_o,        /// the last output of the run is taken
  output logic [GonLanes-1:0]         moved_o       /// words taken from PEs (for counting)
);
  logic cmd_q, cmd_end_q, advance;
  logic [GonLanes-1:0] en_q, first_q, last_q, there, acc_in, acc_first, acc_last;
  logic [GonLanes*RowBits-1:0] row_q;
  logic [GonLanes*ColBits-1:0] col_q;
  logic [GonLanes*SlotBits-1:0] slot_q, acc_slot;
  logic [GonLanes*32-1:0] word_d, acc_word;
  logic end1_q, end2_q, end3_q;

  assign pop_o = cmd_q & advance & ~(|(en_q & ~there));
  assign cmd_ready_o = ~cmd_q | pop_o;
  assign moved_o = en_q & {GonLanes{pop_o}};

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      cmd_q <= 1'b0;
      en_q  <= '0;
    end else if (cmd_ready_o) begin
      cmd_q <= cmd_valid_i;
      en_q  <= cmd_en_i & {GonLanes{cmd_valid_i}};
    end
    if (cmd_ready_o) begin
      cmd_end_q <= cmd_end_i;
      row_q     <= cmd_row_i;
      col_q     <= cmd_col_i;
      first_q   <= cmd_first_i;
      last_q    <= cmd_last_i;
      slot_q    <= cmd_slot_i;
    end
  end

  for (genvar k = 0; k < GonLanes; k++) begin : gen_col
    for (genvar c = 0; c < Columns; c++) begin : gen_hot
      assign col_o[k*Columns + c] = col_q[k*ColBits +: ColBits] == ColBits'(c);
    end
  end

  for (genvar r = 0; r < Rows; r++) begin : gen_row
    logic [GonLanes-1:0] valid_sum;  // sums: OR over rows 0..r, lane by lane
    logic [GonLanes*32-1:0] data_sum;
    for (genvar k = 0; k < GonLanes; k++) begin : gen_lane
      assign sel_o[r*GonLanes + k] = en_q[k] & (row_q[k*RowBits +: RowBits] == RowBits'(r));
    end
    if (r == 0) begin : gen_first
      assign valid_sum = valid_i[GonLanes-1:0];
      assign data_sum  = data_i[GonLanes*32-1:0];
    end else begin : gen_next
      assign valid_sum = gen_row[r-1].valid_sum | valid_i[r*GonLanes +: GonLanes];
      assign data_sum  = gen_row[r-1].data_sum | data_i[r*GonLanes*32 +: GonLanes*32];
    end
    if (r == Rows - 1) begin : gen_last
      assign there  = valid_sum;
      assign word_d = data_sum;
    end
  end

  // One register for the network, then the accumulators. The whole pipeline moves together.
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      acc_in <= '0;
      end1_q <= 1'b0;
      end2_q <= 1'b0;
      end3_q <= 1'b0;
    end else if (advance) begin
      acc_in <= moved_o;
      end1_q <= pop_o & cmd_end_q;
      end2_q <= end1_q;
      end3_q <= end2_q;
    end
    if (advance) begin
      acc_word  <= word_d;
      acc_first <= first_q;
      acc_last  <= last_q;
      acc_slot  <= slot_q;
    end
  end

  for (genvar k = 0; k < GonLanes; k++) begin : gen_acc
    eco_accumulator #(.Slots(Slots)) u_acc (
      .clk_i, .rst_ni, .advance_i(advance),
      .valid_i(acc_in[k]), .data_i(acc_word[k*32 +: 32]),
      .first_i(acc_first[k]), .last_i(acc_last[k]),
      .slot_i(acc_slot[k*SlotBits +: SlotBits]),
      .valid_o(out_lane_o[k]), .data_o(out_data_o[k*32 +: 32])
    );
  end
  assign out_valid_o = |out_lane_o;
  assign advance     = ~out_valid_o | out_ready_i;
  assign end_o       = end3_q & advance;

  `ECO_ASSERT(OnePeALane, !cmd_q || (there & ~en_q) == '0)
endmodule
