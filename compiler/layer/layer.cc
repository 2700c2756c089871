#include "compiler/layer/layer.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/json_schema.h"

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

template <std::size_t N>
void ReadArray(const json& object, const char* key, std::array<int, N>& out) {
  if (object.contains(key)) object.at(key).get_to(out);
}

Result<Layer> FromJson(const json& object, const std::string& where, int batch) {
  ECO_RETURN_IF_ERROR(CheckSchema(object, where, "compiler/layer/layer.schema.json"));
  Layer layer;
  layer.name = object.at("name");
  layer.op = object.at("op") == "Conv" ? Op::kConv : Op::kConvTranspose;
  object.at("output_channels").get_to(layer.output_channels);
  ReadArray(object, "input", layer.input);
  ReadArray(object, "kernel_shape", layer.kernel);
  ReadArray(object, "strides", layer.strides);
  ReadArray(object, "pads", layer.pads);
  ReadArray(object, "dilations", layer.dilations);
  ReadArray(object, "output_padding", layer.output_padding);
  layer.group = object.value("group", 1);
  if (batch > 0) layer.input[0] = batch;
  ECO_RETURN_IF_ERROR(CheckLayer(layer, where));
  return layer;
}

// The layer objects of a document, with the name that stands for each in messages.
Result<std::vector<std::pair<std::string, json>>> LayerObjects(const json& document,
                                                               const std::string& name) {
  if (!document.is_object()) return BadInput("{}: expected a layer or a workload object", name);
  if (!document.contains("layers")) return std::vector{std::pair{name, document}};
  for (const auto& [key, value] : document.items()) {
    if (key != "name" && key != "layers") {
      return BadInput("{}: unknown key {}, expected one of name, layers", name, key);
    }
  }
  if (!document["layers"].is_array() || document["layers"].empty()) {
    return BadInput("{}: layers, expected a list of at least one layer", name);
  }
  std::vector<std::pair<std::string, json>> objects;
  for (std::size_t k = 0; k < document["layers"].size(); ++k) {
    objects.emplace_back(fmt::format("{}: layers[{}]", name, k), document["layers"][k]);
  }
  return objects;
}

}  // namespace

Result<Layer> ParseLayer(const std::string& text, const std::string& name,
                         const std::string& layer_name, int batch) {
  ECO_ASSIGN(const json document, ParseJson(text, name));
  ECO_ASSIGN(const auto objects, LayerObjects(document, name));
  if (layer_name.empty()) {
    if (objects.size() == 1) return FromJson(objects[0].second, objects[0].first, batch);
    return BadInput("{}: holds {} layers, expected --layer NAME to pick one", name, objects.size());
  }
  std::string names;
  for (const auto& [where, object] : objects) {
    const bool named = object.is_object() && object.contains("name") && object["name"].is_string();
    const std::string found = named ? object["name"].get<std::string>() : "";
    if (found == layer_name) return FromJson(object, where, batch);
    names += (names.empty() ? "" : ", ") + found;
  }
  return BadInput("--layer {}: not in {}, expected one of {}", layer_name, name, names);
}

Result<Layer> LoadLayer(const std::string& path, const std::string& layer_name, int batch) {
  ECO_ASSIGN(const std::string text, ReadFile(path));
  return ParseLayer(text, std::filesystem::path(path).filename().string(), layer_name, batch);
}

Result<std::vector<Layer>> LoadWorkload(const std::string& path) {
  ECO_ASSIGN(const std::string text, ReadFile(path));
  const std::string name = std::filesystem::path(path).filename().string();
  ECO_ASSIGN(const json document, ParseJson(text, name));
  ECO_ASSIGN(const auto objects, LayerObjects(document, name));
  std::vector<Layer> layers;
  for (const auto& [where, object] : objects) {
    ECO_ASSIGN(Layer layer, FromJson(object, where, 0));
    layers.push_back(std::move(layer));
  }
  return layers;
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
