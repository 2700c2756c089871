// SPDX-License-Identifier: Apache-2.0
// eco_pe, for any image and any stream: no empty queue is read, none overflows, no file is read where no
// word is or written where no entry is, no psum is lost. Most of it are the assertions of eco_pe
// and its queues; here is what surrounds a PE, as freely as its ports allow.
//
// Records, loops and coordinates are free in every cycle: any image is a case of that.
// Whether p_off stays in the psum file depends on the image alone; a power of two leaves it out here.
module proof_pe #(
  parameter int unsigned WideLanes   = 5,
  parameter int unsigned NarrowLanes = 2,
  parameter int unsigned IfmapDepth  = 75,
  parameter int unsigned FilterDepth = 224,
  parameter int unsigned PsumDepth   = 16,
  parameter int unsigned QueueDepth  = 8,
  parameter int unsigned AddStages   = 1,
  localparam int unsigned WideCnt    = $clog2(WideLanes + 1),
  localparam int unsigned NarrowCnt  = $clog2(NarrowLanes + 1),
  localparam int unsigned Bits       = $clog2(QueueDepth) + 1
) (
  input logic                      clk_i,
  input logic                      running_i,
  input logic                      cfg_we_i,
  input logic [5:0]                cfg_addr_i,
  input logic [63:0]               cfg_data_i,
  input logic                      wide_push_i,
  input logic [1:0]                wide_dest_i,
  input logic [WideCnt-1:0]        wide_count_i,
  input logic [WideLanes*16-1:0]   wide_data_i,
  input logic                      narrow_push_i,
  input logic [1:0]                narrow_dest_i,
  input logic [NarrowCnt-1:0]      narrow_count_i,
  input logic [NarrowLanes*16-1:0] narrow_data_i,
  input logic                      below_valid_i,
  input logic [31:0]               below_data_i,
  input logic                      above_credit_i,
  input logic                      out_pop_i
);
  logic rst_ni = 1'b0;
  always_ff @(posedge clk_i) rst_ni <= 1'b1;

  logic cfg_ready, cfg_idle, wide_ready, narrow_ready, below_credit, above_valid, out_valid;
  logic [31:0] above_data, out_data;
  logic [1:0] error;  // for scripts/mutants.py
  eco_pe #(
    .WideLanes(WideLanes), .NarrowLanes(NarrowLanes), .IfmapDepth(IfmapDepth),
    .FilterDepth(FilterDepth), .PsumDepth(PsumDepth), .QueueDepth(QueueDepth),
    .AddStages(AddStages), .LocalLanes(1)
  ) u_pe (
    .clk_i, .rst_ni, .running_i,
    .cfg_we_i, .cfg_addr_i, .cfg_data_i, .cfg_ready_o(cfg_ready), .cfg_idle_o(cfg_idle),
    .wide_push_i, .wide_dest_i, .wide_count_i, .wide_data_i, .wide_ready_o(wide_ready),
    .narrow_push_i, .narrow_dest_i, .narrow_count_i, .narrow_data_i, .narrow_ready_o(narrow_ready),
    .below_valid_i, .below_data_i, .below_credit_o(below_credit),
    .above_valid_o(above_valid), .above_data_o(above_data), .above_credit_i,
    .out_valid_o(out_valid), .out_data_o(out_data), .out_pop_i, .error_o(error)
  );

  // Credits of the Local links, as the neighbours count them.
  logic [Bits-1:0] below_level_q, above_level_q;
  // Words are written in the cycle after the PE could take them; a dump, after it was idle.
  logic ready_q, idle_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      below_level_q <= '0;
      above_level_q <= '0;
      ready_q       <= 1'b0;
      idle_q        <= 1'b0;
    end else begin
      below_level_q <= below_level_q + Bits'(below_valid_i) - Bits'(below_credit);
      above_level_q <= above_level_q + Bits'(above_valid) - Bits'(above_credit_i);
      ready_q       <= cfg_ready;
      idle_q        <= cfg_idle;
    end
  end

  always @(posedge clk_i) if (rst_ni) begin
    assume (!cfg_we_i || (cfg_addr_i == eco_pkg::CfgDump ? idle_q : ready_q));
    assume (!wide_push_i || (wide_ready && wide_dest_i != eco_pkg::DestNone
                             && wide_count_i != 0 && 32'(wide_count_i) <= WideLanes));
    assume (!narrow_push_i || (narrow_ready && narrow_dest_i != eco_pkg::DestNone
                               && narrow_count_i != 0 && 32'(narrow_count_i) <= NarrowLanes));
    assume (!below_valid_i || below_level_q < Bits'(QueueDepth));
    assume (!above_credit_i || above_level_q != 0);
    assume (!out_pop_i || out_valid);
    AboveHasRoom: assert (!above_valid || above_level_q < Bits'(QueueDepth));
  end
endmodule
