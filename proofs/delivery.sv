// SPDX-License-Identifier: Apache-2.0
// What a global input network owes to each of Rows x Columns PEs: every beat whose tags name it,
// once, unchanged, and nothing else. A row takes a beat that names it; the beat stays there until
// every PE of the row that it names has room: in that cycle all of these take it, and it is gone. It
// waits for nobody else, and no other beat takes its place before.
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
  for (genvar r = 0; r < Rows; r++) begin : gen_row
    // Whom the tags name, as the paper says it: one of the IDs equals the tag.
    logic row_named;
    logic [Columns-1:0] named, room;
    logic [IdBits-1:0] tag_q;
    always_comb begin
      row_named = 1'b0;
      for (int k = 0; k < NumIds; k++) begin
        if (row_ids_i[r*Ids + k*IdBits +: IdBits] == row_tag_i) row_named = 1'b1;
      end
    end

    logic held_q, waits, taken;  // the row holds a beat; a PE that it names has no room
    logic [Payload-1:0] beat_q;
    assign room  = room_i[r*Columns +: Columns];
    assign waits = |(named & ~room);
    assign taken = valid_i & ready_i & row_named;
    always_ff @(posedge clk_i) begin
      if (!rst_ni) held_q <= 1'b0;
      else held_q <= taken | (held_q & waits);
      if (taken) begin
        beat_q <= beat_i;
        tag_q  <= col_tag_i;
      end
    end
    always @(posedge clk_i) if (rst_ni) begin
      // Not lost: no beat takes its place.
      assert (!(taken && held_q && waits));
    end

    for (genvar c = 0; c < Columns; c++) begin : gen_col
      logic one;
      always_comb begin
        one = 1'b0;
        for (int k = 0; k < NumIds; k++) begin
          if (col_ids_i[(r*Columns + c)*Ids + k*IdBits +: IdBits] == tag_q) one = 1'b1;
        end
      end
      assign named[c] = one;
      always @(posedge clk_i) if (rst_ni) begin
        // Exactly once, with room.
        assert (push_i[r*Columns + c] == (held_q && !waits && named[c]));
        assert (!push_i[r*Columns + c] || room[c]);
        // Unchanged, also while it waits.
        assert (!held_q || bus_i[(r*Columns + c)*Payload +: Payload] == beat_q);
      end
    end
  end

  always @(posedge clk_i) if (rst_ni) begin
    EntersWhenOpen: assert (!ready_i || open_i);
    Moves: assert (!(valid_i && open_i && (&room_i)) || ready_i);
  end
endmodule
