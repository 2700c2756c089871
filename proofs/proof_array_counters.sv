// SPDX-License-Identifier: Apache-2.0
// Counters of eco_array: each grows by what moves, in every cycle of a run. They start anywhere, so that all
// their bits are covered in a few cycles.
//
// The PEs are taken out of eco_array; their ports come here (PE_PORTS, see scripts/prove.py).
module proof_array_counters #(
  parameter int unsigned Rows        = 2,
  parameter int unsigned Columns     = 2,
  parameter int unsigned NumIds      = 2,
  parameter int unsigned IdBits      = 2,
  parameter int unsigned WideLanes   = 2,
  parameter int unsigned NarrowLanes = 1,
  parameter int unsigned GonLanes    = 2,
  parameter int unsigned AccSlots    = 4,
  localparam int unsigned Pes        = Rows*Columns,
  localparam int unsigned RowBits    = Rows > 1 ? $clog2(Rows) : 1,
  localparam int unsigned ColBits    = Columns > 1 ? $clog2(Columns) : 1,
  localparam int unsigned SlotBits   = AccSlots > 1 ? $clog2(AccSlots) : 1,
  localparam int unsigned WideCnt    = $clog2(WideLanes + 1),
  localparam int unsigned NarrowCnt  = $clog2(NarrowLanes + 1)
) (
  input logic                       clk_i,
  input logic                       rst_ni,
  input logic                       cfg_valid_i,
  input logic [63:0]                cfg_data_i,
  input logic                       wide_valid_i,
  input logic [IdBits-1:0]          wide_row_i, wide_col_i,
  input logic [1:0]                 wide_dest_i,
  input logic [WideCnt-1:0]         wide_count_i,
  input logic [WideLanes*16-1:0]    wide_data_i,
  input logic                       narrow_valid_i,
  input logic [IdBits-1:0]          narrow_row_i, narrow_col_i,
  input logic [1:0]                 narrow_dest_i,
  input logic [NarrowCnt-1:0]       narrow_count_i,
  input logic [NarrowLanes*16-1:0]  narrow_data_i,
  input logic                       gon_valid_i, gon_end_i,
  input logic [GonLanes-1:0]        gon_en_i, gon_first_i, gon_last_i,
  input logic [GonLanes*RowBits-1:0] gon_row_i,
  input logic [GonLanes*ColBits-1:0] gon_col_i,
  input logic [GonLanes*SlotBits-1:0] gon_slot_i,
  input logic                       out_ready_i,
  // what stands in the place of the PEs
  input logic [Pes-1:0]             pe_cfg_ready, pe_wide_ready, pe_narrow_ready, pe_out_valid,
  input logic [Pes*32-1:0]          pe_out_data
);
  (* anyconst *) logic [2:0] select;  // the counter looked at
  logic [47:0] stat;
  logic running;
  logic cfg_ready, wide_ready, narrow_ready, gon_ready, out_valid;
  logic [GonLanes-1:0] out_lane;
  logic [GonLanes*32-1:0] out_data;
  logic [Pes-1:0] pe_cfg_sel, pe_cfg_we, pe_wide_push, pe_narrow_push, pe_out_sel, pe_out_pop;
  logic [Pes*6-1:0] pe_cfg_addr;
  logic [Pes*2-1:0] pe_wide_dest, pe_narrow_dest;
  logic [Pes*WideCnt-1:0] pe_wide_count;
  logic [Pes*NarrowCnt-1:0] pe_narrow_count;
  logic [Pes*WideLanes*16-1:0] pe_wide_data;
  logic [Pes*NarrowLanes*16-1:0] pe_narrow_data;

  eco_array u_array (
    .clk_i, .rst_ni, .cfg_valid_i, .cfg_ready_o(cfg_ready), .cfg_data_i,
    .wide_valid_i, .wide_ready_o(wide_ready), .wide_row_i, .wide_col_i, .wide_dest_i, .wide_count_i,
    .wide_data_i,
    .narrow_valid_i, .narrow_ready_o(narrow_ready), .narrow_row_i, .narrow_col_i, .narrow_dest_i,
    .narrow_count_i, .narrow_data_i,
    .gon_valid_i, .gon_ready_o(gon_ready), .gon_end_i, .gon_en_i, .gon_row_i, .gon_col_i,
    .gon_first_i, .gon_last_i, .gon_slot_i,
    .out_valid_o(out_valid), .out_ready_i, .out_lane_o(out_lane), .out_data_o(out_data),
    .running_o(running), .stat_sel_i(select), .stat_o(stat),
    PE_PORTS
  );

  // How much it grows: between `least` and `most`. Two lanes may stand on one PE in a state that no
  // run reaches, so that a PE that gives a word may count twice.
  logic [47:0] least, most;
  logic [7:0] words;
  always_comb begin
    words = '0;
    for (int n = 0; n < Pes; n++) words = words + 8'(pe_out_sel[n] & pe_out_pop[n]);
    least = '0;
    if (select == 3'd0) least = 48'd1;
    if (select == 3'd1) least = 48'(cfg_valid_i & cfg_ready);
    if (select == 3'd2 && wide_valid_i && wide_ready) least = 48'(wide_count_i);
    if (select == 3'd3 && narrow_valid_i && narrow_ready) least = 48'(narrow_count_i);
    most = least;
    if (select == 3'd4) begin
      least = 48'(words);
      most  = words == '0 ? '0 : 48'(GonLanes);
    end
  end

  logic begun = 1'b0;
  logic running_q, reset_q;
  logic [47:0] stat_q, least_q, most_q;
  always_ff @(posedge clk_i) begin
    begun     <= 1'b1;
    reset_q   <= !rst_ni;
    running_q <= running;
    stat_q    <= stat;
    least_q   <= least;
    most_q    <= most;
  end
  always @(posedge clk_i) if (begun) begin
    Reset: assert (!reset_q || (running && stat == '0));
    Stops: assert (reset_q || running_q || (!running && stat == stat_q));
    Grows: assert (reset_q || !running_q || select > 3'd4
                   || (stat - stat_q >= least_q && stat - stat_q <= most_q));
  end
endmodule
