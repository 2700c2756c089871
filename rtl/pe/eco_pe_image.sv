// SPDX-License-Identifier: Apache-2.0
// Image store of a PE: two banks of loop records, the words that hold for a whole pass, and the
// pass word that waits.
//
// New image words go to the bank that is not in use; the first pass that is queued after them
// switches banks. Loop level l has record l; record NumLevels is the end of the pass. What waits
// stays until the first slot of its pass has taken it (`take_i`), so that the next pass can enter
// the loops while slots of the last one are still on their way.
//
// Handshake: words are written in the cycle of `we_i`; image and pass words only while `pending_o`
// is low. Latency: records are read in the same cycle. Reset: no pass waits, bank 0.
module eco_pe_image #(
  parameter int unsigned NumLevels = 7,  /// loop levels
  localparam int unsigned IndexBits = eco_image_pkg::LastBits
) (
  input  logic                           clk_i,      /// clock
  input  logic                           rst_ni,     /// synchronous reset, active low
  input  logic                           we_i,       /// write `data_i` to `addr_i`
  input  logic [5:0]                     addr_i,     /// image word, or eco_pkg::CfgParam
  input  logic [63:0]                    data_i,     /// the word
  // the pass that waits
  output logic                           pending_o,  /// there is one
  input  logic                           take_i,     /// it has been taken
  output logic                           bank_o,     /// its records
  output logic [63:0]                    mode_o,     /// its mode word
  output logic [63:0]                    limit_o,    /// its limit word
  output logic [63:0]                    param_o,    /// its pass word
  input  logic                           start_i,    /// it enters the loops
  output logic [NumLevels*IndexBits-1:0] last_o,     /// its last index of each level, with `start_i`
  // records
  input  logic                           bank_i,     /// bank to read
  input  logic [2:0]                     record_i,   /// record to read
  output logic [63:0]                    record_files_o,       /// its first word (group LevelFiles)
  output logic [63:0]                    record_coordinates_o  /// its second word (group LevelCoordinates)
);
  localparam int unsigned ImageWords = 4 + 2 * NumLevels;
  localparam int unsigned LimitBits  = eco_image_pkg::RaggedLsb + eco_image_pkg::RaggedBits;

  logic [63:0] rec_files_q [16];
  logic [63:0] rec_coordinates_q [16];
  logic [LimitBits-1:0] limit_q;
  logic bank_q;   // in use, or last used
  logic dirty_q;  // words have come since: the waiting pass uses the other bank
  logic [2:0] record_we;

  assign record_we = 3'((addr_i - 6'd2) >> 1);
  always_ff @(posedge clk_i) begin
    if (we_i) begin
      if (addr_i == 6'd0) mode_o <= data_i;
      else if (addr_i == 6'd1) limit_q <= data_i[LimitBits-1:0];
      else if (addr_i < 6'(ImageWords)) begin
        if (!addr_i[0]) rec_files_q[{~bank_q, record_we}] <= data_i;
        else rec_coordinates_q[{~bank_q, record_we}] <= data_i;
      end
      if (addr_i == eco_pkg::CfgParam) param_o <= data_i;
    end
  end
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      bank_q    <= 1'b0;
      dirty_q   <= 1'b0;
      pending_o <= 1'b0;
    end else begin
      if (take_i) begin
        bank_q    <= bank_o;
        dirty_q   <= 1'b0;
        pending_o <= 1'b0;
      end
      if (we_i) begin
        if (addr_i < 6'(ImageWords)) dirty_q <= 1'b1;
        if (addr_i == eco_pkg::CfgParam) pending_o <= 1'b1;
      end
    end
  end

  assign bank_o  = bank_q ^ dirty_q;
  assign limit_o = 64'(limit_q);
  // Read when asked for: most of the time no pass starts.
  always_comb begin
    last_o = '0;
    if (start_i) begin
      for (int l = 0; l < NumLevels; l++) begin
        last_o[l*IndexBits +: IndexBits] = rec_files_q[{bank_o, 3'(l)}][eco_image_pkg::LastLsb +: IndexBits];
      end
    end
  end
  assign record_files_o = rec_files_q[{bank_i, record_i}];
  assign record_coordinates_o = rec_coordinates_q[{bank_i, record_i}];
endmodule
