// SPDX-License-Identifier: Apache-2.0
#include "report/kinds.h"

#include <algorithm>

namespace ecoflow {
namespace {

constexpr Pass kForward = Pass::kForward, kInputGrad = Pass::kInputGrad, kFilterGrad = Pass::kFilterGrad;

bool Conv(const Layer& l) { return l.op == Op::kConv; }
bool Transpose(const Layer& l) { return l.op == Op::kConvTranspose; }
bool Depthwise(const Layer& l) { return l.group > 1 && l.group == l.in_channels(); }
bool Grouped(const Layer& l) { return l.group > 1 && l.group < l.in_channels(); }
bool Strided(const Layer& l) { return std::max(l.strides[0], l.strides[1]) > 1; }
bool Dilated(const Layer& l) { return std::max(l.dilations[0], l.dilations[1]) > 1; }
bool OneTap(const Layer& l) { return l.kernel[0] == 1 && l.kernel[1] == 1; }
bool Padded(const Layer& l) { return *std::max_element(l.pads.begin(), l.pads.end()) > 0; }
// What is left of a Conv when all that has a kind of its own is gone.
bool Plain(const Layer& l) { return Conv(l) && l.group == 1 && !Strided(l) && !Dilated(l) && !OneTap(l); }
// A side of one element whose kernel is one element, too.
bool Flat(const Layer& l, std::size_t axis) { return l.input[2 + axis] == 1 && l.kernel[axis] == 1; }
bool OneByOneMap(const Layer& l) {
  return (l.input[2] == 1 && l.input[3] == 1) || (l.OutputSize(0) == 1 && l.OutputSize(1) == 1);
}

constexpr Kind kKinds[] = {
    {"stride-1 forward", [](const Layer& l, Pass p) { return Plain(l) && p == kForward; }},
    {"padded stride-1 input-grad", [](const Layer& l, Pass p) { return Plain(l) && Padded(l) && p == kInputGrad; }},
    {"unpadded stride-1 input-grad", [](const Layer& l, Pass p) { return Plain(l) && !Padded(l) && p == kInputGrad; }},
    {"stride-1 filter-grad", [](const Layer& l, Pass p) { return Plain(l) && p == kFilterGrad; }},
    {"strided forward", [](const Layer& l, Pass p) { return Conv(l) && Strided(l) && p == kForward; }},
    {"strided input-grad", [](const Layer& l, Pass p) { return Conv(l) && Strided(l) && p == kInputGrad; }},
    {"strided filter-grad", [](const Layer& l, Pass p) { return Conv(l) && Strided(l) && p == kFilterGrad; }},
    {"dilated forward", [](const Layer& l, Pass p) { return Conv(l) && Dilated(l) && p == kForward; }},
    {"dilated input-grad", [](const Layer& l, Pass p) { return Conv(l) && Dilated(l) && p == kInputGrad; }},
    {"dilated filter-grad", [](const Layer& l, Pass p) { return Conv(l) && Dilated(l) && p == kFilterGrad; }},
    {"ConvTranspose forward", [](const Layer& l, Pass p) { return Transpose(l) && p == kForward; }},
    {"ConvTranspose input-grad", [](const Layer& l, Pass p) { return Transpose(l) && p == kInputGrad; }},
    {"ConvTranspose filter-grad", [](const Layer& l, Pass p) { return Transpose(l) && p == kFilterGrad; }},
    {"depthwise forward", [](const Layer& l, Pass p) { return Depthwise(l) && p == kForward; }},
    {"depthwise input-grad", [](const Layer& l, Pass p) { return Depthwise(l) && p == kInputGrad; }},
    {"depthwise filter-grad", [](const Layer& l, Pass p) { return Depthwise(l) && p == kFilterGrad; }},
    {"grouped", [](const Layer& l, Pass) { return Grouped(l); }},
    {"fully connected / 1x1 map", [](const Layer& l, Pass) { return OneByOneMap(l); }},
    {"1x1", [](const Layer& l, Pass) { return OneTap(l); }},
    {"1-D", [](const Layer& l, Pass) { return Flat(l, 0) != Flat(l, 1); }},
    {"few channels", [](const Layer& l, Pass) { return std::min(l.in_channels(), l.output_channels) <= 4; }},
};

}  // namespace

std::span<const Kind> AllKinds() { return kKinds; }

std::vector<std::string> KindsOf(const Layer& layer, Pass pass) {
  std::vector<std::string> names;
  for (const Kind& kind : kKinds) {
    if (kind.includes(layer, pass)) names.emplace_back(kind.name);
  }
  return names;
}

}  // namespace ecoflow
