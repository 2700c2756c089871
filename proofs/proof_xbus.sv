// SPDX-License-Identifier: Apache-2.0
// eco_xbus: delivery to the PEs of one row, with any IDs, any beats and any room.
module proof_xbus #(
  parameter int unsigned Columns = 15,
  parameter int unsigned NumIds  = 5,
  parameter int unsigned IdBits  = 5,
  parameter int unsigned Lanes   = 5,
  localparam int unsigned CntBits = $clog2(Lanes + 1),
  localparam int unsigned Payload = 2 + CntBits + Lanes*16,
  localparam int unsigned Ids     = NumIds*IdBits
) (
  input logic               clk_i,
  input logic               row_id_we_i,
  input logic               col_id_we_i,
  input logic [Columns-1:0] col_sel_i,
  input logic [Ids-1:0]     ids_i,
  input logic               valid_i,
  input logic               others_i,  // no other row stops the beat
  input logic [IdBits-1:0]  row_tag_i,
  input logic [IdBits-1:0]  col_tag_i,
  input logic [Payload-1:0] beat_i,
  input logic [Columns-1:0] ready_i
);
  logic rst_ni = 1'b0;
  always_ff @(posedge clk_i) rst_ni <= 1'b1;

  logic stop, go;
  logic [Columns-1:0] push;
  logic [Payload-1:0] bus;
  assign go = valid_i & others_i & ~stop;
  eco_xbus #(.Columns(Columns), .NumIds(NumIds), .IdBits(IdBits), .Lanes(Lanes)) u_xbus (
    .clk_i, .rst_ni, .row_id_we_i, .col_id_we_i, .col_sel_i, .ids_i,
    .valid_i, .row_tag_i, .col_tag_i,
    .dest_i(beat_i[1:0]), .count_i(beat_i[2 +: CntBits]), .data_i(beat_i[2+CntBits +: Lanes*16]),
    .stop_o(stop), .found_o(), .go_i(go), .ready_i, .push_o(push),
    .dest_o(bus[1:0]), .count_o(bus[2 +: CntBits]), .data_o(bus[2+CntBits +: Lanes*16])
  );

  // IDs are loaded before the first beat (eco_pkg::CfgEnable).
  logic started_q;
  logic [Ids-1:0] row_ids_q;
  logic [Columns*Ids-1:0] col_ids_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      started_q <= 1'b0;
      row_ids_q <= '1;
    end else begin
      if (valid_i) started_q <= 1'b1;
      if (row_id_we_i) row_ids_q <= ids_i;
    end
  end
  for (genvar c = 0; c < Columns; c++) begin : gen_ids
    always_ff @(posedge clk_i) begin
      if (!rst_ni) col_ids_q[c*Ids +: Ids] <= '1;
      else if (col_id_we_i && col_sel_i[c]) col_ids_q[c*Ids +: Ids] <= ids_i;
    end
  end
  always @(posedge clk_i) assume (!(row_id_we_i || col_id_we_i) || !(started_q || valid_i));

  delivery #(
    .Rows(1), .Columns(Columns), .NumIds(NumIds), .IdBits(IdBits), .Payload(Payload)
  ) u_delivery (
    .clk_i, .rst_ni, .row_ids_i(row_ids_q), .col_ids_i(col_ids_q),
    .valid_i, .ready_i(others_i & ~stop), .open_i(others_i), .row_tag_i, .col_tag_i, .beat_i,
    .room_i(ready_i), .push_i(push), .bus_i({Columns{bus}})
  );
endmodule
