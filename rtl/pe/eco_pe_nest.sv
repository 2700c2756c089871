// SPDX-License-Identifier: Apache-2.0
`include "eco_assert.svh"

// Loop nest of a PE: the slots of a pass, one a cycle, generated ahead of their issue. Nothing here
// depends on data.
//
// LOOPS holds where the loops stand: for each level the steps that are left and whether it is at its end
// or at its first index; the first level that is not at its end steps. The stage behind, ADDRESS, belongs to
// the outside: this module tells it the slot's flags and which record its step follows. Both move together
// (`move_i`).
//
// A pass enters LOOPS as soon as the one before has left it, so passes follow each other without a
// gap. It keeps the image store's waiting words until its first slot enters ADDRESS (`take_o`).
//
// Level 1 is one shorter while index 3 is below the ragged threshold.
//
// Latency: 2 cycles from a pass that waits to its first slot in ADDRESS. Reset: empty.
module eco_pe_nest #(
  parameter int unsigned NumLevels = 7,  /// loop levels, 5..7
  localparam int unsigned IndexBits = eco_image_pkg::LastBits
) (
  input  logic                           clk_i,        /// clock
  input  logic                           rst_ni,       /// synchronous reset, active low
  input  logic                           move_i,       /// slots move on
  // the pass that waits in the image store
  input  logic                           pending_i,    /// there is one
  output logic                           take_o,       /// its first slot enters ADDRESS now
  input  logic                           bank_i,       /// bank of its records
  input  logic [63:0]                    mode_i,       /// its mode word
  input  logic [63:0]                    limit_i,      /// its limit word
  input  logic [63:0]                    param_i,      /// its pass word
  output logic                           start_o,      /// it enters LOOPS now
  input  logic [NumLevels*IndexBits-1:0] last_i,       /// last index of each level in its records, with `start_o`
  // slot in ADDRESS
  output logic                           valid_o,      /// there is one
  output logic                           bank_o,       /// bank of the records of its pass
  output logic [2:0]                     record_o,     /// level that it steps; NumLevels: the pass ends
  output logic                           first_o,      /// summed levels but 1 are at their first index
  output logic                           first_1_o,    /// so is level 1, or it is not summed
  output logic                           final_o,      /// summed levels but 1 are at their end
  output logic                           final_1_o,    /// so is level 1, or it is not summed
  output logic                           below_o,      /// index 2 (3 with ChainOuter) has reached ChainInMin
  output logic                           above_o,      /// index 2 (3 with ChainOuter) has not reached ChainOutMax
  output logic                           busy_o        /// a slot in LOOPS or ADDRESS
);
  localparam int unsigned ThresholdBits = eco_image_pkg::ChainInMinBits;
  localparam int unsigned RaggedBits    = eco_image_pkg::RaggedBits;
  typedef logic [IndexBits-1:0] index_t;

  // ---------------------------------------------------------------- LOOPS
  logic run_q;      // a slot stands here
  logic started_q;  // the waiting pass has entered
  logic first_slot_q, bank_q, step_now;
  logic [NumLevels-1:0] kept_q;    // levels that are not summed
  logic [NumLevels-1:0] at_end_q;  // the level is at its last index
  logic [NumLevels-1:0] zero_q;    // the level is at its first index
  logic [NumLevels-1:0] steps, again;
  logic pass_end, outer;
  logic [2:0] step;  // the level that steps; NumLevels: the pass ends
  logic [ThresholdBits-1:0] chain_in_min_q, chain_out_max_q;
  logic chain_outer_q;
  logic [RaggedBits-1:0] ragged_q;
  logic ragged_now_q, ragged_next;  // level 1 is one shorter; when it starts again
  index_t index_2, index_3;

  assign step_now = run_q & move_i;
  // Of levels above 0 only while level 0 is at its end.
  always_comb begin
    pass_end = 1'b0;  // all levels before, then all, are at their end
    steps = NumLevels'(1);
    again = '0;
    step  = 3'd0;
    if (at_end_q[0]) begin
      pass_end = 1'b1;
      for (int l = 0; l < NumLevels; l++) begin
        steps[l] = pass_end & ~at_end_q[l];
        if (steps[l]) step = step | 3'(l);
        pass_end = pass_end & at_end_q[l];
        again[l] = pass_end;
      end
      if (pass_end) step = 3'(NumLevels);
    end
  end
  assign start_o = pending_i & ~started_q & (~run_q | (move_i & pass_end));
  assign outer   = start_o | (step_now & at_end_q[0]);  // levels above 0 change

  assign ragged_next = ~at_end_q[0] ? ragged_now_q
                     : steps[3] ? IndexBits'(index_3 + 1'b1) < IndexBits'(ragged_q)
                     : again[3] ? ragged_q != '0 : ragged_now_q;
  // Last index of each level of the pass that enters.
  logic [NumLevels*IndexBits-1:0] last_new;
  always_comb begin
    last_new = '0;
    if (start_o) begin
      last_new = last_i;
      for (int l = 0; l < NumLevels; l++) begin
        if (mode_i[eco_image_pkg::ParamLevelLsb +: 3] == 3'(l)) begin
          last_new[l*IndexBits +: IndexBits] =
              IndexBits'(param_i[eco_image_pkg::ParamLastLsb +: eco_image_pkg::ParamLastBits]);
        end
      end
    end
  end

  // Level 0 changes with every slot, the others seldom. Each register is written by one assignment, behind what reads
  // it (in other modules of the PE, too): Verilator then keeps no second copy of it, a tenth of its instructions.
  index_t left_0_q, last_0_q;
  always_ff @(posedge clk_i) begin
    if (start_o | step_now) begin
      at_end_q[0] <= start_o ? last_new[IndexBits-1:0] == '0 : at_end_q[0] ? last_0_q == '0 : left_0_q == IndexBits'(1);
      left_0_q    <= start_o ? last_new[IndexBits-1:0] : at_end_q[0] ? last_0_q : left_0_q - 1'b1;
      if (start_o) last_0_q <= last_new[IndexBits-1:0];
    end
  end
  for (genvar l = 1; l < NumLevels; l++) begin : gen_level
    index_t left_q, last_q, last_again;
    logic ragged_new;
    if (l == 1) begin : gen_ragged
      assign ragged_new = limit_i[eco_image_pkg::RaggedLsb +: RaggedBits] != '0;
      always_comb begin
        last_again = '0;
        if (at_end_q[0]) last_again = last_q - IndexBits'(ragged_next);
      end
    end else begin : gen_plain
      assign ragged_new = 1'b0;
      assign last_again = last_q;
    end
    always_ff @(posedge clk_i) begin
      if (outer) begin
        at_end_q[l] <= start_o ? last_new[l*IndexBits +: IndexBits] == IndexBits'(ragged_new)
                     : steps[l] ? left_q == IndexBits'(1) : again[l] ? last_again == '0 : at_end_q[l];
        left_q      <= start_o ? last_new[l*IndexBits +: IndexBits] - IndexBits'(ragged_new)
                     : steps[l] ? left_q - 1'b1 : again[l] ? last_again : left_q;
        if (start_o) last_q <= last_new[l*IndexBits +: IndexBits];
      end
    end
    if (l == 2 || l == 3) begin : gen_index
      index_t index_q;
      always_ff @(posedge clk_i) begin
        if (outer) index_q <= start_o | again[l] ? '0 : index_q + IndexBits'(steps[l]);
      end
      if (l == 2) begin : gen_chain
        assign index_2 = index_q;
      end else begin : gen_of_ragged
        assign index_3 = index_q;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      run_q     <= 1'b0;
      started_q <= 1'b0;
    end else begin
      if (start_o) run_q <= 1'b1;
      else if (step_now && pass_end) run_q <= 1'b0;
      if (start_o) started_q <= 1'b1;
      else if (take_o) started_q <= 1'b0;
    end
    if (start_o) begin
      first_slot_q    <= 1'b1;
      bank_q          <= bank_i;
      kept_q          <= ~mode_i[eco_image_pkg::ReduceMaskLsb +: NumLevels];
      chain_in_min_q  <= mode_i[eco_image_pkg::ChainInMinLsb +: ThresholdBits];
      chain_outer_q   <= mode_i[eco_image_pkg::ChainOuterLsb];
      chain_out_max_q <= mode_i[eco_image_pkg::ChainOutMaxLsb +: ThresholdBits];
      ragged_q        <= limit_i[eco_image_pkg::RaggedLsb +: RaggedBits];
      ragged_now_q    <= limit_i[eco_image_pkg::RaggedLsb +: RaggedBits] != '0;
    end else if (step_now) begin
      first_slot_q <= 1'b0;
      ragged_now_q <= ragged_next;
    end
    if (start_o | step_now) zero_q <= start_o ? '1 : (zero_q | again) & ~steps;
  end

  // ---------------------------------------------------------------- ADDRESS
  logic [NumLevels-1:0] at_first, at_final;
  index_t index_chain;
  assign index_chain = chain_outer_q ? index_3 : index_2;
  assign at_first = zero_q | kept_q;
  assign at_final = at_end_q | kept_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_o <= 1'b0;
    else if (move_i) valid_o <= run_q;
    if (step_now) begin
      bank_o    <= bank_q;
      record_o  <= step;
      first_o   <= &(at_first | NumLevels'(2));
      first_1_o <= at_first[1];
      final_o   <= &(at_final | NumLevels'(2));
      final_1_o <= at_final[1];
      below_o   <= index_chain >= chain_in_min_q;
      above_o   <= index_chain < chain_out_max_q;
    end
  end
  assign take_o = step_now & first_slot_q;
  assign busy_o = run_q | valid_o;

  `ECO_BAD_PARAM(NumLevels < 5 || NumLevels > 7, levels, "NumLevels must be 5..7")
  `ECO_ASSERT(StartsWhenTaken, !take_o || started_q)
  `ECO_ASSERT(PassWaitsUntilTaken, !started_q || pending_i)
endmodule
