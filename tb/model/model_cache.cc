#include "tb/model/model_cache.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

#include "base/files.h"
#include "base/process.h"
#include "gen/emit/emit.h"

namespace ecoflow {
namespace fs = std::filesystem;

namespace {

// A lock that other processes wait for; released when it goes.
class FileLock {
 public:
  explicit FileLock(const fs::path& path) : fd_(::open(path.c_str(), O_CREAT | O_RDWR, 0666)) {
    if (fd_ >= 0) ::flock(fd_, LOCK_EX);
  }
  ~FileLock() {
    if (fd_ >= 0) ::close(fd_);
  }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  bool held() const { return fd_ >= 0; }

 private:
  int fd_;
};

std::string VerilatorFlags(const ModelOptions& options, bool netlist) {
  // -fno-table, no_inline_module and shared_pe.vlt let one copy of the PE's code serve all PEs; GCC's vectors and
  // common subexpressions cost that one long function a tenth of its speed.
  std::string flags =
      "--cc --exe --build -j 2 -O3 --x-assign fast --x-initial unique -fno-table -Wno-fatal "
      "--top-module eco_top -CFLAGS '-fPIC -std=c++20 -fno-tree-slp-vectorize -fno-gcse' -LDFLAGS -shared -MAKEFLAGS OPT_FAST=";
  // GCC takes minutes over a netlist that it optimizes, and few cycles run on one.
  const char* level = std::getenv("ECOFLOW_NETLIST_OPT");
  flags += !netlist ? "-O2" : level != nullptr ? level : "-O1";
  flags += options.assertions ? " --assert" : " --noassert";
  if (options.trace) flags += " --trace-fst";
  if (options.coverage) flags += " --coverage-line --coverage-toggle";
  return flags;
}

// Appends what a model's ports see to a file, a line for each clock edge: for scripts/icarus.py.
class Recorder : public ArrayModel {
 public:
  Recorder(std::unique_ptr<ArrayModel> model, const char* path)
      : model_(std::move(model)), file_(std::fopen(path, "a")) {}
  ~Recorder() override {
    if (file_ != nullptr) std::fclose(file_);
  }
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;
  void Reset() override {
    model_->Reset();
    if (file_ != nullptr) fmt::print(file_, "reset\n");
  }
  void Clear() override {
    model_->Clear();
    if (file_ != nullptr) fmt::print(file_, "clear\n");
  }
  void Settle(ArrayPins& pins) override {
    model_->Settle(pins);
    last_ = pins;
  }
  void Clock() override {
    model_->Clock();
    if (file_ == nullptr) return;
    const ArrayPins& p = last_;
    fmt::print(file_, "{:d} {}", p.cfg_valid, p.cfg_data);
    for (const ArrayPins::Gin& gin : {p.wide, p.narrow}) {
      fmt::print(file_, " {:d} {} {} {} {} {}", gin.valid, gin.row, gin.col, gin.dest, gin.count,
                 fmt::join(gin.words, ","));
    }
    fmt::print(file_, " {:d} {:d} {} {} {} {} {} {} {:d} {}", p.gon_valid, p.gon_end, p.gon_enabled,
               p.gon_first, p.gon_last, fmt::join(p.gon_row, ","), fmt::join(p.gon_col, ","),
               fmt::join(p.gon_slot, ","), p.out_ready, p.stat_select);
    fmt::print(file_, " {:d} {:d} {:d} {:d} {:d} {} {} {:d} {}\n", p.cfg_ready, p.wide.ready,
               p.narrow.ready, p.gon_ready, p.out_valid, p.out_lanes, fmt::join(p.out_words, ","),
               p.done, p.stat);
  }
  bool AssertionFailed() const override { return model_->AssertionFailed(); }
  void WriteCoverage(const char* path) override { model_->WriteCoverage(path); }

 private:
  std::unique_ptr<ArrayModel> model_;
  std::FILE* file_;
  ArrayPins last_;
};

}  // namespace

fs::path CacheRoot() {
  const auto variable = [](const char* name) -> std::string {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
  };
  if (const auto root = variable("ECOFLOW_CACHE"); !root.empty()) return root;
  if (const auto root = variable("XDG_CACHE_HOME"); !root.empty()) return fs::path(root) / "ecoflow";
  const auto home = variable("HOME");
  return fs::path(home.empty() ? "/tmp" : home) / ".cache" / "ecoflow";
}

Result<fs::path> BuildModel(const HwConfig& config, const ModelOptions& options,
                            const std::function<void(const std::string&)>& note) {
  static const auto version = RunShell("verilator --version");
  if (!version.ok()) {
    return Machinery("verilator is missing or does not start: install it (scripts/install.sh)");
  }
  // The name of a configuration is no part of its hardware.
  HwConfig anonymous = config;
  anonymous.name = "array";
  ECO_ASSIGN(Bundle bundle, GenerateRtl(anonymous));
  // scripts/netlists.py: a netlist of eco_top in place of the RTL.
  const char* netlist = std::getenv("ECOFLOW_NETLIST");
  if (netlist != nullptr) {
    ECO_ASSIGN(bundle["netlist.v"], ReadFile(netlist));
    bundle["files.f"] = "netlist.v\n";
  }
  const fs::path source = SourceRoot();
  std::string key = VerilatorFlags(options, netlist != nullptr) + version.value();
  for (const auto& [name, text] : bundle) key += name + '\0' + text;
  for (const char* file : {"tb/model/harness.cc", "tb/model/array_model.h"}) {
    ECO_ASSIGN(const std::string text, ReadFile(source / file));
    key += text;
  }
  const fs::path models = CacheRoot() / "models";
  const fs::path folder = models / HashHex(key);
  const fs::path library = folder / "model.so";
  std::error_code ec;
  if (fs::exists(library, ec)) return library;

  fs::create_directories(models, ec);
  const FileLock lock(folder.string() + ".lock");
  if (!lock.held()) return Machinery("{}: cache cannot be written", models.string());
  if (fs::exists(library, ec)) return library;  // another process was faster

  note(fmt::format("building the Verilated model of {} ({} x {} PEs), once",
                   config.name, config.rows, config.columns));
  const fs::path work = folder.string() + fmt::format(".build{}", ::getpid());
  fs::remove_all(work, ec);
  fs::create_directories(work, ec);
  ECO_RETURN_IF_ERROR(WriteBundle(bundle, work));
  std::string waivers;
  for (const auto& [name, text] : bundle) {
    if (name.ends_with(".vlt")) waivers += " " + name;
  }
  const std::string command = fmt::format(
      "cd {} && OBJCACHE=\"$(command -v ccache)\" CCACHE_BASEDIR={} verilator {} -CFLAGS '-I{} -I{}' --Mdir obj -o ../model.so -f files.f {} {}",
      ShellQuote(work), ShellQuote(work), VerilatorFlags(options, netlist != nullptr), source.string(), work.string(), waivers,
      ShellQuote(source / "tb/model/harness.cc"));
  const auto built = RunShell(command);
  if (!built.ok()) {
    const fs::path log = folder.string() + ".log";
    (void)WriteFileAtomically(log, built.error().message);
    fs::remove_all(work, ec);
    return Machinery("the Verilated model of {} does not build; see {}", config.name, log.string());
  }
  fs::remove_all(work / "obj", ec);
  fs::rename(work, folder, ec);
  if (ec) return Machinery("{}: cannot be created: {}", folder.string(), ec.message());
  return library;
}

Result<std::unique_ptr<ArrayModel>> LoadModel(const fs::path& shared_object, uint32_t seed,
                                              const std::string& trace_path) {
  void* handle = ::dlopen(shared_object.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return Machinery("{}: cannot be loaded: {}", shared_object.string(), ::dlerror());
  const auto create = reinterpret_cast<CreateArrayModel>(::dlsym(handle, kCreateArrayModel));
  if (create == nullptr) return Machinery("{}: is not a model", shared_object.string());
  std::unique_ptr<ArrayModel> model(create(seed, trace_path.empty() ? nullptr : trace_path.c_str()));
  if (const char* record = std::getenv("ECOFLOW_RECORD")) {
    return std::unique_ptr<ArrayModel>(std::make_unique<Recorder>(std::move(model), record));
  }
  return model;
}

}  // namespace ecoflow
