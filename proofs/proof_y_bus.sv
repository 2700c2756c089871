// SPDX-License-Identifier: Apache-2.0
// A Y-bus: eco_xbus of all rows side by side, joined as in eco_array (which proof_array has, at a
// smaller size): delivery to one PE in each row, with any row IDs, any beats and any room.
module proof_y_bus #(
  parameter int unsigned Rows    = 13,
  parameter int unsigned NumIds  = 5,
  parameter int unsigned IdBits  = 5,
  parameter int unsigned Lanes   = 5,
  localparam int unsigned CntBits = $clog2(Lanes + 1),
  localparam int unsigned Payload = 2 + CntBits + Lanes*16,
  localparam int unsigned Ids     = NumIds*IdBits
) (
  input logic               clk_i,
  input logic [Rows-1:0]    row_id_we_i,
  input logic [Rows-1:0]    col_id_we_i,
  input logic [Ids-1:0]     ids_i,
  input logic               valid_i,
  input logic               open_i,
  input logic [IdBits-1:0]  row_tag_i,
  input logic [IdBits-1:0]  col_tag_i,
  input logic [Payload-1:0] beat_i,
  input logic [Rows-1:0]    ready_i
);
  logic rst_ni = 1'b0;
  always_ff @(posedge clk_i) rst_ni <= 1'b1;

  logic [Rows-1:0] stop, push;
  logic [Rows*Payload-1:0] bus;
  logic ready, started_q;
  logic [Rows*Ids-1:0] row_ids_q, col_ids_q;
  assign ready = open_i & ~(|stop);
  for (genvar r = 0; r < Rows; r++) begin : gen_row
    eco_xbus #(.Columns(1), .NumIds(NumIds), .IdBits(IdBits), .Lanes(Lanes)) u_xbus (
      .clk_i, .rst_ni, .row_id_we_i(row_id_we_i[r]), .col_id_we_i(col_id_we_i[r]), .col_sel_i(1'b1),
      .ids_i, .valid_i, .row_tag_i, .col_tag_i,
      .dest_i(beat_i[1:0]), .count_i(beat_i[2 +: CntBits]), .data_i(beat_i[2+CntBits +: Lanes*16]),
      .stop_o(stop[r]), .found_o(), .go_i(valid_i & ready), .ready_i(ready_i[r]), .push_o(push[r]),
      .dest_o(bus[r*Payload +: 2]), .count_o(bus[r*Payload + 2 +: CntBits]),
      .data_o(bus[r*Payload + 2 + CntBits +: Lanes*16])
    );
    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        row_ids_q[r*Ids +: Ids] <= '1;
        col_ids_q[r*Ids +: Ids] <= '1;
      end else begin
        if (row_id_we_i[r]) row_ids_q[r*Ids +: Ids] <= ids_i;
        if (col_id_we_i[r]) col_ids_q[r*Ids +: Ids] <= ids_i;
      end
    end
  end

  // IDs are loaded before the first beat (eco_pkg::CfgEnable).
  always_ff @(posedge clk_i) begin
    if (!rst_ni) started_q <= 1'b0;
    else if (valid_i) started_q <= 1'b1;
  end
  always @(posedge clk_i) begin
    assume (!((|row_id_we_i) || (|col_id_we_i)) || !(started_q || valid_i));
  end

  delivery #(
    .Rows(Rows), .Columns(1), .NumIds(NumIds), .IdBits(IdBits), .Payload(Payload)
  ) u_delivery (
    .clk_i, .rst_ni, .row_ids_i(row_ids_q), .col_ids_i(col_ids_q),
    .valid_i, .ready_i(ready), .open_i, .row_tag_i, .col_tag_i, .beat_i,
    .room_i(ready_i), .push_i(push), .bus_i(bus)
  );
endmodule
