// SPDX-License-Identifier: Apache-2.0
// The global output network of eco_array with its accumulators: a PE gives its words to the commands that name
// it, in their order, ahead of their turn; a command's words leave together, in the order of commands, as
// soon as they are there and the output moves; three cycles of a moving output later every completed sum
// leaves, once; nothing else does.
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

  // Commands that have been taken and whose words have not all left, in order; of each lane whether its PE has
  // given the word, and the word.
  localparam int unsigned Most = 6;
  localparam int unsigned Bits = $clog2(Most + 1);
  logic [Bits-1:0] count_q;
  logic [Most*GonLanes-1:0] en_q, first_q, last_q, got_q;
  logic [Most*GonLanes*RowBits-1:0] row_q;
  logic [Most*GonLanes*ColBits-1:0] col_q;
  logic [Most*GonLanes*SlotBits-1:0] slot_q;
  logic [Most*GonLanes*Low-1:0] word_q;
  logic [7:0] age_q;  // cycles that the first command has been the first, at most 3
  logic takes, accepts, advance;
  assign advance = ~out_valid | out_ready_i;
  assign takes   = count_q != '0 && advance && (en_q[GonLanes-1:0] & ~got_q[GonLanes-1:0]) == '0;
  assign accepts = gon_valid_i & gon_ready;

  // Who may give a word now: the first command that names a PE and has not had its word; and to whom it goes.
  logic [Pes-1:0] wanted, first_wanted;
  logic [Most*GonLanes-1:0] gets;
  logic [Most*GonLanes*Low-1:0] given;
  always_comb begin
    wanted       = '0;
    first_wanted = '0;
    gets         = '0;
    for (int e = 0; e < Most; e++) begin
      for (int k = 0; k < GonLanes; k++) begin
        for (int n = 0; n < Pes; n++) begin
          if (Bits'(e) < count_q && en_q[e*GonLanes + k] && !got_q[e*GonLanes + k]
              && row_q[(e*GonLanes + k)*RowBits +: RowBits] == RowBits'(n / Columns)
              && col_q[(e*GonLanes + k)*ColBits +: ColBits] == ColBits'(n % Columns) && !wanted[n]) begin
            wanted[n] = 1'b1;
            if (e == 0) first_wanted[n] = 1'b1;
            gets[e*GonLanes + k] = pe_out_pop[n];
          end
        end
      end
    end
  end
  for (genvar i = 0; i < Most*GonLanes; i++) begin : gen_given
    logic [Low-1:0] word;
    always_comb begin
      word = '0;
      for (int n = 0; n < Pes; n++) begin
        if (row_q[i*RowBits +: RowBits] == RowBits'(n / Columns) && col_q[i*ColBits +: ColBits] == ColBits'(n % Columns)) begin
          word = word | pe_out_data[n*32 +: Low];
        end
      end
    end
    assign given[i*Low +: Low] = word;
  end

  for (genvar e = 0; e < Most; e++) begin : gen_command
    for (genvar k = 0; k < GonLanes; k++) begin : gen_lane
      localparam int unsigned I = e*GonLanes + k;
      localparam int unsigned N = e == Most - 1 ? I : I + GonLanes;  // the one behind
      logic comes;
      assign comes = accepts && Bits'(e) == count_q - Bits'(takes);
      always_ff @(posedge clk_i) begin
        if (comes) begin
          en_q[I]    <= gon_en_i[k];
          first_q[I] <= gon_first_i[k];
          last_q[I]  <= gon_last_i[k];
          got_q[I]   <= 1'b0;
          row_q[I*RowBits +: RowBits]    <= gon_row_i[k*RowBits +: RowBits];
          col_q[I*ColBits +: ColBits]    <= gon_col_i[k*ColBits +: ColBits];
          slot_q[I*SlotBits +: SlotBits] <= gon_slot_i[k*SlotBits +: SlotBits];
        end else if (takes) begin
          en_q[I]    <= en_q[N];
          first_q[I] <= first_q[N];
          last_q[I]  <= last_q[N];
          got_q[I]   <= got_q[N] | gets[N];
          row_q[I*RowBits +: RowBits]    <= row_q[N*RowBits +: RowBits];
          col_q[I*ColBits +: ColBits]    <= col_q[N*ColBits +: ColBits];
          slot_q[I*SlotBits +: SlotBits] <= slot_q[N*SlotBits +: SlotBits];
          word_q[I*Low +: Low]           <= gets[N] ? given[N*Low +: Low] : word_q[N*Low +: Low];
        end else if (gets[I]) begin
          got_q[I] <= 1'b1;
          word_q[I*Low +: Low] <= given[I*Low +: Low];
        end
      end
    end
  end
  always_ff @(posedge clk_i) begin
    if (!rst_ni) count_q <= '0;
    else count_q <= count_q + Bits'(accepts) - Bits'(takes);
    if (!rst_ni || takes || count_q == '0) age_q <= '0;
    else if (age_q != 8'd3) age_q <= age_q + 8'd1;
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
  logic [Low-1:0] word1_q, word2_q, sum2, kept_q, sum3_q;
  logic here1_q, first1_q, last1_q, here2_q, first2_q, last2_q, known_q, known2, valid3_q, known3_q;
  logic [SlotBits-1:0] slot1_q, slot2_q;
  assign known2 = first2_q | known_q;
  assign sum2   = first2_q ? word2_q : kept_q + word2_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      here1_q  <= 1'b0;
      here2_q  <= 1'b0;
      valid3_q <= 1'b0;
      known_q  <= 1'b0;
    end else if (advance) begin
      here1_q  <= takes & en_q[Lane];
      here2_q  <= here1_q;
      valid3_q <= here2_q & last2_q;
      if (here2_q && !last2_q && slot2_q == slot) known_q <= known2;
    end
    if (advance) begin
      word1_q  <= word_q[Lane*Low +: Low];
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
      OnlyTheNamed: assert ((pe_out_pop & ~wanted) == '0);
      TheyHaveWords: assert ((pe_out_pop & ~pe_out_valid) == '0);
      // The first command waits for its PEs alone.
      NotStarved: assert (!(age_q == 8'd3 && first_wanted != '0 && (first_wanted & ~pe_out_valid) == '0)
                          || (pe_out_pop & first_wanted) == first_wanted);
      Taken: assert (count_q != '0 || gon_ready);
      NotTooMany: assert (!(accepts && count_q == Bits'(Most) && !takes));
      LeavesInTime: assert (out_lane[Lane] == valid3_q);
      LaneMeansValid: assert (!out_lane[Lane] || out_valid);
      Sum: assert (!(valid3_q && known3_q) || out_data[Lane*32 +: Low] == sum3_q);
    end
  end
endmodule
