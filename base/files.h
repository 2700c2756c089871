// Reading and writing whole files; a written file appears complete or not at all.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace ecoflow {

// Content of a file. Fails (bad input) when it cannot be read.
Result<std::string> ReadFile(const std::filesystem::path& path);

// Writes under a temporary name beside `path`, then renames.
Status WriteFileAtomically(const std::filesystem::path& path, std::string_view content);

// Whether `path` could be written: its parent folder exists and is writable, and `path` itself
// is no folder. `flag` names the option in the message.
Status CheckWritable(const std::filesystem::path& path, std::string_view flag);

// Creates the folder (and its parents) when missing, and checks that files can be put there.
Status MakeOutputFolder(const std::filesystem::path& path, std::string_view flag);

// A new folder for temporary files, removed with all that is in it when the object goes.
class TemporaryFolder {
 public:
  static Result<TemporaryFolder> Create();
  TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryFolder& operator=(TemporaryFolder&& other) noexcept {
    std::swap(path_, other.path_);
    return *this;
  }
  ~TemporaryFolder();
  const std::filesystem::path& path() const { return path_; }

 private:
  explicit TemporaryFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

// 16 hexadecimal digits that identify the content (xxHash64).
std::string HashHex(std::string_view content);

// Root of the project's own files (RTL, schemas, configurations, workloads).
std::filesystem::path SourceRoot();

}  // namespace ecoflow
