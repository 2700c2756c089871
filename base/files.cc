// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>
#include <sstream>

#include "base/interrupt.h"
#include "base/text.h"

namespace ecoflow {
namespace fs = std::filesystem;

Result<std::string> ReadFile(const fs::path& path) {
  std::error_code ec;
  if (fs::is_directory(path, ec)) return BadInput("{}: is a folder, expected a file", path.string());
  std::ifstream in(path, std::ios::binary);
  if (!in) return BadInput("{}: cannot be read: {}", path.string(), std::strerror(errno));
  std::ostringstream content;
  errno = 0;
  content << in.rdbuf();
  // A read that fails is told to the stream that is written.
  if (in.bad() || content.bad()) return BadInput("{}: cannot be read: {}", path.string(), std::strerror(errno != 0 ? errno : EIO));
  return std::move(content).str();
}

namespace {

// Writes all of it; 0 or an error number.
int WriteAll(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t count = ::write(fd, content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    if (count == 0) return EIO;
    content.remove_prefix(static_cast<std::size_t>(count));
  }
  return 0;
}

// Writes and closes; what a file system only notices at close counts.
int WriteAndClose(int fd, std::string_view content) {
  const int error = WriteAll(fd, content);
  const int at_close = ::close(fd) == 0 ? 0 : errno;
  return error != 0 ? error : at_close;
}

Error CannotWrite(const fs::path& path, int error) {
  return BadInput("{}: cannot be written: {}", path.string(), std::strerror(error));
}

// Where a written file ends up.
struct Target {
  fs::path path;         // behind all links
  bool through = false;  // is written to, not replaced
  int own = -1;          // that of this program's output streams which goes there
};

Result<Target> ResolveOutput(const fs::path& path) {
  struct stat there {};
  if (::stat(path.c_str(), &there) == 0) {
    if (!S_ISREG(there.st_mode)) return Target{path, true};
    for (const int own : {1, 2}) {  // /dev/stdout > file
      struct stat output {};
      if (::fstat(own, &output) == 0 && output.st_dev == there.st_dev &&
          output.st_ino == there.st_ino) {
        return Target{path, true, own};
      }
    }
  } else if (errno == ELOOP) {
    return CannotWrite(path, ELOOP);
  }
  fs::path target = path;
  std::error_code ec;
  while (fs::is_symlink(target, ec)) {
    const fs::path next = fs::read_symlink(target, ec);
    target = target.parent_path() / next;  // an absolute `next` stays as it is
  }
  return Target{target, false};
}

Status WriteThrough(const Target& target, std::string_view content) {
  const int fd = target.own >= 0 ? ::fcntl(target.own, F_DUPFD_CLOEXEC, 3)
                                 : ::open(target.path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return CannotWrite(target.path, errno);
  if (const int error = WriteAndClose(fd, content); error != 0) return CannotWrite(target.path, error);
  return {};
}

// Locks a folder of this user; its descriptor, or -1 with errno when it cannot be had. EWOULDBLOCK:
// another process has it. File systems without locks are taken as they are.
int LockFolder(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return -1;
  struct stat opened {}, there {};
  int error = 0;
  if (::fstat(fd, &opened) != 0) {
    error = errno;
  } else if (opened.st_uid != ::geteuid()) {
    error = EWOULDBLOCK;
  } else if (::flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    error = EWOULDBLOCK;
  } else if (::lstat(path.c_str(), &there) != 0 || there.st_ino != opened.st_ino) {
    error = ENOENT;  // removed by whoever had it
  }
  if (error == 0) return fd;
  ::close(fd);
  errno = error;
  return -1;
}

// Whether every tool can work in a folder of that name: make and abc know no spaces and quotes.
bool IsPlain(const fs::path& path) {
  const std::string name = path.string();
  return path.is_absolute() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '/' || c == '.' || c == '_' || c == '-' || c == '+';
  });
}

constexpr std::string_view kPrefix = "ecoflow.tmp-";  // of folders for temporary files

// Removes folders that processes which exist no longer left in `parent`.
void RemoveStaleFolders(const fs::path& parent) {
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(parent, ec)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kPrefix) || name.size() != kPrefix.size() + 6) continue;
    const int lock = LockFolder(entry.path());
    if (lock < 0) continue;
    fs::remove_all(entry.path(), ec);
    ::close(lock);
  }
}

}  // namespace

Result<TemporaryFolder> TemporaryFolder::Create() {
  std::error_code ec;
  fs::path parent = fs::temp_directory_path(ec);
  if (ec || !IsPlain(parent)) parent = "/tmp";
  RemoveStaleFolders(parent);
  std::mt19937_64 random(std::random_device{}());
  for (int attempt = 0; attempt < 100; ++attempt) {
    constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789";
    std::string name(kPrefix);
    for (int k = 0; k < 6; ++k) name += kLetters[random() % kLetters.size()];
    const fs::path path = parent / name;
    if (CreateTemporary(path, [&] { return ::mkdir(path.c_str(), 0700) == 0; })) {
      if (const int lock = LockFolder(path); lock >= 0) return TemporaryFolder(path, lock);
      DropTemporary(path);  // another process took it for one that was left behind
    } else if (errno != EEXIST) {
      return Machinery("{}: cannot be created: {}", path.string(), std::strerror(errno));
    }
  }
  return Machinery("{}: no folder for temporary files can be created", parent.string());
}

Result<TemporaryFolder> TemporaryFolder::CreateBeside(const fs::path& path) {
  // The same few names each time, so that what was left behind is found without a search.
  for (int number = 0; number < 1000;) {
    const fs::path folder = path.string() + fmt::format(".tmp{}", number);
    int lock = -1, error = 0;
    CreateTemporary(folder, [&] {
      if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
        error = errno;
        return false;
      }
      lock = LockFolder(folder);
      if (lock < 0 && errno != ENOENT) ++number;
      return lock >= 0;
    });
    if (error != 0) return BadInput("{}", std::strerror(error));
    if (lock < 0) continue;
    std::error_code ec;
    for (const auto& left : fs::directory_iterator(folder, ec)) fs::remove_all(left.path(), ec);
    return TemporaryFolder(folder, lock);
  }
  return BadInput("too many folders of that name with .tmp stand beside it");
}

TemporaryFolder::~TemporaryFolder() {
  if (path_.empty()) return;
  std::error_code ec;
  fs::remove_all(path_, ec);
  DropTemporary(path_);
  ::close(lock_);
}

Result<OutputFile> OutputFile::Create(const fs::path& path) {
  ECO_ASSIGN(const Target target, ResolveOutput(path));
  if (target.through) {
    ECO_ASSIGN(TemporaryFolder folder, TemporaryFolder::Create());
    return OutputFile(path, std::move(folder));
  }
  auto folder = TemporaryFolder::CreateBeside(target.path);
  if (!folder.ok()) return BadInput("{}: cannot be written: {}", path.string(), folder.error().message);
  return OutputFile(path, std::move(folder).value());
}

Status OutputFile::Commit() {
  ECO_ASSIGN(const Target target, ResolveOutput(path_));
  if (target.through) {
    ECO_ASSIGN(const std::string content, ReadFile(temporary()));
    return WriteThrough(target, content);
  }
  if (::rename(temporary().c_str(), target.path.c_str()) != 0) return CannotWrite(path_, errno);
  return {};
}

Status WriteFileAtomically(const fs::path& path, std::string_view content) {
  ECO_ASSIGN(const Target target, ResolveOutput(path));
  if (target.through) return WriteThrough(target, content);
  ECO_ASSIGN(OutputFile file, OutputFile::Create(path));
  const int fd =
      ::open(file.temporary().c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0) return CannotWrite(path, errno);
  if (const int error = WriteAndClose(fd, content); error != 0) return CannotWrite(path, error);
  return file.Commit();
}

Status CheckWritable(const fs::path& path, std::string_view flag) {
  std::error_code ec;
  if (path.empty()) return BadInput("{}: is empty, expected a file name", flag);
  if (fs::is_directory(path, ec)) {
    return BadInput("{} {}: is a folder, expected a file name", flag, path.string());
  }
  if (fs::is_socket(path, ec)) {
    return BadInput("{} {}: is a socket, expected a file name", flag, path.string());
  }
  const auto target = ResolveOutput(path);
  if (!target.ok()) return BadInput("{} {}", flag, target.error().message);
  const fs::path& file = target.value().path;
  const fs::path parent = file.has_parent_path() ? file.parent_path() : fs::path(".");
  if (!target.value().through && !fs::is_directory(parent, ec)) {
    return BadInput("{} {}: folder {} does not exist", flag, path.string(), parent.string());
  }
  if ((!target.value().through && ::access(parent.c_str(), W_OK) != 0) ||
      (fs::exists(file, ec) && ::access(file.c_str(), W_OK) != 0)) {
    return BadInput("{} {}: cannot be written: {}", flag, path.string(), std::strerror(errno));
  }
  return {};
}

Status MakeOutputFolder(const fs::path& path, std::string_view flag) {
  std::error_code ec;
  if (fs::exists(path, ec) && !fs::is_directory(path, ec)) {
    return BadInput("{} {}: cannot be created: a file of that name exists", flag, path.string());
  }
  fs::create_directories(path, ec);
  if (!fs::is_directory(path)) {
    return BadInput("{} {}: cannot be created: {}", flag, path.string(), ec.message());
  }
  if (::access(path.c_str(), W_OK) != 0) {
    return BadInput("{} {}: cannot be written: {}", flag, path.string(), std::strerror(errno));
  }
  return {};
}

Status PrintOut(std::string_view text, bool* reader_gone) {
  const int error = WriteAll(1, text);
  if (reader_gone != nullptr) *reader_gone = error == EPIPE;
  if (error == 0 || error == EPIPE) return {};
  return Machinery("standard output cannot be written: {}", std::strerror(error));
}

void PrintError(std::string_view line) { PrintProgress(Printable(line) + "\n"); }

void PrintProgress(std::string_view text) { (void)WriteAll(2, text); }

void KeepStandardDescriptors() {
  for (int fd = 0; fd <= 2; ++fd) {
    // The lowest free number is taken; wrong way round, so that using it is an error.
    if (::fcntl(fd, F_GETFD) < 0) (void)::open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
  }
}

std::string HashHex(std::string_view content) {
  return fmt::format("{:016x}", XXH64(content.data(), content.size(), 0));
}

fs::path SourceRoot() {
  if (const char* root = std::getenv("ECOFLOW_ROOT"); root != nullptr && *root != '\0') return root;
  return ECOFLOW_SOURCE_ROOT;
}

}  // namespace ecoflow
