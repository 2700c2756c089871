// SPDX-License-Identifier: Apache-2.0
// Counters of a PE: in every cycle of a run exactly one of eco_pkg::CntIssued..CntAdder counts,
// so that their sum is the number of cycles. CfgDump sends all counters out through the output
// queue, in the order of eco_pkg, while the PE is idle.
//
// A counter that passes 2^CounterBits wraps, and `wrapped_o` stays set.
// Latency: a cycle is counted two cycles later (its upper half three), gated and local words two after
// that of their slot. Reset: zero.
module eco_pe_counters #(
  parameter int unsigned CounterBits = 32  /// bits of a counter, even, 8..32
) (
  input  logic        clk_i,          /// clock
  input  logic        rst_ni,         /// synchronous reset, active low
  input  logic        running_i,      /// the run has not delivered its last word
  input  logic        slot_i,         /// a slot waits for its issue
  input  logic        issue_i,        /// it is issued
  input  logic        mac_i,          /// it multiplies
  input  logic        wait_ifmap_i,   /// why no slot is issued: first cause that holds
  input  logic        wait_filter_i,  /// second
  input  logic        wait_stream_i,  /// third
  input  logic        wait_psum_i,    /// fourth
  input  logic        wait_local_i,   /// fifth
  input  logic        wait_output_i,  /// sixth; none: the adder
  input  logic        gated_i,        /// a zero operand gated the multiplier
  input  logic        local_word_i,   /// a psum goes up
  input  logic        dump_i,         /// start sending; the PE is idle
  input  logic        out_full_i,     /// no room in the output queue
  output logic        dumping_o,      /// sending
  output logic        dump_push_o,    /// push `dump_word_o`
  output logic [31:0] dump_word_o,    /// a counter
  output logic        wrapped_o       /// a counter has wrapped
);
  localparam int unsigned Half = CounterBits / 2;
  typedef logic [Half-1:0] half_t;

  logic [3:0] cause, cause_q, high_cause_q;
  logic count_q;  // cause_q is counted
  always_comb begin
    if (!slot_i) cause = 4'(eco_pkg::CntIdle);
    else if (issue_i) cause = mac_i ? 4'(eco_pkg::CntIssued) : 4'(eco_pkg::CntMasked);
    else if (wait_ifmap_i) cause = 4'(eco_pkg::CntIfmap);
    else if (wait_filter_i) cause = 4'(eco_pkg::CntFilter);
    else if (wait_stream_i) cause = 4'(eco_pkg::CntStream);
    else if (wait_psum_i) cause = 4'(eco_pkg::CntPsum);
    else if (wait_local_i) cause = 4'(eco_pkg::CntLocal);
    else if (wait_output_i) cause = 4'(eco_pkg::CntOutput);
    else cause = 4'(eco_pkg::CntAdder);
  end

  // Small memories, one entry written per cycle: lower halves, then upper ones. `used_q` stands in for
  // clearing them.
  half_t low_q [eco_pkg::CntGated];
  half_t high_q [eco_pkg::CntGated];
  logic [eco_pkg::CntGated-1:0] used_q;
  logic fresh_q, carry_q;  // the upper half starts; counts
  half_t low;
  logic used;
  assign low  = low_q[cause_q];
  assign used = used_q[cause_q];
  always_ff @(posedge clk_i) begin
    cause_q      <= cause;
    high_cause_q <= cause_q;
    if (count_q) low_q[cause_q] <= used ? low + 1'b1 : Half'(1);
    if (fresh_q | carry_q) high_q[high_cause_q] <= fresh_q ? '0 : high_q[high_cause_q] + 1'b1;
  end

  logic [CounterBits-1:0] gated_q, local_q;
  logic gated_now_q;
  logic [3:0] index_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      count_q     <= 1'b0;
      used_q      <= '0;
      fresh_q     <= 1'b0;
      carry_q     <= 1'b0;
      gated_q     <= '0;
      local_q     <= '0;
      gated_now_q <= 1'b0;
      dumping_o   <= 1'b0;
      index_q     <= '0;
      wrapped_o   <= 1'b0;
    end else begin
      count_q <= running_i;
      fresh_q <= 1'b0;
      carry_q <= 1'b0;
      if (count_q) begin
        carry_q <= used & (&low);
        if (!used) begin
          used_q  <= used_q | ((eco_pkg::CntGated)'(1) << cause_q);
          fresh_q <= 1'b1;
        end
      end
      if (carry_q) wrapped_o <= wrapped_o | (&high_q[high_cause_q]);
      if (local_word_i) begin
        if (&local_q) wrapped_o <= 1'b1;
        local_q <= local_q + 1'b1;
      end
      gated_q     <= gated_q + CounterBits'(gated_now_q);
      gated_now_q <= gated_i;
      if (dump_i) begin
        dumping_o <= 1'b1;
      end else if (dump_push_o) begin
        if (index_q == 4'(eco_pkg::NumCounters - 1)) dumping_o <= 1'b0;
      end
      if (dump_i | dump_push_o) index_q <= dump_i ? '0 : index_q + 4'd1;
    end
  end

  // Not while an upper half is a cycle behind.
  always_comb begin
    dump_push_o = 1'b0;
    if (dumping_o) dump_push_o = ~(out_full_i | fresh_q | carry_q);
  end
  always_comb begin
    if (index_q == 4'(eco_pkg::CntLocalWords)) dump_word_o = 32'(local_q);
    else if (index_q == 4'(eco_pkg::CntGated)) dump_word_o = 32'(gated_q);
    else dump_word_o = used_q[index_q] ? 32'({high_q[index_q], low_q[index_q]}) : '0;
  end
endmodule
