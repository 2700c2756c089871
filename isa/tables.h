// SPDX-License-Identifier: Apache-2.0
// The constants of isa/*.def as data, for those who print them: gen/emit and docs/isa.md.
#pragma once

#include <string>
#include <vector>

namespace ecoflow {

struct IsaConstant {
  std::string name;  // in the RTL; in C++ with a k before it
  int value;
  std::string meaning;
  std::string report_name;  // counters: in reports
};
struct IsaTable {
  std::string title;
  std::string comment;
  int bits;           // of a value on wires; 0 a plain number
  std::string count;  // name of the constant that says how many there are; may be empty
  std::vector<IsaConstant> constants;
};

// Every table but that of the image's fields (ImageFields).
const std::vector<IsaTable>& IsaTables();

}  // namespace ecoflow
