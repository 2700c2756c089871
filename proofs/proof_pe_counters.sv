// SPDX-License-Identifier: Apache-2.0
// eco_pe_counters: between a reset or a dump and the next dump, a counter grows by the number of cycles that
// are its own. The counters start anywhere, so that all their bits are covered in a few cycles.
module proof_pe_counters #(
  parameter int unsigned CounterBits = 32
) (
  input logic                clk_i,
  input logic                rst_ni,
  input logic                running_i,
  input logic                slot_i,
  input logic                issue_i,
  input logic                mac_i,
  input logic [5:0]          wait_i,  // ifmap, filter, stream, psum, local, output
  input logic                gated_i,
  input logic                local_word_i,
  input logic                dump_i,
  input logic                out_full_i
);
  logic push;
  logic [31:0] word;
  eco_pe_counters #(.CounterBits(CounterBits)) u_counters (
    .clk_i, .rst_ni, .running_i, .slot_i, .issue_i, .mac_i, .wait_ifmap_i(wait_i[0]), .wait_filter_i(wait_i[1]),
    .wait_stream_i(wait_i[2]), .wait_psum_i(wait_i[3]), .wait_local_i(wait_i[4]), .wait_output_i(wait_i[5]),
    .gated_i, .local_word_i, .dump_i, .out_full_i, .dumping_o(), .dump_push_o(push), .dump_word_o(word),
    .wrapped_o()
  );

  (* anyconst *) logic [3:0] k;  // the counter looked at
  logic [3:0] cause;
  logic mine, mine_q;  // counts in this cycle; shows two cycles later
  always_ff @(posedge clk_i) mine_q <= rst_ni & mine;
  always_comb begin
    cause = 4'(eco_pkg::CntAdder);
    for (int n = 5; n >= 0; n--) begin
      if (wait_i[n]) cause = 4'(eco_pkg::CntIfmap + n);
    end
    if (issue_i) cause = mac_i ? 4'(eco_pkg::CntIssued) : 4'(eco_pkg::CntMasked);
    if (!slot_i) cause = 4'(eco_pkg::CntIdle);
    mine = running_i && cause == k;
    if (k == 4'(eco_pkg::CntGated)) mine = gated_i;
    if (k == 4'(eco_pkg::CntLocalWords)) mine = local_word_i;
  end

  logic sure = 1'b0;   // after a reset or the first dump it is known what is sent
  logic known = 1'b0;  // so is the counter
  logic [3:0] left_q;  // words to send
  logic [31:0] count_q;
  logic now;
  assign now = sure && left_q != '0 && left_q == 4'(eco_pkg::NumCounters) - k;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      sure    <= 1'b1;
      known   <= 1'b1;
      left_q  <= '0;
      count_q <= '0;
    end else begin
      if (dump_i) begin
        sure   <= 1'b1;
        left_q <= 4'(eco_pkg::NumCounters);
      end else if (push) begin
        left_q <= left_q - 4'd1;
      end
      if (now && push) known <= 1'b1;
      count_q <= CounterBits'((now && push ? word : count_q) + 32'(mine_q));
    end
  end

  always @(posedge clk_i) begin
    assume (k < 4'(eco_pkg::NumCounters));
    if (rst_ni) begin
      Sends: assert (!sure || !push || (left_q != '0 && !out_full_i));
      Counted: assert (!(now && push && known) || word == count_q);
    end
  end
endmodule
