// SPDX-License-Identifier: Apache-2.0
// A convolution layer in ONNX's terms, and the three passes of its training.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace ecoflow {

enum class Op { kConv, kConvTranspose };
enum class Pass { kForward, kInputGrad, kFilterGrad };

const char* ToString(Op op);      // "Conv" | "ConvTranspose"
const char* ToString(Pass pass);  // "forward" | "input-grad" | "filter-grad"
Result<Pass> ParsePass(const std::string& text);

// Shapes are [N][C][H][W]; index 0 of a pair is vertical, 1 horizontal.
struct Layer {
  std::string name;
  Op op = Op::kConv;
  std::array<int, 4> input = {1, 1, 1, 1};   // N, C, H, W of the layer's input
  int output_channels = 1;
  std::array<int, 2> kernel = {1, 1};
  std::array<int, 2> strides = {1, 1};
  std::array<int, 4> pads = {0, 0, 0, 0};    // top, left, bottom, right; also of auto_pad, output_shape
  std::array<int, 2> dilations = {1, 1};
  int group = 1;
  std::array<int, 2> output_padding = {0, 0};

  int batch() const { return input[0]; }
  int in_channels() const { return input[1]; }
  // Height or width of the output (axis 0 or 1), ONNX's formulas; < 1 when there is none.
  int64_t OutputSize(int axis) const;
  std::array<int64_t, 4> OutputShape() const;
  // Conv: [M][C/group][kh][kw]; ConvTranspose: [C][M/group][kh][kw].
  std::array<int64_t, 4> FilterShape() const;
  std::array<int64_t, 4> InputShape() const { return {input[0], input[1], input[2], input[3]}; }
};

// What a pass reads and writes.
enum class Tensor { kIfmap, kFilter, kError };
const char* ToString(Tensor tensor);  // "ifmap" | "filter" | "error"
std::array<Tensor, 2> PassOperands(Pass pass);
std::array<int64_t, 4> TensorShape(const Layer& layer, Tensor tensor);
std::array<int64_t, 4> ResultShape(const Layer& layer, Pass pass);

// Reads a layer file: one layer, or a workload {"name", "layers"} from which `layer_name` picks
// one. `batch` > 0 overrides input[0]. Checks shapes; messages name file, field, value and range. No two
// layers of a file have one name.
Result<Layer> LoadLayer(const std::string& path, const std::string& layer_name, int batch);
// The names of a workload's layers; one that may be empty for a file of a single layer.
Result<std::vector<std::string>> LayerNames(const std::string& path);
Result<Layer> ParseLayer(const std::string& text, const std::string& name,
                         const std::string& layer_name, int batch);

// A workload file, with `batch` as above; a single layer counts as a workload of one.
struct Workload {
  std::string name;  // its own, else that of the file
  std::vector<Layer> layers;
};
Result<Workload> LoadWorkload(const std::string& path, int batch = 0);

// Checks sizes that the schema cannot see. `where` stands for the file in messages.
Status CheckLayer(const Layer& layer, const std::string& where);

// The layer as JSON text, every attribute written out.
std::string ToJsonText(const Layer& layer);

}  // namespace ecoflow
