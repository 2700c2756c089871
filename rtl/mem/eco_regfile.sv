// SPDX-License-Identifier: Apache-2.0
// Register file with one write and one read port (Table 3: 75, 224 and 24 entries, 1 cycle).
// The wrapper to replace when a flow has register-file or SRAM macros.
//
// Latency: the word at `raddr_i` is on `rdata_o` one cycle after `re_i`, and holds. A read of
// the address that is written in the same cycle gives the old word. No reset.
module eco_regfile #(
  parameter int unsigned Depth    = 75,  /// entries
  parameter int unsigned DataBits = 16,  /// bits of an entry
  localparam int unsigned AddrBits = Depth > 1 ? $clog2(Depth) : 1
) (
  input  logic                clk_i,    /// clock
  input  logic                we_i,     /// write `wdata_i` at `waddr_i`
  input  logic [AddrBits-1:0] waddr_i,  /// write address, < Depth
  input  logic [DataBits-1:0] wdata_i,  /// word to write
  input  logic                re_i,     /// read `raddr_i`
  input  logic [AddrBits-1:0] raddr_i,  /// read address, < Depth
  output logic [DataBits-1:0] rdata_o   /// word read
);
  logic [DataBits-1:0] mem_q [Depth];

  always_ff @(posedge clk_i) begin
    if (we_i) mem_q[waddr_i] <= wdata_i;
  end

  always_ff @(posedge clk_i) begin
    if (re_i) rdata_o <= mem_q[raddr_i];
  end
endmodule
