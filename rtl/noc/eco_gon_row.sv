// SPDX-License-Identifier: Apache-2.0
`include "eco_assert.svh"

// One row of the global output network: takes words from the row's PEs in the order of the requests
// and keeps them, lane by lane, until the GON takes them. A request may name a PE for each lane; all of them
// give their words in the same cycle, so that the words of a PE leave in order whatever their lanes.
//
// Handshake: `ready_o` (a register) says that a request is taken. A request waits until the PEs that it
// names have a word and its lanes have room here. Latency: 1 cycle. Reset: empty.
module eco_gon_row #(
  parameter int unsigned Columns  = 15,  /// PEs in the row
  parameter int unsigned GonLanes = 2,   /// 32-bit words of a GON beat
  parameter int unsigned ColBits  = 4    /// bits of a column number
) (
  input  logic                        clk_i,       /// clock
  input  logic                        rst_ni,      /// synchronous reset, active low
  // requests
  input  logic                        push_i,      /// a request
  input  logic [GonLanes-1:0]         en_i,        /// the lane names a PE of this row
  input  logic [GonLanes*ColBits-1:0] col_i,       /// its column
  output logic                        ready_o,     /// one can be taken
  // PEs
  input  logic [Columns-1:0]          valid_i,     /// the PE has a word
  input  logic [Columns*32-1:0]       data_i,      /// the word
  output logic [Columns-1:0]          pop_o,       /// it is taken
  // words, lane by lane
  output logic [GonLanes-1:0]         valid_o,     /// there is one
  output logic [GonLanes*32-1:0]      data_o,      /// the word
  input  logic [GonLanes-1:0]         pop_i        /// it is taken
);
  localparam int unsigned Requests = 3;  // as the beats of eco_xbus
  logic [Requests-1:0] there;
  logic [GonLanes-1:0] en, given, room;
  logic [GonLanes*ColBits-1:0] col;
  logic [Columns-1:0] named;
  logic fire;

  eco_shift_fifo #(.Depth(Requests), .DataBits(GonLanes*(ColBits + 1))) u_requests (
    .clk_i, .rst_ni, .push_i, .data_i({en_i, col_i}), .pop_i(fire), .valid_o(there), .data_o({en, col})
  );
  always_ff @(posedge clk_i) begin
    if (!rst_ni) ready_o <= 1'b1;
    else ready_o <= ~there[Requests-2];
  end

  assign fire  = there[0] & ~(|(en & ~(given & room)));
  assign pop_o = named;
  always_comb begin
    named = '0;
    if (fire) begin
      for (int k = 0; k < GonLanes; k++) begin
        for (int c = 0; c < Columns; c++) begin
          if (en[k] && col[k*ColBits +: ColBits] == ColBits'(c)) named[c] = 1'b1;
        end
      end
    end
  end

  for (genvar k = 0; k < GonLanes; k++) begin : gen_lane
    logic [31:0] word;
    logic has;
    logic [1:0] held;
    always_comb begin
      word = '0;
      has  = 1'b0;
      if (there[0]) begin
        for (int c = 0; c < Columns; c++) begin
          if (col[k*ColBits +: ColBits] == ColBits'(c)) begin
            has  = has | valid_i[c];
            word = word | data_i[c*32 +: 32];
          end
        end
      end
    end
    assign given[k] = has;
    assign room[k]  = ~held[1];
    eco_shift_fifo #(.Depth(2), .DataBits(32)) u_words (
      .clk_i, .rst_ni, .push_i(fire & en[k]), .data_i(word), .pop_i(pop_i[k]), .valid_o(held),
      .data_o(data_o[k*32 +: 32])
    );
    assign valid_o[k] = held[0];
  end

  `ECO_ASSERT(ReadyMeansRoom, !ready_o || !there[Requests-1])
  `ECO_ASSERT(OnlyFromThoseWithAWord, (pop_o & ~valid_i) == '0)
endmodule
