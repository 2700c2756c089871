// SPDX-License-Identifier: Apache-2.0
// Counters of a PE: in every cycle of a run exactly one of eco_pkg::CntIssued..CntAdder counts,
// so that their sum is the number of cycles. CfgDump sends all counters out through the output
// queue, in the order of eco_pkg, while the PE is idle.
//
// Latency: gated and local words are counted one to four cycles after their slot. Reset: zero.
module eco_pe_counters #(
  parameter int unsigned DumpRoom = 8,  /// entries of the output queue
  parameter int unsigned UsedBits = 4   /// bits of out_used_i
) (
  input  logic                clk_i,          /// clock
  input  logic                rst_ni,         /// synchronous reset, active low
  input  logic                running_i,      /// the run has not delivered its last word
  input  logic                run_i,          /// a pass is active
  input  logic                issue_i,        /// a slot is issued
  input  logic                mac_i,          /// it multiplies
  input  logic                wait_ifmap_i,   /// why no slot is issued: first cause that holds
  input  logic                wait_filter_i,  /// second
  input  logic                wait_stream_i,  /// third
  input  logic                wait_psum_i,    /// fourth
  input  logic                wait_local_i,   /// fifth
  input  logic                wait_output_i,  /// sixth; none: the adder
  input  logic                gated_i,        /// a zero operand gated the multiplier
  input  logic                local_word_i,   /// a psum went up
  input  logic                dump_i,         /// start sending
  input  logic [UsedBits-1:0] out_used_i,     /// entries of the output queue in use
  output logic                dump_push_o,    /// push `dump_word_o`
  output logic [31:0]         dump_word_o     /// a counter
);
  // Counters in one small memory, one written per cycle; `used_q` stands in for clearing it.
  logic [31:0] count_q [eco_pkg::CntGated];
  logic [eco_pkg::CntGated-1:0] used_q;
  logic [31:0] gated_q, local_q;
  logic [3:0] cause;
  logic dumping_q;
  logic [3:0] dump_index_q;

  always_comb begin
    if (!run_i) cause = 4'(eco_pkg::CntIdle);
    else if (issue_i) cause = mac_i ? 4'(eco_pkg::CntIssued) : 4'(eco_pkg::CntMasked);
    else if (wait_ifmap_i) cause = 4'(eco_pkg::CntIfmap);
    else if (wait_filter_i) cause = 4'(eco_pkg::CntFilter);
    else if (wait_stream_i) cause = 4'(eco_pkg::CntStream);
    else if (wait_psum_i) cause = 4'(eco_pkg::CntPsum);
    else if (wait_local_i) cause = 4'(eco_pkg::CntLocal);
    else if (wait_output_i) cause = 4'(eco_pkg::CntOutput);
    else cause = 4'(eco_pkg::CntAdder);
  end

  always_ff @(posedge clk_i) begin
    if (running_i) count_q[cause] <= (used_q[cause] ? count_q[cause] : '0) + 32'd1;
  end
  always_ff @(posedge clk_i) begin
    if (!rst_ni) used_q <= '0;
    else if (running_i) used_q <= used_q | ((eco_pkg::CntGated)'(1) << cause);
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      gated_q      <= '0;
      local_q      <= '0;
      dumping_q    <= 1'b0;
      dump_index_q <= '0;
    end else begin
      gated_q <= gated_q + 32'(gated_i);
      local_q <= local_q + 32'(local_word_i);
      if (dump_i) begin
        dumping_q    <= 1'b1;
        dump_index_q <= '0;
      end else if (dump_push_o) begin
        dump_index_q <= dump_index_q + 4'd1;
        if (dump_index_q == 4'(eco_pkg::NumCounters - 1)) dumping_q <= 1'b0;
      end
    end
  end

  assign dump_push_o = dumping_q & ~run_i & (out_used_i < UsedBits'(DumpRoom));
  always_comb begin
    if (dump_index_q == 4'(eco_pkg::CntLocalWords)) dump_word_o = local_q;
    else if (dump_index_q == 4'(eco_pkg::CntGated)) dump_word_o = gated_q;
    else dump_word_o = used_q[dump_index_q] ? count_q[dump_index_q] : '0;
  end
endmodule
