// SPDX-License-Identifier: Apache-2.0
// A cut of a pipeline: a register when `Cut`, a wire otherwise.
// Latency Cut. Handshake: moves when `en_i`. Reset: none needed.
module eco_cut #(
  parameter int unsigned Bits = 1,  /// bits that cross it
  parameter int unsigned Cut  = 1   /// 1: a register, 0: wires
) (
  input  logic            clk_i,  /// clock
  input  logic            en_i,   /// the pipeline moves
  input  logic [Bits-1:0] d_i,    /// before the cut
  output logic [Bits-1:0] q_o     /// behind it
);
  if (Cut != 0) begin : gen_register
    always_ff @(posedge clk_i) if (en_i) q_o <= d_i;
  end else begin : gen_wires
    assign q_o = d_i;
  end
endmodule
