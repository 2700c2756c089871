// SPDX-License-Identifier: Apache-2.0
#include "compiler/layer/layer.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/files.h"
#include "base/ints.h"
#include "base/json_fields.h"
#include "base/json_schema.h"
#include "base/text.h"

namespace ecoflow {
using nlohmann::json;

const char* ToString(Op op) { return op == Op::kConv ? "Conv" : "ConvTranspose"; }

const char* ToString(Pass pass) {
  switch (pass) {
    case Pass::kForward: return "forward";
    case Pass::kInputGrad: return "input-grad";
    default: return "filter-grad";
  }
}

Result<Pass> ParsePass(const std::string& text) {
  for (Pass pass : {Pass::kForward, Pass::kInputGrad, Pass::kFilterGrad}) {
    if (text == ToString(pass)) return pass;
  }
  return BadInput("--pass {}: expected forward, input-grad or filter-grad", text);
}

const char* ToString(Tensor tensor) {
  switch (tensor) {
    case Tensor::kIfmap: return "ifmap";
    case Tensor::kFilter: return "filter";
    default: return "error";
  }
}

int64_t Layer::OutputSize(int axis) const {
  const int64_t in = input[2 + axis];
  const int64_t reach = int64_t{dilations[axis]} * (kernel[axis] - 1) + 1;
  const int64_t pad = int64_t{pads[axis]} + pads[axis + 2];
  if (op == Op::kConvTranspose) {
    return (in - 1) * strides[axis] + reach + output_padding[axis] - pad;
  }
  return in + pad < reach ? 0 : (in + pad - reach) / strides[axis] + 1;
}

std::array<int64_t, 4> Layer::OutputShape() const {
  return {input[0], output_channels, OutputSize(0), OutputSize(1)};
}

std::array<int64_t, 4> Layer::FilterShape() const {
  if (op == Op::kConv) return {output_channels, input[1] / group, kernel[0], kernel[1]};
  return {input[1], output_channels / group, kernel[0], kernel[1]};
}

std::array<Tensor, 2> PassOperands(Pass pass) {
  switch (pass) {
    case Pass::kForward: return {Tensor::kIfmap, Tensor::kFilter};
    case Pass::kInputGrad: return {Tensor::kError, Tensor::kFilter};
    default: return {Tensor::kIfmap, Tensor::kError};
  }
}

std::array<int64_t, 4> TensorShape(const Layer& layer, Tensor tensor) {
  switch (tensor) {
    case Tensor::kIfmap: return layer.InputShape();
    case Tensor::kFilter: return layer.FilterShape();
    default: return layer.OutputShape();
  }
}

std::array<int64_t, 4> ResultShape(const Layer& layer, Pass pass) {
  switch (pass) {
    case Pass::kForward: return layer.OutputShape();
    case Pass::kInputGrad: return layer.InputShape();
    default: return layer.FilterShape();
  }
}

Status CheckLayer(const Layer& layer, const std::string& where) {
  if (layer.in_channels() % layer.group != 0) {
    return BadInput("{}: group = {}, expected a divisor of the {} input channels", where,
                    layer.group, layer.in_channels());
  }
  if (layer.output_channels % layer.group != 0) {
    return BadInput("{}: group = {}, expected a divisor of output_channels = {}", where,
                    layer.group, layer.output_channels);
  }
  for (int axis = 0; axis < 2; ++axis) {
    const char* side = axis == 0 ? "height" : "width";
    if (layer.op == Op::kConv) {
      const int64_t reach = int64_t{layer.dilations[axis]} * (layer.kernel[axis] - 1) + 1;
      const int64_t padded = int64_t{layer.input[2 + axis]} + layer.pads[axis] + layer.pads[axis + 2];
      if (reach > padded) {
        return BadInput("{}: kernel_shape: dilated {} {} is larger than the padded input's {}",
                        where, side, reach, padded);
      }
      if (layer.output_padding[axis] != 0) {
        return BadInput("{}: output_padding = {}, expected 0 for Conv", where,
                        layer.output_padding[axis]);
      }
    } else {
      const int limit = std::max(layer.strides[axis], layer.dilations[axis]);
      if (layer.output_padding[axis] >= limit) {
        return BadInput("{}: output_padding = {}, expected less than stride or dilation, {}", where,
                        layer.output_padding[axis], limit);
      }
      if (layer.OutputSize(axis) < 1) {
        return BadInput("{}: pads: output {} is {}, expected at least 1", where, side,
                        layer.OutputSize(axis));
      }
    }
  }
  constexpr int64_t kMaxElements = int64_t{1} << 31;
  for (const auto& shape : {layer.InputShape(), layer.FilterShape(), layer.OutputShape()}) {
    int64_t elements = 1;  // both factors at most 2^31, so that the product fits
    for (int64_t size : shape) {
      elements = std::min(kMaxElements, elements * std::min(kMaxElements, size));
    }
    if (elements >= kMaxElements) {
      return BadInput("{}: input: a tensor of the layer has 2^31 elements or more", where);
    }
  }
  return {};
}

namespace {

constexpr int64_t kMaxPad = 4096;  // as in the schema

// The name of a layer object, if it has one; it may be empty.
std::optional<std::string> NameOf(const json& object) {
  const bool named = object.is_object() && object.contains("name") && object["name"].is_string();
  return named ? std::optional(object["name"].get<std::string>()) : std::nullopt;
}

// Pads that ONNX makes from auto_pad and output_shape, one axis after the other.
Status MakePads(Layer& layer, const std::string& auto_pad,
                const std::optional<std::array<int, 2>>& output_shape, const std::string& where) {
  const bool same = auto_pad.starts_with("SAME");
  if (!output_shape && !same) return {};  // as in `pads`; VALID: none
  for (std::size_t axis = 0; axis < 2; ++axis) {
    const int64_t in = layer.input[2 + axis], stride = layer.strides[axis];
    const int64_t reach = int64_t{layer.dilations[axis]} * (layer.kernel[axis] - 1) + 1;
    int64_t total = 0;
    if (layer.op == Op::kConv) {
      total = std::max<int64_t>(0, (CeilDiv(in, stride) - 1) * stride + reach - in);
    } else {
      const int64_t out = output_shape ? (*output_shape)[axis] : in * stride;
      total = (in - 1) * stride + layer.output_padding[axis] + reach - out;
      // Elements that no input reaches lie behind the end.
      const int64_t beyond = std::max<int64_t>(0, -total) + layer.output_padding[axis];
      const int64_t limit = std::max(layer.strides[axis], layer.dilations[axis]);
      if (beyond >= limit && total < 0) {
        return BadInput("{}: output_shape = {}, expected at most {}: {} is what the layer has without "
                        "pads, and less than {} more", where, out, out + total + limit - 1 - layer.output_padding[axis],
                        out + total - layer.output_padding[axis], limit);
      }
      if (total < 0) layer.output_padding[axis] = static_cast<int>(beyond);
      total = std::max<int64_t>(0, total);
    }
    const int64_t less = total / 2, more = total - less;
    if (more > kMaxPad) {
      return BadInput("{}: {} gives pads of {}, expected at most {}", where,
                      output_shape ? "output_shape" : "auto_pad", more, kMaxPad);
    }
    // The odd one: at the end for SAME_UPPER of either op, at the beginning otherwise.
    const bool at_end = auto_pad == "SAME_UPPER";
    layer.pads[axis] = static_cast<int>(at_end ? less : more);
    layer.pads[axis + 2] = static_cast<int>(at_end ? more : less);
  }
  return {};
}

Result<Layer> FromJson(const json& object, const std::string& where, int batch) {
  ECO_RETURN_IF_ERROR(CheckSchema(object, where, "compiler/layer/layer.schema.json"));
  const JsonPlace at(object, where);
  Layer layer;
  ECO_RETURN_IF_ERROR(at.Get("name", layer.name));
  std::string op, auto_pad = "NOTSET";
  ECO_RETURN_IF_ERROR(at.Get("op", op));
  layer.op = op == "Conv" ? Op::kConv : Op::kConvTranspose;
  ECO_RETURN_IF_ERROR(at.Get("output_channels", layer.output_channels));
  ECO_RETURN_IF_ERROR(at.Get("input", layer.input));
  ECO_RETURN_IF_ERROR(at.Get("kernel_shape", layer.kernel));
  ECO_RETURN_IF_ERROR(at.GetIfAny("strides", layer.strides));
  ECO_RETURN_IF_ERROR(at.GetIfAny("pads", layer.pads));
  ECO_RETURN_IF_ERROR(at.GetIfAny("dilations", layer.dilations));
  ECO_RETURN_IF_ERROR(at.GetIfAny("output_padding", layer.output_padding));
  ECO_RETURN_IF_ERROR(at.GetIfAny("group", layer.group));
  ECO_RETURN_IF_ERROR(at.GetIfAny("auto_pad", auto_pad));
  std::optional<std::array<int, 2>> output_shape;
  if (object.contains("output_shape")) {
    ECO_RETURN_IF_ERROR(at.Get("output_shape", output_shape.emplace()));
  }
  if (layer.op == Op::kConv && output_shape) {
    return BadInput("{}: output_shape: expected for ConvTranspose only", where);
  }
  if (auto_pad != "NOTSET" && object.contains("pads")) {
    return BadInput("{}: pads: not together with auto_pad = \"{}\"", where, auto_pad);
  }
  if (batch > 0) layer.input[0] = batch;
  ECO_RETURN_IF_ERROR(MakePads(layer, auto_pad, output_shape, where));
  ECO_RETURN_IF_ERROR(CheckLayer(layer, where));
  return layer;
}

// The layer objects of a document.
struct LayerObjects {
  std::string name;  // the workload's own; empty without
  std::vector<std::pair<std::string, json>> objects;  // with what stands for each in messages
};

Result<LayerObjects> FindLayers(const json& document, const std::string& name) {
  LayerObjects found;
  if (!document.is_object()) return BadInput("{}: expected a layer or a workload object", name);
  if (!document.contains("layers")) {
    found.objects = {{name, document}};
    return found;
  }
  for (const auto& [key, value] : document.items()) {
    if (key != "name" && key != "layers") {
      return BadInput("{}: unknown key {}, expected one of name, layers", name, key);
    }
  }
  ECO_RETURN_IF_ERROR(JsonPlace(document, name).GetIfAny("name", found.name));
  const json& layers = document["layers"];
  if (!layers.is_array() || layers.empty()) {
    return BadInput("{}: layers, expected a list of at least one layer", name);
  }
  std::map<std::string, std::size_t> first;
  for (std::size_t k = 0; k < layers.size(); ++k) {
    if (const auto own = NameOf(layers[k])) {
      const auto [before, is_new] = first.emplace(*own, k);
      if (!is_new) {
        return BadInput("{}: layers[{}] and layers[{}] have the same name = \"{}\", expected different ones",
                        name, before->second, k, *own);
      }
    }
    found.objects.emplace_back(fmt::format("{}: layers[{}]", name, k), layers[k]);
  }
  return found;
}

}  // namespace

Result<Layer> ParseLayer(const std::string& text, const std::string& name,
                         const std::string& layer_name, int batch) {
  ECO_ASSIGN(const json document, ParseJson(text, name));
  ECO_ASSIGN(const LayerObjects found, FindLayers(document, name));
  const auto& objects = found.objects;
  if (layer_name.empty()) {
    if (objects.size() == 1) return FromJson(objects[0].second, objects[0].first, batch);
    return BadInput("{}: holds {} layers, expected --layer NAME to pick one", name, objects.size());
  }
  std::string names;
  for (const auto& [where, object] : objects) {
    const std::string own = NameOf(object).value_or("");
    if (own == layer_name) return FromJson(object, where, batch);
    names += (names.empty() ? "" : ", ") + own;
  }
  return BadInput("--layer {}: not in {}, expected one of {}", layer_name, name, names);
}

Result<Layer> LoadLayer(const std::string& path, const std::string& layer_name, int batch) {
  ECO_ASSIGN(const std::string text, ReadFile(path));
  return ParseLayer(text, std::filesystem::path(path).filename().string(), layer_name, batch);
}

Result<std::vector<std::string>> LayerNames(const std::string& path) {
  ECO_ASSIGN(const std::string text, ReadFile(path));
  const std::string name = std::filesystem::path(path).filename().string();
  ECO_ASSIGN(const json document, ParseJson(text, name));
  ECO_ASSIGN(const LayerObjects found, FindLayers(document, name));
  std::vector<std::string> names;
  for (const auto& [where, object] : found.objects) {
    names.push_back(NameOf(object).value_or(""));
    if (names.back().empty() && found.objects.size() > 1) return BadInput("{}: name: missing, needed to run several layers", where);
  }
  return names;
}

Result<Workload> LoadWorkload(const std::string& path, int batch) {
  ECO_ASSIGN(const std::string text, ReadFile(path));
  const std::filesystem::path file = path;
  const std::string name = file.filename().string();
  ECO_ASSIGN(const json document, ParseJson(text, name));
  ECO_ASSIGN(const LayerObjects found, FindLayers(document, name));
  Workload workload;
  workload.name = found.name.empty() ? ToUtf8(file.stem().string()) : found.name;
  for (const auto& [where, object] : found.objects) {
    ECO_ASSIGN(Layer layer, FromJson(object, where, batch));
    workload.layers.push_back(std::move(layer));
  }
  return workload;
}

std::string ToJsonText(const Layer& layer) {
  nlohmann::ordered_json object;
  object["name"] = layer.name;
  object["op"] = ToString(layer.op);
  object["input"] = layer.input;
  object["output_channels"] = layer.output_channels;
  object["kernel_shape"] = layer.kernel;
  object["strides"] = layer.strides;
  object["pads"] = layer.pads;
  object["dilations"] = layer.dilations;
  object["group"] = layer.group;
  object["output_padding"] = layer.output_padding;
  return object.dump() + "\n";
}

}  // namespace ecoflow
