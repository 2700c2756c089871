// SPDX-License-Identifier: Apache-2.0
// What sorts of layers there are, by their properties and the pass: roofline figures are told apart by them.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "compiler/layer/layer.h"

namespace ecoflow {

struct Kind {
  const char* name;
  bool (*includes)(const Layer& layer, Pass pass);
};

std::span<const Kind> AllKinds();

// The names of the kinds that a layer and pass belongs to, at least one, in the order of the table.
std::vector<std::string> KindsOf(const Layer& layer, Pass pass);

}  // namespace ecoflow
