// SPDX-License-Identifier: Apache-2.0
// Both global input networks of eco_array, Y-buses and X-buses together: delivery to all PEs, with any
// IDs, loaded through the configuration port, any beats and any room.
//
// The PEs are taken out of eco_array; their ports come here (PE_PORTS, see scripts/prove.py).
module proof_array #(
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
  logic rst_ni = 1'b0;
  always_ff @(posedge clk_i) rst_ni <= 1'b1;

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
    .stat_sel_i(3'd0),
    PE_PORTS
  );

  // Who is addressed by a configuration word: a second configuration port, as the array's own.
  logic we, dump;
  logic [Rows-1:0] stop_row, cfg_row, cfg_stop;
  logic [Columns-1:0] stop_col, cfg_col;
  logic [5:0] addr;
  logic [63:0] word;
  eco_config #(.Rows(Rows), .Columns(Columns)) u_config (
    .clk_i, .rst_ni, .valid_i(cfg_valid_i), .ready_o(), .data_i(cfg_data_i),
    .row_o(stop_row), .col_o(stop_col), .dump_o(dump), .stop_i(cfg_stop),
    .we_o(we), .we_row_o(cfg_row), .we_col_o(cfg_col), .addr_o(addr), .data_o(word),
    .bad_header_o(), .bad_address_o()
  );

  localparam int unsigned Ids = NumIds*IdBits;
  logic open_q;
  logic [Rows*Ids-1:0] row_wide_q, row_narrow_q;
  logic [Pes*Ids-1:0] col_wide_q, col_narrow_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) open_q <= 1'b0;
    else if (we && addr == eco_pkg::CfgEnable) open_q <= 1'b1;
  end
  for (genvar r = 0; r < Rows; r++) begin : gen_row
    assign cfg_stop[r] = stop_row[r] & (|(stop_col & ~(dump ? pe_cfg_idle[r*Columns +: Columns]
                                                            : pe_cfg_ready[r*Columns +: Columns])));
    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        row_wide_q[r*Ids +: Ids]   <= '1;
        row_narrow_q[r*Ids +: Ids] <= '1;
      end else if (we && cfg_row[r]) begin
        if (addr == eco_pkg::CfgRowWide) row_wide_q[r*Ids +: Ids] <= word[Ids-1:0];
        if (addr == eco_pkg::CfgRowNarrow) row_narrow_q[r*Ids +: Ids] <= word[Ids-1:0];
      end
    end
    for (genvar c = 0; c < Columns; c++) begin : gen_col
      always_ff @(posedge clk_i) begin
        if (!rst_ni) begin
          col_wide_q[(r*Columns + c)*Ids +: Ids]   <= '1;
          col_narrow_q[(r*Columns + c)*Ids +: Ids] <= '1;
        end else if (we && cfg_row[r] && cfg_col[c]) begin
          if (addr == eco_pkg::CfgColWide) col_wide_q[(r*Columns + c)*Ids +: Ids] <= word[Ids-1:0];
          if (addr == eco_pkg::CfgColNarrow) col_narrow_q[(r*Columns + c)*Ids +: Ids] <= word[Ids-1:0];
        end
      end
    end
  end

  // The setup comes before the first beat.
  always @(posedge clk_i) if (rst_ni) begin
    assume (!(we && open_q) || addr < eco_pkg::CfgColWide || addr > eco_pkg::CfgRowNarrow);
    SameStop: assert (!cfg_valid_i || cfg_ready || (|cfg_stop));
  end

  localparam int unsigned WidePayload = 2 + WideCnt + WideLanes*16;
  localparam int unsigned NarrowPayload = 2 + NarrowCnt + NarrowLanes*16;
  logic [Pes*WidePayload-1:0] wide_bus;
  logic [Pes*NarrowPayload-1:0] narrow_bus;
  for (genvar n = 0; n < Pes; n++) begin : gen_bus
    assign wide_bus[n*WidePayload +: WidePayload] = {pe_wide_dest[n*2 +: 2],
      pe_wide_count[n*WideCnt +: WideCnt], pe_wide_data[n*WideLanes*16 +: WideLanes*16]};
    assign narrow_bus[n*NarrowPayload +: NarrowPayload] = {pe_narrow_dest[n*2 +: 2],
      pe_narrow_count[n*NarrowCnt +: NarrowCnt], pe_narrow_data[n*NarrowLanes*16 +: NarrowLanes*16]};
  end
  delivery #(
    .Rows(Rows), .Columns(Columns), .NumIds(NumIds), .IdBits(IdBits), .Payload(WidePayload)
  ) u_wide (
    .clk_i, .rst_ni, .row_ids_i(row_wide_q), .col_ids_i(col_wide_q),
    .valid_i(wide_valid_i), .ready_i(wide_ready), .open_i(open_q),
    .row_tag_i(wide_row_i), .col_tag_i(wide_col_i), .beat_i({wide_dest_i, wide_count_i, wide_data_i}),
    .room_i(pe_wide_ready), .push_i(pe_wide_push), .bus_i(wide_bus)
  );
  delivery #(
    .Rows(Rows), .Columns(Columns), .NumIds(NumIds), .IdBits(IdBits), .Payload(NarrowPayload)
  ) u_narrow (
    .clk_i, .rst_ni, .row_ids_i(row_narrow_q), .col_ids_i(col_narrow_q),
    .valid_i(narrow_valid_i), .ready_i(narrow_ready), .open_i(open_q),
    .row_tag_i(narrow_row_i), .col_tag_i(narrow_col_i),
    .beat_i({narrow_dest_i, narrow_count_i, narrow_data_i}),
    .room_i(pe_narrow_ready), .push_i(pe_narrow_push), .bus_i(narrow_bus)
  );
endmodule
