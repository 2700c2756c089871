// SPDX-License-Identifier: Apache-2.0
// Constants shared by all modules: destinations of a GIN beat, configuration addresses, counters.
// The fields of the PE image are in the generated eco_image_pkg.
package eco_pkg;
  // Destination of the words of a GIN beat, the same in every PE that its tag names.
  localparam logic [1:0] DestIfmap  = 2'd0;  // into the ifmap register file
  localparam logic [1:0] DestFilter = 2'd1;  // into the filter register file
  localparam logic [1:0] DestStream = 2'd2;  // used straight from the queue
  localparam logic [1:0] DestNone   = 2'd3;  // no word there; never sent

  // Range checks of the image (fields YKind, XKind, ZKind).
  localparam logic [1:0] KindResult   = 2'd1;
  localparam logic [1:0] KindOperand  = 2'd2;
  localparam logic [1:0] KindCircular = 2'd3;

  // Configuration addresses within a PE or an X-bus; addresses below are image words.
  localparam int unsigned CfgAddrBits = 6;
  localparam logic [CfgAddrBits-1:0] CfgParam     = 6'd48;  // pass word; starts the pass
  localparam logic [CfgAddrBits-1:0] CfgLoader    = 6'd49;  // who fills the register files
  localparam logic [CfgAddrBits-1:0] CfgDump      = 6'd50;  // send the counters out
  localparam logic [CfgAddrBits-1:0] CfgEnable    = 6'd51;  // array: beats may enter from now on
  localparam logic [CfgAddrBits-1:0] CfgColWide   = 6'd52;  // column IDs of a PE
  localparam logic [CfgAddrBits-1:0] CfgColNarrow = 6'd53;
  localparam logic [CfgAddrBits-1:0] CfgRowWide   = 6'd54;  // row IDs of an X-bus
  localparam logic [CfgAddrBits-1:0] CfgRowNarrow = 6'd55;

  // Counters of a PE, in the order in which CfgDump sends them. One of 0..9 counts each cycle.
  localparam int unsigned CntIssued = 0;   // a product of two operands was issued
  localparam int unsigned CntIdle   = 1;   // no pass to run (before, between, after)
  localparam int unsigned CntIfmap  = 2;   // waits for a word of the ifmap file
  localparam int unsigned CntFilter = 3;   // waits for a word of the filter file
  localparam int unsigned CntStream = 4;   // waits for a word of the stream queue
  localparam int unsigned CntPsum   = 5;   // waits for a psum from below
  localparam int unsigned CntLocal  = 6;   // waits for room in the PE above
  localparam int unsigned CntOutput = 7;   // waits for room in the output queue (GON)
  localparam int unsigned CntMasked = 8;   // a slot at a border: words taken, no product
  localparam int unsigned CntAdder  = 9;   // waits for the adder to finish the same psum
  localparam int unsigned CntGated  = 10;  // of the issued: multiplier gated, an operand is zero
  localparam int unsigned CntLocalWords = 11;  // psums sent up the column
  localparam int unsigned NumCounters   = 12;

  // Errors, bits of stat 5 (eco_array); each stays set until reset or clear.
  localparam int unsigned ErrHeader      = 0;   // a configuration header names no PE of the array
  localparam int unsigned ErrAddress     = 1;   // a configuration word for an address that does not exist
  localparam int unsigned ErrWideNobody  = 2;   // a beat names no PE
  localparam int unsigned ErrNarrowNobody = 3;  // as ErrWideNobody
  localparam int unsigned ErrWideForm    = 4;   // a beat without destination, without words or with too many
  localparam int unsigned ErrNarrowForm  = 5;   // as ErrWideForm
  localparam int unsigned ErrGonPe       = 6;   // a command names a PE or a slot that does not exist
  localparam int unsigned ErrGonTwice    = 7;   // two lanes of a command name the same PE
  localparam int unsigned ErrProgram     = 8;   // a program reads or frees what no file of the PE can hold
  localparam int unsigned ErrCounter     = 9;   // a counter of a PE has wrapped
  localparam int unsigned ErrQuiet       = 10;  // nothing moved at the ports for 2^QuietBits cycles of a run
  localparam int unsigned NumErrors      = 11;
  localparam int unsigned QuietBits      = 20;
endpackage
