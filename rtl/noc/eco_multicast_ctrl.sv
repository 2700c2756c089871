// SPDX-License-Identifier: Apache-2.0
`include "eco_assert.svh"

// Multicast controller (Sec. 4.4, Fig. 8): holds the IDs of one X-bus (row IDs) or of one PE
// (column IDs) and tells whether the tag of a beat names it.
//
// Handshake: none, the bus moves the beat when all that it names have room. Latency 0. Reset: every ID is
// all ones, the tag that no beat carries.
module eco_multicast_ctrl #(
  parameter int unsigned NumIds = 5,  /// IDs held, 1..8 (EcoFlow 5, Eyeriss 1)
  parameter int unsigned IdBits = 5   /// bits of an ID, 2..8
) (
  input  logic                     clk_i,      /// clock
  input  logic                     rst_ni,     /// synchronous reset, active low
  input  logic                     id_we_i,    /// load all IDs from `ids_i`
  input  logic                     id_sel_i,   /// into this unit
  input  logic [NumIds*IdBits-1:0] ids_i,      /// ID k in bits k*IdBits +: IdBits
  input  logic                     valid_i,    /// a beat stands on the bus
  input  logic [IdBits-1:0]        tag_i,      /// its tag
  output logic                     match_o     /// the tag names this unit
);
  logic [NumIds-1:0] same;
  for (genvar k = 0; k < NumIds; k++) begin : gen_id
    logic [IdBits-1:0] id_q;
    always_ff @(posedge clk_i) begin
      if (!rst_ni) id_q <= '1;
      else if (id_we_i) begin
        if (id_sel_i) id_q <= ids_i[k*IdBits +: IdBits];
      end
    end
    assign same[k] = id_q == tag_i;
  end
  assign match_o = valid_i & (|same);
`ifdef ECO_CHECKS
  `include "eco_multicast_ctrl_checks.svh"
`endif
endmodule
