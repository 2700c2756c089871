// SPDX-License-Identifier: Apache-2.0
// Reading and writing whole files; a written file appears complete or not at all.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace ecoflow {

// Content of a file. Fails (bad input) when it cannot be read.
Result<std::string> ReadFile(const std::filesystem::path& path);

// A new folder, removed with all that is in it when the object goes or a signal ends the program
// (base/interrupt.h). It is locked as long as it is in use: what nobody locks was left behind by a
// process that was killed, and is removed by the next one that comes along.
class TemporaryFolder {
 public:
  // Below the system's folder for temporary files; private to this user, with a name that every tool
  // can handle.
  static Result<TemporaryFolder> Create();
  // Beside `path`, with a name made from its own. The error does not name the path.
  static Result<TemporaryFolder> CreateBeside(const std::filesystem::path& path);
  TemporaryFolder(TemporaryFolder&& other) noexcept
      : path_(std::exchange(other.path_, {})), lock_(std::exchange(other.lock_, -1)) {}
  TemporaryFolder& operator=(TemporaryFolder&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(lock_, other.lock_);
    return *this;
  }
  ~TemporaryFolder();
  const std::filesystem::path& path() const { return path_; }

 private:
  TemporaryFolder(std::filesystem::path path, int lock) : path_(std::move(path)), lock_(lock) {}
  std::filesystem::path path_;
  int lock_;  // descriptor of the folder
};

// A file on its way to `path`: whoever writes it puts it at temporary(), Commit() puts it in place.
// A link keeps pointing: the file that it points to is replaced. What is no regular file (device,
// FIFO), and the file that this program's own output goes to, are not replaced but written to.
class OutputFile {
 public:
  // Fails (bad input) when nothing can be written there.
  static Result<OutputFile> Create(const std::filesystem::path& path);
  std::filesystem::path temporary() const { return folder_.path() / "file"; }
  Status Commit();

 private:
  OutputFile(std::filesystem::path path, TemporaryFolder folder)
      : path_(std::move(path)), folder_(std::move(folder)) {}
  std::filesystem::path path_;
  TemporaryFolder folder_;
};

// Writes as OutputFile does. Fails (bad input) when any of it cannot be written.
Status WriteFileAtomically(const std::filesystem::path& path, std::string_view content);

// Whether `path` could be written: its parent folder exists and is writable, and `path` itself
// is no folder. `flag` names the option in the message.
Status CheckWritable(const std::filesystem::path& path, std::string_view flag);

// Creates the folder (and its parents) when missing, and checks that files can be put there.
Status MakeOutputFolder(const std::filesystem::path& path, std::string_view flag);

// The report of a command, on standard output. Fails (machinery) when not all of it can be written;
// that a reader went away (`| head`) is no failure, `reader_gone` tells.
Status PrintOut(std::string_view text, bool* reader_gone = nullptr);

// A line on standard error, whatever becomes of it; control characters are written as escapes.
void PrintError(std::string_view line);

// Raw text on standard error, whatever becomes of it: progress on a terminal.
void PrintProgress(std::string_view text);

// Descriptors 0 to 2 that are closed are opened on something that cannot be written (read), so that
// no file gets their number. To be called at the start of main.
void KeepStandardDescriptors();

// 16 hexadecimal digits that identify the content (xxHash64).
std::string HashHex(std::string_view content);

// Root of the project's own files (RTL, schemas, configurations, workloads).
std::filesystem::path SourceRoot();

}  // namespace ecoflow
