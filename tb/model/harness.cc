// SPDX-License-Identifier: Apache-2.0
// Compiled together with the Verilated array into one shared object per configuration.
#include <verilated.h>
#if VM_TRACE_FST
#include <verilated_fst_c.h>
#endif

#include <memory>

#if VM_TRACE_FST
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#endif

#include "Veco_top.h"
#include "ecoflow_params.h"
#include "tb/model/array_model.h"

namespace ecoflow {
namespace {

// Bits [lsb, lsb + bits) of a port of any width; bits <= 32.
template <typename Port>
void PutBits(Port& port, int lsb, int bits, uint64_t value) {
  const Port mask = static_cast<Port>(((uint64_t{1} << bits) - 1) << lsb);
  port = static_cast<Port>((port & ~mask) | (static_cast<Port>(value << lsb) & mask));
}
template <std::size_t Words>
void PutBits(VlWide<Words>& port, int lsb, int bits, uint64_t value) {
  for (int k = 0; k < bits; ++k) {
    const std::size_t word = static_cast<std::size_t>(lsb + k) / 32;
    const uint32_t mask = uint32_t{1} << ((lsb + k) % 32);
    port[word] = (value >> k & 1) != 0 ? port[word] | mask : port[word] & ~mask;
  }
}
// 16-bit words never straddle the 32-bit words of a wide port.
template <typename Port>
void PutWord(Port& port, int k, uint16_t value) {
  PutBits(port, 16 * k, 16, value);
}
template <std::size_t Words>
void PutWord(VlWide<Words>& port, int k, uint16_t value) {
  const int shift = 16 * (k % 2);
  EData& word = port[static_cast<std::size_t>(k / 2)];
  word = (word & ~(EData{0xffff} << shift)) | (EData{value} << shift);
}
template <typename Port>
uint32_t GetWord32(const Port& port, int k) {
  return static_cast<uint32_t>(static_cast<uint64_t>(port) >> (32 * k));
}
template <std::size_t Words>
uint32_t GetWord32(const VlWide<Words>& port, int k) {
  return port[static_cast<std::size_t>(k)];
}

#if VM_TRACE_FST
// The first error of the waveform's writer, which looks at none itself. The linker sends its calls
// to the functions below (--wrap, model_cache.cc).
int trace_error = 0;

void NoteTraceError(bool failed) {
  if (failed && trace_error == 0) trace_error = errno != 0 ? errno : EIO;
}
#endif

class VerilatedArray : public ArrayModel {
 public:
  VerilatedArray(uint32_t seed, const char* trace_path) {
#if VM_COVERAGE
    context_.randReset(0);  // leaving a random state toggles bits that no layer ever does
#else
    context_.randReset(2);
#endif
    context_.randSeed(static_cast<int>(seed % 0x7fffffff + 1));
    context_.fatalOnError(false);
    context_.traceEverOn(trace_path != nullptr);
    top_ = std::make_unique<Veco_top>(&context_);
#if VM_TRACE_FST
    if (trace_path != nullptr) {
      trace_ = std::make_unique<VerilatedFstC>();
      top_->trace(trace_.get(), 99);
      errno = 0;
      trace_error = 0;
      trace_->open(trace_path);
      NoteTraceError(!trace_->isOpen());
    }
#endif
  }
  ~VerilatedArray() override {
    Close();
    top_->final();
  }

  void Reset() override {
    ArrayPins idle;
    top_->clear_i = 0;
    top_->rst_ni = 0;
    for (int k = 0; k < 4; ++k) {
      Settle(idle);
      Clock();
    }
    top_->rst_ni = 1;
  }

  void Clear() override {
    ArrayPins idle;
    top_->clear_i = 1;
    Settle(idle);
    Clock();
    top_->clear_i = 0;
  }

  void Settle(ArrayPins& pins) override {
    top_->clk_i = 0;
    top_->cfg_valid_i = pins.cfg_valid;
    top_->cfg_data_i = pins.cfg_data;
    top_->wide_valid_i = pins.wide.valid;
    if (pins.wide.valid) {
      top_->wide_row_i = pins.wide.row;
      top_->wide_col_i = pins.wide.col;
      top_->wide_dest_i = pins.wide.dest;
      top_->wide_count_i = pins.wide.count;
      for (int k = 0; k < kWideLanes; ++k) PutWord(top_->wide_data_i, k, pins.wide.words[k]);
    }
    top_->narrow_valid_i = pins.narrow.valid;
    if (pins.narrow.valid) {
      top_->narrow_row_i = pins.narrow.row;
      top_->narrow_col_i = pins.narrow.col;
      top_->narrow_dest_i = pins.narrow.dest;
      top_->narrow_count_i = pins.narrow.count;
      for (int k = 0; k < kNarrowLanes; ++k) PutWord(top_->narrow_data_i, k, pins.narrow.words[k]);
    }
    top_->gon_valid_i = pins.gon_valid;
    if (pins.gon_valid) {
      top_->gon_end_i = pins.gon_end;
      top_->gon_en_i = pins.gon_enabled;
      top_->gon_first_i = pins.gon_first;
      top_->gon_last_i = pins.gon_last;
      for (int k = 0; k < kGonLanes; ++k) {
        PutBits(top_->gon_row_i, k * kRowBits, kRowBits, pins.gon_row[k]);
        PutBits(top_->gon_col_i, k * kColBits, kColBits, pins.gon_col[k]);
        PutBits(top_->gon_slot_i, k * kSlotBits, kSlotBits, pins.gon_slot[k]);
      }
    }
    top_->out_ready_i = pins.out_ready;
    top_->out_round_i = pins.out_round;
    top_->stat_sel_i = pins.stat_select;
    top_->eval();
    Dump();
    pins.cfg_ready = top_->cfg_ready_o;
    pins.wide.ready = top_->wide_ready_o;
    pins.narrow.ready = top_->narrow_ready_o;
    pins.gon_ready = top_->gon_ready_o;
    pins.out_valid = top_->out_valid_o;
    pins.done = top_->done_o;
    pins.stat = top_->stat_o;
    if (pins.out_valid) {
      pins.out_lanes = top_->out_lane_o;
      for (int k = 0; k < kGonLanes; ++k) pins.out_words[k] = GetWord32(top_->out_data_o, k);
    }
  }

  void Clock() override {
    top_->clk_i = 1;
    top_->eval();
    Dump();
  }

  bool AssertionFailed() const override { return context_.gotError(); }

  void WriteCoverage([[maybe_unused]] const char* path) override {
#if VM_COVERAGE
    context_.coveragep()->write(path);
#endif
  }

  int WriteError() const override {
#if VM_TRACE_FST
    return trace_error;
#else
    return 0;
#endif
  }

  int Close() override {
#if VM_TRACE_FST
    if (trace_) trace_->close();
    trace_.reset();
#endif
    return WriteError();
  }

 private:
  void Dump() {
#if VM_TRACE_FST
    if (trace_) trace_->dump(time_);
#endif
    ++time_;
  }

  VerilatedContext context_;
  std::unique_ptr<Veco_top> top_;
#if VM_TRACE_FST
  std::unique_ptr<VerilatedFstC> trace_;
#endif
  uint64_t time_ = 0;
};

}  // namespace
}  // namespace ecoflow

#if VM_TRACE_FST
extern "C" {
int __real_fflush(FILE* file);
int __real_fclose(FILE* file);
void* __real_mmap(void* address, size_t size, int protection, int flags, int fd, off_t offset);

// stdio remembers that a write failed, whichever function it was in.
int __wrap_fflush(FILE* file) {
  errno = 0;
  const int result = __real_fflush(file);
  ecoflow::NoteTraceError(result != 0 || (file != nullptr && ferror(file) != 0));
  return result;
}
int __wrap_fclose(FILE* file) {
  __wrap_fflush(file);
  const int result = __real_fclose(file);
  ecoflow::NoteTraceError(result != 0);
  return result;
}
// Scratch files, a few bytes for each signal: in memory, so that no disk has to have room.
FILE* __wrap_tmpfile() {
  const int fd = memfd_create("ecoflow", MFD_CLOEXEC);
  return fd < 0 ? nullptr : fdopen(fd, "w+b");
}
// Touching a page that the file could not be extended to would be a SIGBUS.
void* __wrap_mmap(void* address, size_t size, int protection, int flags, int fd, off_t offset) {
  struct stat file {};
  if (fd >= 0 && fstat(fd, &file) == 0 && file.st_size < offset + static_cast<off_t>(size)) {
    errno = ENOSPC;
    ecoflow::NoteTraceError(true);
    return __real_mmap(address, size, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  }
  return __real_mmap(address, size, protection, flags, fd, offset);
}
}
#endif

extern "C" ecoflow::ArrayModel* ecoflow_create_array_model(uint32_t seed, const char* trace_path) {
  return new ecoflow::VerilatedArray(seed, trace_path);
}
