#include "base/process.h"

#include <array>
#include <cstdio>

namespace ecoflow {

Result<std::string> RunShell(const std::string& command) {
  FILE* pipe = ::popen(("{ " + command + "\n} 2>&1").c_str(), "r");
  if (pipe == nullptr) return Machinery("cannot start: {}", command);
  std::string output;
  std::array<char, 4096> buffer{};
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    output.append(buffer.data(), n);
  }
  if (::pclose(pipe) != 0) return Machinery("failed: {}", output);
  return output;
}

std::string ShellQuote(const std::filesystem::path& path) {
  std::string out = "'";
  for (const char c : path.string()) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

}  // namespace ecoflow
