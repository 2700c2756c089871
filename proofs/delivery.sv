// SPDX-License-Identifier: Apache-2.0
// What a global input network owes to each of Rows x Columns PEs: every beat whose tags name it,
// once, unchanged, in order, and nothing else. A row takes beats that name it, up to three; the first of them
// stays until every PE of the row that it names has room: in that cycle all of these take it, and it is
// gone. It waits for nobody else.
module delivery #(
  parameter int unsigned Rows     = 1,
  parameter int unsigned Columns  = 15,
  parameter int unsigned NumIds   = 5,
  parameter int unsigned IdBits   = 5,
  parameter int unsigned Payload  = 85   // bits of destination, count and words
) (
  input logic                                  clk_i,
  input logic                                  rst_ni,
  input logic [Rows*NumIds*IdBits-1:0]         row_ids_i,   // IDs of all row controllers
  input logic [Rows*Columns*NumIds*IdBits-1:0] col_ids_i,   // of all column controllers
  input logic                                  valid_i,     // Y-bus: a beat
  input logic                                  ready_i,     // is taken
  input logic                                  open_i,      // beats may enter
  input logic [IdBits-1:0]                     row_tag_i,
  input logic [IdBits-1:0]                     col_tag_i,
  input logic [Payload-1:0]                    beat_i,
  input logic [Rows*Columns-1:0]               room_i,      // PEs: room for a full beat
  input logic [Rows*Columns-1:0]               push_i,      // take it
  input logic [Rows*Columns*Payload-1:0]       bus_i        // what they take
);
  localparam int unsigned Ids = NumIds*IdBits;
  logic [Rows-1:0] few;
  for (genvar r = 0; r < Rows; r++) begin : gen_row
    // Whom the tags name, as the paper says it: one of the IDs equals the tag.
    logic row_named;
    logic [Columns-1:0] names, named, room;
    always_comb begin
      row_named = 1'b0;
      for (int k = 0; k < NumIds; k++) begin
        if (row_ids_i[r*Ids + k*IdBits +: IdBits] == row_tag_i) row_named = 1'b1;
      end
    end
    for (genvar c = 0; c < Columns; c++) begin : gen_names
      logic one;
      always_comb begin
        one = 1'b0;
        for (int k = 0; k < NumIds; k++) begin
          if (col_ids_i[(r*Columns + c)*Ids + k*IdBits +: IdBits] == col_tag_i) one = 1'b1;
        end
      end
      assign names[c] = one;
    end

    // Beats that the row holds, the first in place 0.
    logic [1:0] held_q;
    logic [3*Columns-1:0] names_q;
    logic [3*Payload-1:0] beats_q;
    logic held, waits, taken, gone;
    assign named = names_q[Columns-1:0];
    assign held  = held_q != '0;
    assign room  = room_i[r*Columns +: Columns];
    assign waits = |(named & ~room);
    assign gone  = held & ~waits;
    assign taken = valid_i & ready_i & row_named;
    always_ff @(posedge clk_i) begin
      if (!rst_ni) held_q <= '0;
      else held_q <= held_q + 2'(taken) - 2'(gone);
      for (int k = 0; k < 3; k++) begin
        if (taken && 2'(k) == held_q - 2'(gone)) begin
          names_q[k*Columns +: Columns] <= names;
          beats_q[k*Payload +: Payload] <= beat_i;
        end else if (gone && k < 2 && held_q > 2'(k + 1)) begin
          names_q[k*Columns +: Columns] <= Columns'(names_q >> (k + 1)*Columns);
          beats_q[k*Payload +: Payload] <= Payload'(beats_q >> (k + 1)*Payload);
        end
      end
    end
    assign few[r] = held_q <= 2'd1;
    always @(posedge clk_i) if (rst_ni) begin
      // Not lost.
      assert (!(taken && held_q == 2'd3 && waits));
    end

    for (genvar c = 0; c < Columns; c++) begin : gen_col
      always @(posedge clk_i) if (rst_ni) begin
        // Exactly once, with room.
        assert (push_i[r*Columns + c] == (gone && named[c]));
        // Unchanged, also while it waits.
        assert (!held || bus_i[(r*Columns + c)*Payload +: Payload] == beats_q[Payload-1:0]);
      end
    end
  end

  logic few_q;  // no row held more than one beat in the cycle before
  always_ff @(posedge clk_i) few_q <= rst_ni & (&few);
  always @(posedge clk_i) if (rst_ni) begin
    EntersWhenOpen: assert (!ready_i || open_i);
    Moves: assert (!(valid_i && open_i && few_q) || ready_i);
  end
endmodule
