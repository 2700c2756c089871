// SPDX-License-Identifier: Apache-2.0
// A small SystemVerilog tree: one place for indentation, commas and identifier checks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ecoflow {

struct SvPort {
  bool output = false;
  int bits = 1;
  std::string name;
  std::string meaning;
};

struct SvParameter {
  std::string name;
  int64_t value = 0;
  std::string meaning;
};

// `module #(.P(v), ...) name (.a(a), ...)`: all ports are connected to signals of their own name.
struct SvInstance {
  std::string module;
  std::string name;
  std::vector<SvParameter> parameters;
  std::vector<SvPort> ports;
};

struct SvModule {
  std::string name;
  std::string comment;
  std::vector<SvPort> ports;
  std::vector<SvInstance> instances;
};

struct SvConstant {
  std::string name;
  int64_t value = 0;
  std::string meaning;
  int bits = 32;
  std::string heading;  // a comment above it
};

struct SvPackage {
  std::string name;
  std::string comment;
  std::string writer = "ecoflow gen";  // the program that the banner names
  std::vector<SvConstant> constants;
};

// Text of a file. Names must be SystemVerilog identifiers (checked).
std::string Print(const SvModule& module);
std::string Print(const SvPackage& package);

}  // namespace ecoflow
