// SPDX-License-Identifier: Apache-2.0
// The global output network of eco_array with its accumulators: words are taken from the PEs that a
// command names, all at once, in the order of commands, as soon as they are there and the output
// moves; three cycles of a moving output later every completed sum leaves, once; nothing else does.
//
// The PEs are taken out of eco_array; their ports come here (PE_PORTS, see scripts/prove.py).
module proof_gon #(
  parameter int unsigned Rows        = 2,
  parameter int unsigned Columns     = 2,
  parameter int unsigned NumIds      = 2,
  parameter int unsigned IdBits      = 2,
  parameter int unsigned WideLanes   = 2,
  parameter int unsigned NarrowLanes = 1,
  parameter int unsigned GonLanes    = 2,
  parameter int unsigned AccSlots    = 4,
  parameter int unsigned Lane        = 0,  // looked at
  parameter int unsigned Low         = 4,  // bits of sums looked at
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
  input logic [Pes-1:0]             pe_cfg_ready, pe_wide_ready, pe_narrow_ready, pe_out_valid,
  input logic [Pes*32-1:0]          pe_out_data
);
  logic rst_ni = 1'b0;
  always_ff @(posedge clk_i) rst_ni <= 1'b1;

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
    .stat_sel_i(3'd0),
    PE_PORTS
  );

  // The command that waits, at most one.
  logic waiting_q;
  logic [GonLanes-1:0] en_q, first_q, last_q;
  logic [GonLanes*RowBits-1:0] row_q;
  logic [GonLanes*ColBits-1:0] col_q;
  logic [GonLanes*SlotBits-1:0] slot_q;
  logic [Pes-1:0] named, popped;
  logic moves;
  always_comb begin
    named = '0;
    for (int k = 0; k < GonLanes; k++) begin
      for (int r = 0; r < Rows; r++) begin
        for (int c = 0; c < Columns; c++) begin
          if (waiting_q && en_q[k] && row_q[k*RowBits +: RowBits] == RowBits'(r)
              && col_q[k*ColBits +: ColBits] == ColBits'(c)) begin
            named = named | (Pes'(1) << (r*Columns + c));
          end
        end
      end
    end
  end
  assign popped = pe_out_sel & pe_out_pop;
  assign moves  = waiting_q & (popped == named);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) waiting_q <= 1'b0;
    else if (gon_valid_i && gon_ready) waiting_q <= 1'b1;
    else if (moves) waiting_q <= 1'b0;
    if (gon_ready) begin
      en_q    <= gon_en_i;
      first_q <= gon_first_i;
      last_q  <= gon_last_i;
      row_q   <= gon_row_i;
      col_q   <= gon_col_i;
      slot_q  <= gon_slot_i;
    end
  end

  always @(posedge clk_i) begin
    // A command names one PE at least; two lanes, two PEs, both in the array.
    assume (gon_en_i != '0);
    for (int k = 0; k < GonLanes; k++) begin
      assume (32'(gon_row_i[k*RowBits +: RowBits]) < Rows);
      assume (32'(gon_col_i[k*ColBits +: ColBits]) < Columns);
      assume (32'(gon_slot_i[k*SlotBits +: SlotBits]) < AccSlots);
      for (int j = 0; j < k; j++) begin
        assume (gon_row_i[k*RowBits +: RowBits] != gon_row_i[j*RowBits +: RowBits]
                || gon_col_i[k*ColBits +: ColBits] != gon_col_i[j*ColBits +: ColBits]);
      end
    end
  end

  // What must leave on a lane, written down without the hazards of a memory: a register for the network,
  // then a slot that is read and written at once. One slot is looked at, any; the low bits of its sums.
  (* anyconst *) logic [SlotBits-1:0] slot;
  logic [Low-1:0] word, word1_q, word2_q, sum2, kept_q, sum3_q;
  logic here1_q, first1_q, last1_q, here2_q, first2_q, last2_q, known_q, known2, valid3_q, known3_q;
  logic [SlotBits-1:0] slot1_q, slot2_q;
  logic advance;
  assign advance = ~out_valid | out_ready_i;
  always_comb begin
    word = '0;
    for (int n = 0; n < Pes; n++) begin
      if (row_q[Lane*RowBits +: RowBits] == RowBits'(n / Columns)
          && col_q[Lane*ColBits +: ColBits] == ColBits'(n % Columns)) begin
        word = word | pe_out_data[n*32 +: Low];
      end
    end
  end
  assign known2 = first2_q | known_q;
  assign sum2   = first2_q ? word2_q : kept_q + word2_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      here1_q  <= 1'b0;
      here2_q  <= 1'b0;
      valid3_q <= 1'b0;
      known_q  <= 1'b0;
    end else if (advance) begin
      here1_q  <= moves & en_q[Lane];
      here2_q  <= here1_q;
      valid3_q <= here2_q & last2_q;
      if (here2_q && !last2_q && slot2_q == slot) known_q <= known2;
    end
    if (advance) begin
      word1_q  <= word;
      first1_q <= first_q[Lane];
      last1_q  <= last_q[Lane];
      slot1_q  <= slot_q[Lane*SlotBits +: SlotBits];
      word2_q  <= word1_q;
      first2_q <= first1_q;
      last2_q  <= last1_q;
      slot2_q  <= slot1_q;
      if (here2_q && !last2_q && slot2_q == slot) kept_q <= sum2;
      sum3_q   <= sum2;
      known3_q <= first2_q | (known_q & slot2_q == slot);
    end
  end

  always @(posedge clk_i) begin
    if (rst_ni) begin
      OnlyTheNamed: assert (popped == '0 || popped == named);
      TheyHaveWords: assert ((popped & ~pe_out_valid) == '0);
      NotIntoAFullPipe: assert (popped == '0 || advance);
      NotStarved: assert (!(waiting_q && (named & ~pe_out_valid) == '0 && out_ready_i) || moves);
      Taken: assert (gon_ready == (!waiting_q || moves));
      LeavesInTime: assert (out_lane[Lane] == valid3_q);
      LaneMeansValid: assert (!out_lane[Lane] || out_valid);
      Sum: assert (!(valid3_q && known3_q) || out_data[Lane*32 +: Low] == sum3_q);
    end
  end
endmodule
