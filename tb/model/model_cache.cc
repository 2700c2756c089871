// SPDX-License-Identifier: Apache-2.0
#include "tb/model/model_cache.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <vector>

#include "base/files.h"
#include "base/process.h"
#include "gen/emit/emit.h"

namespace ecoflow {
namespace fs = std::filesystem;

namespace {

// A lock that other processes wait for; released when it goes.
class FileLock {
 public:
  // `flags`: LOCK_NB not to wait.
  FileLock(const fs::path& path, int flags)
      : fd_(::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600)) {
    if (fd_ < 0 || ::flock(fd_, LOCK_EX | flags) == 0 || errno != EWOULDBLOCK) return;
    ::close(fd_);
    fd_ = -1;
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

// Arguments of verilator, but for the files.
std::vector<std::string> VerilatorFlags(const ModelOptions& options, bool netlist) {
  // -fno-table, no_inline_module and shared_pe.vlt let one copy of the PE's code serve all PEs. Clang builds that one long
  // function in two thirds of GCC's time, for bf16 a tenth faster (sim_speed); GCC's vectors and common
  // subexpressions cost it another tenth. So do Clang's vectors and its merging of branches at -O2: arrays that wait run
  // a tenth to a sixth faster without, busy ones as fast. The model's functions call each other directly (-Bsymbolic-functions).
  // -fno-localize, -fno-split: variables of that function in the model and blocks as they are written cost 5 % fewer
  // instructions than copies on the stack and a block per register.
  // -fno-const-bit-op-tree: before 5.010 that pass loses a NOT in trees of XOR (verilator issue 4059), as netlists have.
  const bool clang = HasProgram("clang++");
  std::vector<std::string> flags = {
      "--cc", "--exe", "--build", "-j", "2", "-O3", "--x-assign", "fast", "--x-initial", "unique",
      "-fno-table", "-fno-const-bit-op-tree", "-Wno-fatal", "--top-module", "eco_top", "-CFLAGS",
      fmt::format("-fPIC -std=c++20 -I..{}", clang ? "" : " -fno-tree-slp-vectorize -fno-gcse"),
      "-LDFLAGS", "-shared -Wl,-Bsymbolic-functions", "--Mdir", "obj", "-o", "../model.so"};
  if (!netlist) flags.insert(flags.end(), {"-fno-localize", "-fno-split"});
  if (clang) flags.insert(flags.end(), {"-MAKEFLAGS", "CXX=clang++ LINK=clang++"});
  // Compilers take minutes over a netlist that they optimize, and few cycles run on one.
  const char* level = std::getenv("ECOFLOW_NETLIST_OPT");
  flags.insert(flags.end(), {"-MAKEFLAGS", std::string("OPT_FAST=") +
                                               (!netlist ? (clang ? "-O1" : "-O2") : level != nullptr ? level : "-O1")});
  flags.emplace_back(options.assertions ? "--assert" : "--noassert");
  if (options.assertions) flags.emplace_back("-DECO_CHECKS");
  if (options.trace) {
    // The harness looks at what becomes of the waveform's writes.
    flags.insert(flags.end(), {"--trace-fst", "-LDFLAGS",
                               "-Wl,--wrap=fflush,--wrap=fclose,--wrap=tmpfile,--wrap=mmap"});
  }
  if (options.coverage) flags.insert(flags.end(), {"--coverage-line", "--coverage-toggle"});
  return flags;
}

// Appends what a model's ports see to a file, a line for each clock edge: for scripts/icarus.py.
class Recorder : public ArrayModel {
 public:
  Recorder(std::unique_ptr<ArrayModel> model, const char* path)
      : model_(std::move(model)), file_(std::fopen(path, "a")) {}
  ~Recorder() override { (void)Close(); }
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;
  void Reset() override {
    model_->Reset();
    Write("reset\n");
  }
  void Clear() override {
    model_->Clear();
    Write("clear\n");
  }
  void Settle(ArrayPins& pins) override {
    model_->Settle(pins);
    last_ = pins;
  }
  void Clock() override {
    model_->Clock();
    if (file_ == nullptr) return;
    const ArrayPins& p = last_;
    Write(fmt::format("{:d} {}", p.cfg_valid, p.cfg_data));
    for (const ArrayPins::Gin& gin : {p.wide, p.narrow}) {
      Write(fmt::format(" {:d} {} {} {} {} {}", gin.valid, gin.row, gin.col, gin.dest, gin.count,
                        fmt::join(gin.words, ",")));
    }
    Write(fmt::format(" {:d} {:d} {} {} {} {} {} {} {:d} {:d} {}", p.gon_valid, p.gon_end, p.gon_enabled,
                      p.gon_first, p.gon_last, fmt::join(p.gon_row, ","), fmt::join(p.gon_col, ","),
                      fmt::join(p.gon_slot, ","), p.out_ready, p.out_round, p.stat_select));
    Write(fmt::format(" {:d} {:d} {:d} {:d} {:d} {} {} {:d} {}\n", p.cfg_ready, p.wide.ready,
                      p.narrow.ready, p.gon_ready, p.out_valid, p.out_lanes,
                      fmt::join(p.out_words, ","), p.done, p.stat));
  }
  bool AssertionFailed() const override { return model_->AssertionFailed(); }
  void WriteCoverage(const char* path) override { model_->WriteCoverage(path); }
  // Of waveform and record.
  int WriteError() const override { return error_ != 0 ? error_ : model_->WriteError(); }
  int Close() override {
    const bool failed = file_ == nullptr ? !closed_ : (std::ferror(file_) != 0) | (std::fclose(file_) != 0);
    if (failed && error_ == 0) error_ = errno != 0 ? errno : EIO;
    file_ = nullptr;
    closed_ = true;
    (void)model_->Close();
    return WriteError();
  }

 private:
  void Write(const std::string& text) {
    if (file_ != nullptr) std::fputs(text.c_str(), file_);
  }
  std::unique_ptr<ArrayModel> model_;
  std::FILE* file_;
  bool closed_ = false;
  int error_ = 0;
  ArrayPins last_;
};

}  // namespace

namespace {

// Where users without a home keep theirs.
fs::path SharedPlace() { return fs::path("/tmp") / fmt::format("ecoflow-{}", ::geteuid()); }

}  // namespace

Result<fs::path> CacheRoot() {
  const auto variable = [](const char* name) -> fs::path {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
  };
  if (const auto root = variable("ECOFLOW_CACHE"); !root.empty()) {
    std::error_code ec;
    const fs::path absolute = fs::absolute(root, ec);
    if (ec) return Machinery("ECOFLOW_CACHE {}: {}", root.string(), ec.message());
    return absolute;
  }
  // Not absolute is not set (XDG Base Directory Specification).
  if (const auto root = variable("XDG_CACHE_HOME"); root.is_absolute()) return root / "ecoflow";
  if (const auto home = variable("HOME"); home.is_absolute()) return home / ".cache" / "ecoflow";
  if (const passwd* user = ::getpwuid(::geteuid()); user != nullptr) {
    const fs::path home = user->pw_dir;
    std::error_code ec;
    if (home.is_absolute() && fs::is_directory(home, ec) && ::access(home.c_str(), W_OK) == 0) {
      return home / ".cache" / "ecoflow";
    }
  }
  return SharedPlace();
}

namespace {

// Makes the folder, for this user alone, where it does not exist. Others must not have made it nor
// be able to put anything there: what is found in it is executed.
Status MakePrivate(const fs::path& folder) {
  std::error_code ec;
  fs::create_directories(folder.parent_path(), ec);
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return Machinery("{}: cache cannot be written: {}", folder.string(), std::strerror(errno));
  }
  struct stat found {};
  if (::lstat(folder.c_str(), &found) != 0 || !S_ISDIR(found.st_mode)) {
    return Machinery("{}: cache cannot be written: is no folder", folder.string());
  }
  if (found.st_uid != ::geteuid()) {
    return Machinery("{}: belongs to user {}, a cache must belong to user {}, who loads from it",
                     folder.string(), found.st_uid, ::geteuid());
  }
  if ((found.st_mode & 022) != 0) {
    return Machinery("{}: others can write there (mode {:o}), expected only its owner, who loads from it",
                     folder.string(), found.st_mode & 07777);
  }
  return {};
}

// Removes builds that were killed when models were still built in the cache. Those that run hold the
// lock of their model.
void RemoveStaleBuilds(const fs::path& models) {
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(models, ec)) {
    const std::string name = entry.path().filename().string();
    const auto at = name.find(".build");
    if (at == std::string::npos) continue;
    const FileLock lock(models / (name.substr(0, at) + ".lock"), LOCK_NB);
    if (lock.held()) fs::remove_all(entry.path(), ec);
  }
}

// What the harness is compiled from, by name relative to the root.
constexpr const char* kHarness[] = {"tb/model/harness.cc", "tb/model/array_model.h",
                                    "gen/config/limits.h"};

}  // namespace

Result<fs::path> BuildModel(const HwConfig& config, const ModelOptions& options,
                            const std::function<void(const std::string&)>& note) {
  static const auto version = RunProgram({{"verilator", "--version"}, {}, {}});
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
  for (const char* file : kHarness) {
    ECO_ASSIGN(bundle[file], ReadFile(SourceRoot() / file));
  }
  // Everything has a name relative to the folder of the build, wherever the project itself stands.
  Command verilator;
  verilator.words = {"verilator"};
  for (std::string& flag : VerilatorFlags(options, netlist != nullptr)) {
    verilator.words.push_back(std::move(flag));
  }
  std::string key = fmt::format("{}", fmt::join(verilator.words, " ")) + version.value();
  for (const auto& [name, text] : bundle) key += name + '\0' + text;
  verilator.words.insert(verilator.words.end(), {"-f", "files.f", "tb/model/harness.cc"});
  for (const auto& [name, text] : bundle) {
    const bool listed = bundle.at("files.f").find(name) != std::string::npos;
    if (name.ends_with(".vlt") && !listed) verilator.words.push_back(name);
  }
  if (HasProgram("ccache")) verilator.environment = {{"OBJCACHE", "ccache"}};

  ECO_ASSIGN(const fs::path root, CacheRoot());
  const fs::path models = root / "models";
  if (root == SharedPlace()) ECO_RETURN_IF_ERROR(MakePrivate(root));
  ECO_RETURN_IF_ERROR(MakePrivate(models));
  RemoveStaleBuilds(models);
  const fs::path folder = models / HashHex(key);
  const fs::path library = folder / "model.so";
  std::error_code ec;
  if (fs::exists(library, ec)) return library;

  const FileLock lock(folder.string() + ".lock", 0);
  if (!lock.held()) return Machinery("{}: cache cannot be written", models.string());
  if (fs::exists(library, ec)) return library;  // another process was faster

  note(fmt::format("building the Verilated model of {} ({} x {} PEs), once",
                   config.name, config.rows, config.columns));
  // Not in the cache, whose path may hold what make cannot: spaces, dollar signs, colons.
  ECO_ASSIGN(const TemporaryFolder work, TemporaryFolder::Create());
  if (const Status written = WriteBundle(bundle, work.path()); !written.ok()) {
    return Machinery("{}", written.error().message);
  }
  verilator.folder = work.path();
  verilator.environment.emplace_back("TMPDIR", work.path().string());  // what a compiler leaves goes with it
  const auto built = RunProgram(verilator);
  if (!built.ok()) {
    const fs::path log = folder.string() + ".log";
    (void)WriteFileAtomically(log, built.error().message);
    return Machinery("the Verilated model of {} does not build; see {}", config.name, log.string());
  }
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return Machinery("{}: cannot be created: {}", folder.string(), std::strerror(errno));
  }
  auto kept = OutputFile::Create(library);
  if (!kept.ok()) return Machinery("{}", kept.error().message);
  const fs::path copy = kept.value().temporary();
  if (!fs::copy_file(work.path() / "model.so", copy, ec) || ::chmod(copy.c_str(), 0700) != 0) {
    return Machinery("{}: cannot be written: {}", library.string(),
                     ec ? ec.message() : std::strerror(errno));
  }
  if (const Status moved = kept.value().Commit(); !moved.ok()) {
    return Machinery("{}", moved.error().message);
  }
  return library;
}

namespace {

// The shared object, opened once it is known that nobody else could have written it.
Result<void*> OpenPrivate(const fs::path& shared_object) {
  // Stays open: what is loaded is what was looked at, and the name of each model is its own.
  const int fd = ::open(shared_object.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  struct stat found {};
  if (fd < 0 || ::fstat(fd, &found) != 0) {
    return Machinery("{}: cannot be loaded: {}", shared_object.string(), std::strerror(errno));
  }
  if (found.st_uid != ::geteuid() || (found.st_mode & 022) != 0) {
    ::close(fd);
    return Machinery("{}: belongs to user {} with mode {:o}, expected user {} and no write permission "
                     "for others", shared_object.string(), found.st_uid, found.st_mode & 0777, ::geteuid());
  }
  void* handle = ::dlopen(fmt::format("/proc/self/fd/{}", fd).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    return Machinery("{}: cannot be loaded: {}", shared_object.string(), ::dlerror());
  }
  return handle;
}

}  // namespace

Result<std::unique_ptr<ArrayModel>> LoadModel(const fs::path& shared_object, uint32_t seed,
                                              const std::string& trace_path) {
  // By its file: a process loads a model many times.
  static std::map<fs::path, void*> loaded;
  if (!loaded.contains(shared_object)) {
    ECO_ASSIGN(loaded[shared_object], OpenPrivate(shared_object));
  }
  void* handle = loaded[shared_object];
  const auto create = reinterpret_cast<CreateArrayModel>(::dlsym(handle, kCreateArrayModel));
  if (create == nullptr) return Machinery("{}: is not a model", shared_object.string());
  std::unique_ptr<ArrayModel> model(create(seed, trace_path.empty() ? nullptr : trace_path.c_str()));
  if (const char* record = std::getenv("ECOFLOW_RECORD")) {
    return std::unique_ptr<ArrayModel>(std::make_unique<Recorder>(std::move(model), record));
  }
  return model;
}

}  // namespace ecoflow
