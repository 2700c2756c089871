#include "base/files.h"

#include <unistd.h>
#include <xxhash.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

namespace ecoflow {
namespace fs = std::filesystem;

Result<std::string> ReadFile(const fs::path& path) {
  std::error_code ec;
  if (fs::is_directory(path, ec)) return BadInput("{}: is a folder, expected a file", path.string());
  std::ifstream in(path, std::ios::binary);
  if (!in) return BadInput("{}: cannot be read: {}", path.string(), std::strerror(errno));
  std::ostringstream content;
  content << in.rdbuf();
  if (in.bad()) return BadInput("{}: cannot be read: {}", path.string(), std::strerror(errno));
  return std::move(content).str();
}

Status WriteFileAtomically(const fs::path& path, std::string_view content) {
  const fs::path temporary = path.string() + fmt::format(".tmp{}", ::getpid());
  {
    std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
    out.write(content.data(), static_cast<std::streamsize>(content.size()));
    out.flush();
    if (!out) {
      const std::string why = std::strerror(errno);
      std::error_code ec;
      fs::remove(temporary, ec);
      return BadInput("{}: cannot be written: {}", path.string(), why);
    }
  }
  std::error_code ec;
  fs::rename(temporary, path, ec);
  if (ec) {
    const std::string why = ec.message();
    fs::remove(temporary, ec);
    return BadInput("{}: cannot be written: {}", path.string(), why);
  }
  return {};
}

Status CheckWritable(const fs::path& path, std::string_view flag) {
  std::error_code ec;
  if (fs::is_directory(path, ec)) {
    return BadInput("{} {}: is a folder, expected a file name", flag, path.string());
  }
  const fs::path parent = path.has_parent_path() ? path.parent_path() : fs::path(".");
  if (!fs::is_directory(parent, ec)) {
    return BadInput("{} {}: folder {} does not exist", flag, path.string(), parent.string());
  }
  if (::access(parent.c_str(), W_OK) != 0 ||
      (fs::exists(path, ec) && ::access(path.c_str(), W_OK) != 0)) {
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

Result<TemporaryFolder> TemporaryFolder::Create() {
  std::error_code ec;
  const fs::path parent = fs::temp_directory_path(ec);
  std::string name = ((ec ? fs::path("/tmp") : parent) / "ecoflow.XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) {
    return Machinery("{}: cannot be created: {}", name, std::strerror(errno));
  }
  return TemporaryFolder(name);
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ec;
  if (!path_.empty()) fs::remove_all(path_, ec);
}

std::string HashHex(std::string_view content) {
  return fmt::format("{:016x}", XXH64(content.data(), content.size(), 0));
}

fs::path SourceRoot() {
  if (const char* root = std::getenv("ECOFLOW_ROOT"); root != nullptr && *root != '\0') return root;
  return ECOFLOW_SOURCE_ROOT;
}

}  // namespace ecoflow
