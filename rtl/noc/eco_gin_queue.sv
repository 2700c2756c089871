// SPDX-License-Identifier: Apache-2.0
`include "eco_assert.svh"

// Input queue of a PE on one global input network: takes up to `Lanes` words at once, gives one
// word a cycle. All words of a beat share its destination.
//
// Handshake: `ready_o` says that a full beat fits; a push without it is an error.
// Latency 1 (a word pushed in cycle t is at the head in t+1). Reset: empty.
module eco_gin_queue #(
  parameter int unsigned Depth    = 8,   /// entries, a power of two, >= Lanes
  parameter int unsigned Lanes    = 5,   /// words of a full beat
  parameter int unsigned DataBits = 16,  /// bits of a word
  localparam int unsigned CntBits = $clog2(Lanes + 1)
) (
  input  logic                      clk_i,    /// clock
  input  logic                      rst_ni,   /// synchronous reset, active low
  input  logic                      push_i,   /// take the beat
  input  logic [1:0]                dest_i,   /// its destination (eco_pkg::Dest*)
  input  logic [CntBits-1:0]        count_i,  /// its words, 1..Lanes
  input  logic [Lanes*DataBits-1:0] data_i,   /// word k in bits k*DataBits +: DataBits
  output logic                      ready_o,  /// a full beat fits
  output logic                      valid_o,  /// a word stands at the head
  output logic [1:0]                dest_o,   /// its destination
  output logic [DataBits-1:0]       data_o,   /// the word
  input  logic                      pop_i     /// take the head word
);
  localparam int unsigned PtrBits = $clog2(Depth);

  logic [DataBits+1:0] mem_q [Depth];  // destination and word
  logic [PtrBits-1:0] wr_q, rd_q;
  logic [PtrBits:0] level_q;

  // Depth >= level + Lanes whenever a push is allowed, so the words above count_i land in free
  // entries and are overwritten by the next beat: no per-lane enable is needed.
  for (genvar k = 0; k < Lanes; k++) begin : gen_lane
    logic [PtrBits-1:0] slot;
    assign slot = wr_q + PtrBits'(k);
    always_ff @(posedge clk_i) begin
      if (push_i) mem_q[slot] <= {dest_i, data_i[k*DataBits +: DataBits]};
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      wr_q    <= '0;
      rd_q    <= '0;
      level_q <= '0;
    end else begin
      if (push_i) wr_q <= wr_q + PtrBits'(count_i);
      if (pop_i) rd_q <= rd_q + 1'b1;
      level_q <= level_q + (push_i ? (PtrBits+1)'(count_i) : '0) - (PtrBits+1)'(pop_i);
    end
  end

  assign ready_o = level_q <= (PtrBits+1)'(Depth - Lanes);
  assign valid_o = level_q != '0;
  assign {dest_o, data_o} = mem_q[rd_q];

  `ECO_ASSERT(PushFits, !push_i || ready_o)
  `ECO_ASSERT(PopHasWord, !pop_i || valid_o)
endmodule
