// SPDX-License-Identifier: Apache-2.0
// Stream descriptors: nested loops that say which word goes where, instead of word lists.
//
// A descriptor is executed by a sequencer (tb/drivers today, hardware later): loop indices from
// the outermost to the innermost, registers that are affine in indices and earlier registers
// (then divided, reduced modulo, capped), and conditions on registers. Everything a sequencer
// needs is an adder tree, small constant divisions and comparators.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/json_fields.h"
#include "base/result.h"
#include "gen/config/hw_config.h"

namespace ecoflow {

struct Loop {
  std::string name;
  int64_t bound = 1;  // iterations, >= 1
};

struct Term {
  int var = 0;  // a loop (0..loops-1) or a register (loops + its position)
  int64_t factor = 1;
};

// value = min(cap, ((base + sum of factor * var) div divisor) mod modulus), divisions rounding
// towards minus infinity; modulus 0: none.
struct Register {
  std::string name;
  int64_t base = 0;
  std::vector<Term> terms;
  int64_t divisor = 1;
  int64_t modulus = 0;
  int64_t cap = std::numeric_limits<int64_t>::max();
};

// low <= register < high
struct Range {
  int var = 0;
  int64_t low = 0;
  int64_t high = 0;
};
using AnyOf = std::vector<Range>;      // holds when one of the ranges does
using Condition = std::vector<AnyOf>;  // holds when every AnyOf does; empty: always

// The loops shared by all kinds of streams. Items for which `keep` fails do not exist.
struct LoopNest {
  std::vector<Loop> loops;
  std::vector<Register> registers;
  Condition keep;

  // Builders; each returns the variable's number.
  int AddLoop(std::string name, int64_t bound);
  int AddRegister(Register reg);
  // base + sum of terms, at most `cap`
  int Affine(std::string name, int64_t base, std::vector<Term> terms,
             int64_t cap = std::numeric_limits<int64_t>::max());
  // var div divisor, var mod modulus; the variable itself where that is the same
  int Quotient(std::string name, int var, int64_t divisor);
  int Remainder(std::string name, int var, int64_t modulus);
  void Keep(int var, int64_t low, int64_t high) { keep.push_back({{var, low, high}}); }

  // Values that the variable may take, at most: loops run to their bounds, Keep cuts.
  Range Bounds(int var) const;
};

// Words of one operand on one global input network.
struct GinDescriptor {
  LoopNest nest;
  int operand = 0;      // 0 or 1: which of the pass's two tensors (PassOperands)
  int destination = 0;  // Destination
  int row_tag = 0;      // variables
  int col_tag = 0;
  int address = 0;      // element of the tensor
  Condition real;       // where it fails the word is a filler: zero, of no element
  int interleave = -1;  // loop whose iterations run side by side, beat by beat in turn; -1 none
  // With > 0: runs in turns with the descriptor before, one iteration of this many outermost loops
  // at a time, which both have in common.
  int turn_loops = 0;
  int64_t lead = 0;  // iterations that it is ahead of those that it takes turns with
  int part = 0;      // of the schedule
};

// Words that leave through the GON, in order.
struct GonDescriptor {
  LoopNest nest;
  int row = 0;  // variables
  int col = 0;
  int slot = 0;
  int address = 0;  // element of the result
  Condition real;   // where it fails the word is a sum of no result: it starts in its slot and is never completed
  Condition first;  // of the others: the word starts its sum in the accumulator
  Condition last;   // the word completes it
  int part = 0;     // of the schedule
};

// One field of the pass word.
struct ParamField {
  std::string name;  // field of group Param in image_fields.def
  int var = 0;
};

// Pass words: one item per PE of the rectangle that the bounds of the two innermost loops (row,
// column) span from PE (0, 0), in row-major order. PEs outside take no part in the run. Of a PE
// that is not active only the field ParamLast counts.
struct PassDescriptor {
  LoopNest nest;         // pass loops, then row, then column
  int pass_loops = 0;    // the outermost loops that count passes
  // Of these, the innermost ones, over passes that share what is in the files: a round. Words come and
  // go anywhere in it; psums end within a pass.
  int round_loops = 0;
  std::vector<ParamField> fields;
  Condition active, from_below, to_above;
  int first_program = 0;
  int variant = -1;      // variable: which program after the first the pass runs; -1: the first
};

class NestCursor;
// What a GON word does in the accumulator.
struct SumMoves {
  bool real, first, last;
};
SumMoves MovesOf(const GonDescriptor& descriptor, const NestCursor& cursor);

// Parts run one after the other, all with the same setup; each has a descriptor of passes.
struct Schedule {
  std::vector<uint64_t> setup;                  // configuration words before the first pass
  std::vector<std::vector<uint64_t>> programs;  // image words, one program per variant
  std::vector<PassDescriptor> passes;           // by part
  std::vector<GinDescriptor> wide, narrow;      // executed one after the other
  std::vector<GonDescriptor> gon;
  int64_t num_passes = 0;
};

// Adds the parts of `next` behind those of `schedule`, whose setup counts.
void AppendParts(Schedule& schedule, Schedule next);

int64_t NumPasses(const PassDescriptor& descriptor);
int64_t NumRounds(const PassDescriptor& descriptor);

// Number of the program of the pass at which `cursor` stands.
int64_t ProgramOf(const PassDescriptor& descriptor, const NestCursor& cursor);

// Whether a schedule that came from a file can be executed on the array at all: variables that
// exist, bounds and divisors of at least one, as many image words as the store holds. (Element
// numbers are checked word by word, by those who use them.)
Status CheckSchedule(const Schedule& schedule, const HwConfig& config);

nlohmann::json ToJson(const Schedule& schedule);
// The schedule of a document: every number in the range that it can have by itself (variables that
// exist, bounds of at least one); CheckSchedule looks at what remains.
Status Read(const JsonPlace& at, Schedule& schedule);

// Size of what a sequencer needs: image words and descriptors, as compile writes them.
int64_t ImageBytes(const Schedule& schedule);

// Walks a LoopNest item by item.
class NestCursor {
 public:
  // `fixed_loop` >= 0: that loop stays at `fixed_index`.
  explicit NestCursor(const LoopNest& nest, int fixed_loop = -1, int64_t fixed_index = 0);

  bool done() const { return done_; }
  void Next();
  int64_t operator[](int var) const { return values_[static_cast<std::size_t>(var)]; }
  bool Holds(const Condition& condition) const;
  // Iterations of the loops outside `fixed_loop` so far.
  int64_t outer_count() const { return outer_count_; }
  // Goes to the first item whose loops 0..count-1 have the given indices; done when there is none.
  void Seek(const std::vector<int64_t>& outer_indices);

 private:
  // One of its ranges holds; of ranges_.
  struct Clause {
    int level;
    std::size_t first, end;
  };
  // What a step of a loop, those inside it going back to their first index, adds to a register.
  struct Move {
    std::size_t register_number;
    int64_t step;  // kNoStep: not always the same
  };
  static constexpr int64_t kNoStep = std::numeric_limits<int64_t>::max();
  int LevelOf(int var) const;
  void PlanMoves();
  void Compute(std::size_t register_number);
  void Recompute(int level);     // all registers that depend on this loop or one inside it
  void Follow(int level);        // the same after a step of this loop and of none else but wraps
  void Settle(int level);        // finds the first kept item from here
  int StepFrom(int level);       // steps loop `level` or the next outer one; -1 at the end

  const LoopNest* nest_;
  int num_loops_;
  int fixed_loop_;
  std::vector<int64_t> values_;
  std::vector<int> outer_;  // the next loop outside that has more than one iteration; of all: the innermost one
  std::vector<int> register_level_;
  std::vector<Move> moves_;              // by level
  std::vector<std::size_t> first_move_;  // of each level, and the end
  std::vector<Range> ranges_;
  std::vector<Clause> clauses_;             // by level
  std::vector<std::size_t> first_clause_;  // of those that depend on each level or one inside it
  int64_t outer_count_ = 0;
  int frozen_ = 0;               // loops 0..frozen_-1 stay (Seek)
  bool done_ = false;
};

// Values that a field of the pass word holds: low, and the first beyond.
struct FieldSpan {
  int64_t low, high;
};
FieldSpan SpanOf(const ParamField& field);
// Fails (bad input) when a value does not fit its field of the pass word.
Status CheckPassWord(const PassDescriptor& descriptor, const NestCursor& cursor);

// Configuration words that bring a word to each PE of a rectangle from PE (0, 0), `words` in row-major order: where
// rows or columns are alike, broadcast.
std::vector<uint64_t> WordsOnPort(const std::vector<uint64_t>& words, int rows, int columns, int address);

// The pass word of the PE at which `cursor` stands.
uint64_t PassWord(const PassDescriptor& descriptor, const NestCursor& cursor);

}  // namespace ecoflow
