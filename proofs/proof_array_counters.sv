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
  input logic [Pes-1:0]             pe_cfg_ready, pe_cfg_idle, pe_wide_ready, pe_narrow_ready, pe_out_valid,
  input logic [Pes*32-1:0]          pe_out_data,
  input logic [Pes*2-1:0]           pe_error
);
  (* anyconst *) logic [2:0] select;  // the counter looked at
  logic [47:0] stat;
  logic done;
  logic cfg_ready, wide_ready, narrow_ready, gon_ready, out_valid;
  logic [GonLanes-1:0] out_lane;
  logic [GonLanes*32-1:0] out_data;
  logic [Pes-1:0] pe_cfg_we, pe_wide_push, pe_narrow_push, pe_out_pop;
  logic [Pes*6-1:0] pe_cfg_addr;
  logic [Pes*2-1:0] pe_wide_dest, pe_narrow_dest;
  logic [Pes*WideCnt-1:0] pe_wide_count;
  logic [Pes*NarrowCnt-1:0] pe_narrow_count;
  logic [Pes*WideLanes*16-1:0] pe_wide_data;
  logic [Pes*NarrowLanes*16-1:0] pe_narrow_data;

  eco_array u_array (
    .clk_i, .rst_ni, .clear_i(1'b0), .cfg_valid_i, .cfg_ready_o(cfg_ready), .cfg_data_i,
    .wide_valid_i, .wide_ready_o(wide_ready), .wide_row_i, .wide_col_i, .wide_dest_i, .wide_count_i,
    .wide_data_i,
    .narrow_valid_i, .narrow_ready_o(narrow_ready), .narrow_row_i, .narrow_col_i, .narrow_dest_i,
    .narrow_count_i, .narrow_data_i,
    .gon_valid_i, .gon_ready_o(gon_ready), .gon_end_i, .gon_en_i, .gon_row_i, .gon_col_i,
    .gon_first_i, .gon_last_i, .gon_slot_i,
    .out_valid_o(out_valid), .out_ready_i, .out_round_i(1'b0), .out_lane_o(out_lane), .out_data_o(out_data),
    .done_o(done), .stat_sel_i(select), .stat_o(stat),
    PE_PORTS
  );

  // How much it grows. Words of the GON stand in proof_gon.
  logic [47:0] grows;
  always_comb begin
    grows = '0;
    if (select == 3'd0) grows = 48'd1;
    if (select == 3'd1) grows = 48'(cfg_valid_i & cfg_ready);
    if (select == 3'd2 && wide_valid_i && wide_ready) grows = 48'(wide_count_i);
    if (select == 3'd3 && narrow_valid_i && narrow_ready) grows = 48'(narrow_count_i);
  end

  // What moves in cycle t shows from t + 3 on; whether the run went on then, done_o tells at t + 4.
  logic [2:0] age_q = '0;  // cycles of which everything is known
  logic [4*48-1:0] grows_q;
  logic [47:0] stat_1_q, stat_2_q;
  logic reset_q = 1'b0;
  always_ff @(posedge clk_i) begin
    reset_q  <= !rst_ni;
    age_q    <= !rst_ni ? '0 : age_q == 3'd7 ? age_q : age_q + 3'd1;
    grows_q  <= {grows_q[3*48-1:0], grows};
    stat_1_q <= stat;
    stat_2_q <= stat_1_q;
  end
  always @(posedge clk_i) begin
    Reset: assert (!reset_q || (!done && (select > 3'd4 || stat == '0)));
    Grows: assert (age_q != 3'd7 || select > 3'd3 || stat_1_q - stat_2_q == (done ? '0 : grows_q[3*48 +: 48]));
  end
endmodule
