// SPDX-License-Identifier: Apache-2.0
// Counter in two halves, so that its width does not bound the clock. Both halves show the same moment.
//
// Latency: an increment shows two cycles later. Reset: zero.
module eco_counter #(
  parameter int unsigned Bits    = 48,  /// bits of the counter, even
  parameter int unsigned AddBits = 1    /// bits of an increment, at most Bits/2
) (
  input  logic               clk_i,     /// clock
  input  logic               rst_ni,    /// synchronous reset, active low
  input  logic [AddBits-1:0] add_i,     /// increment
  output logic [Bits-1:0]    count_o,   /// the sum of all
  output logic               wrap_o     /// it passes 2^Bits now
);
  localparam int unsigned Half = Bits / 2;
  logic [Half-1:0] low_q, shown_q, high_q;
  logic carry_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      low_q   <= '0;
      carry_q <= 1'b0;
      shown_q <= '0;
      high_q  <= '0;
    end else begin
      {carry_q, low_q} <= {1'b0, low_q} + (Half+1)'(add_i);
      shown_q <= low_q;
      high_q  <= high_q + Half'(carry_q);
    end
  end
  assign count_o = {high_q, shown_q};
  assign wrap_o  = carry_q & (&high_q);
endmodule
