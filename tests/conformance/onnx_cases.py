#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the ONNX conformance cases for convolutions (Debian's libonnx-testdata) through `ecoflow run`
and compares the outputs that ship with them.

After them auto_pad and output_shape for layers of many forms, against ONNX's shape inference and definition.
Taken: models of one node whose op is Conv, ConvTranspose or ConvInteger, two-dimensional, data
exactly representable in int16. What is left out is printed with the reason.

usage: onnx_cases.py [--config C] [--ecoflow PROGRAM] [--data FOLDER]
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
from onnx import numpy_helper

ROOT = pathlib.Path(__file__).resolve().parents[2]
OPS = ("Conv", "ConvTranspose", "ConvInteger")


class LeftOut(Exception):
    """The case is not one that the array computes; the text says why."""


def read_tensor(path):
    tensor = onnx.TensorProto()
    tensor.ParseFromString(path.read_bytes())
    return numpy_helper.to_array(tensor)


def as_int16(array, what):
    if not np.array_equal(array, np.rint(array)) or np.abs(array).max(initial=0) > 32767:
        raise LeftOut(f"{what} is not representable in int16")
    return array.astype("<i2")


def layer_of(node, x, w):
    """The layer file of a node."""
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    if x.ndim != 4:
        raise LeftOut(f"{x.ndim - 2}-dimensional")
    transposed = node.op_type == "ConvTranspose"
    outputs = w.shape[1] * attributes.get("group", 1) if transposed else w.shape[0]
    layer = {"name": "case", "op": "ConvTranspose" if transposed else "Conv",
             "input": list(x.shape), "output_channels": int(outputs), "kernel_shape": list(w.shape[2:])}
    # Attributes as they stand; what is missing has the same default in a layer file.
    for name in ("strides", "pads", "dilations", "group", "output_padding", "auto_pad", "output_shape"):
        if name in attributes:
            value = attributes[name]
            layer[name] = value.decode() if isinstance(value, bytes) else value
    if "output_shape" in layer:
        layer["output_shape"] = layer["output_shape"][-2:]  # older models name batch and channels, too
    return layer


def inputs_of(graph, node, folder):
    """The values of a node's inputs: initializers of the model, or files of the data set."""
    values = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    fed = [i.name for i in graph.input if i.name not in values]
    for k, name in enumerate(fed):
        values[name] = read_tensor(folder / f"input_{k}.pb")
    return [values[name] for name in node.input]


def run(case, graph, node, options):
    """Cycles under each dataflow; raises LeftOut, or AssertionError when an output differs."""
    data = sorted(case.glob("test_data_set_*"))
    cycles = []
    for folder in data:
        inputs = inputs_of(graph, node, folder)
        expected = read_tensor(folder / "output_0.pb")
        x, w = inputs[0], inputs[1]
        if node.op_type == "ConvInteger":
            # Zero points are taken off before the array; padding is zero then (ONNX).
            zero = [t.astype(np.int64) for t in inputs[2:]] + [np.int64(0)] * 2
            x, w = x.astype(np.int64) - zero[0], w.astype(np.int64) - zero[1]
        layer = layer_of(node, x, w)
        x, w = as_int16(x, "the input"), as_int16(w, "the filter")
        if len(inputs) > 2 and node.op_type != "ConvInteger":
            raise LeftOut("has a bias, which the array does not add")
        with tempfile.TemporaryDirectory() as work:
            work = pathlib.Path(work)
            (work / "layer.json").write_text(json.dumps(layer))
            np.save(work / "x.npy", np.ascontiguousarray(x))
            np.save(work / "w.npy", np.ascontiguousarray(w))
            for dataflow in ("ecoflow", "row-stationary"):
                done = subprocess.run(
                    [options.ecoflow, "run", "layer.json", "--pass", "forward", "--dataflow", dataflow,
                     "--config", options.config, "--ifmap", "x.npy", "--filter", "w.npy",
                     "--output", "y.npy", "--json", "r.json"],
                    cwd=work, capture_output=True, text=True, check=False)
                assert done.returncode == 0, f"{dataflow}: exit {done.returncode} {done.stderr}"
                y = np.load(work / "y.npy")
                assert y.shape == expected.shape, f"shape {y.shape}, expected {expected.shape}"
                assert np.array_equal(y.astype(np.float64), expected.astype(np.float64)), dataflow
                cycles.append(json.loads((work / "r.json").read_text())["cycles"])
    return cycles


def inferred_shape(layer):
    """The output's height and width by ONNX's shape inference."""
    if layer["op"] == "ConvTranspose" and layer.get("auto_pad", "").startswith("SAME") and "output_shape" not in layer:
        # Its text. The inference leaves pads at zero where the kernel is smaller than the stride, and gets less.
        return [n * s for n, s in zip(layer["input"][2:], layer["strides"])]
    kind = onnx.TensorProto.FLOAT
    transposed = layer["op"] == "ConvTranspose"
    weights = ([layer["input"][1], 1] if transposed else [1, layer["input"][1]]) + layer["kernel_shape"]
    names = ("kernel_shape", "strides", "dilations", "auto_pad", "output_shape", "output_padding", "pads")
    node = onnx.helper.make_node(layer["op"], ["x", "w"], ["y"], **{n: layer[n] for n in names if n in layer})
    graph = onnx.helper.make_graph([node], "g", [onnx.helper.make_tensor_value_info("x", kind, layer["input"]),
                                                 onnx.helper.make_tensor_value_info("w", kind, weights)],
                                   [onnx.helper.make_tensor_value_info("y", kind, None)])
    model = onnx.shape_inference.infer_shapes(onnx.helper.make_model(graph), strict_mode=True)
    return [d.dim_value for d in model.graph.output[0].type.tensor_type.shape.dim][2:]


def reference(layer, x, w):
    """The output by definition, with the pads that the equations of ONNX's operator reference give."""
    (kh, kw), strides, dilations = layer["kernel_shape"], layer["strides"], layer["dilations"]
    size, out = layer["input"][2:], inferred_shape(layer)
    before = []
    for n, o, k, s, d in zip(size, out, (kh, kw), strides, dilations):
        reach, same = (k - 1) * d + 1, layer.get("auto_pad", "NOTSET")
        total = s * (n - 1) + reach - o if layer["op"] == "ConvTranspose" else max(0, (o - 1) * s + reach - n)
        if same == "VALID" and "output_shape" not in layer:
            total = 0
        total = max(0, total)
        before.append(total // 2 if same == "SAME_UPPER" else total - total // 2)
    y = np.zeros(out, dtype=np.int64)
    for i in range(kh):
        for j in range(kw):
            for r in range(size[0] if layer["op"] == "ConvTranspose" else out[0]):
                for c in range(size[1] if layer["op"] == "ConvTranspose" else out[1]):
                    far = (r * strides[0] + i * dilations[0] - before[0], c * strides[1] + j * dilations[1] - before[1])
                    limit = out if layer["op"] == "ConvTranspose" else size
                    if 0 <= far[0] < limit[0] and 0 <= far[1] < limit[1]:
                        if layer["op"] == "ConvTranspose":
                            y[far] += int(x[r, c]) * int(w[i, j])
                        else:
                            y[r, c] += int(x[far]) * int(w[i, j])
    return y


def pads(options):
    """Every auto_pad and many an output_shape: results of `ecoflow predict --output` against the definition."""
    cases = []
    shapes = [([5, 6], [3, 3], [2, 2], [1, 1]), ([4, 7], [2, 4], [1, 3], [2, 1]), ([6, 3], [1, 2], [3, 2], [1, 3]), ([1, 5], [1, 5], [1, 1], [1, 1])]
    for size, kernel, strides, dilations in shapes:
        for op in ("Conv", "ConvTranspose"):
            base = {"name": "case", "op": op, "input": [1, 1, *size], "output_channels": 1, "kernel_shape": kernel,
                    "strides": strides, "dilations": dilations}
            full = [s * (n - 1) + (k - 1) * d + 1 for n, k, s, d in zip(size, kernel, strides, dilations)]
            for auto in ("SAME_UPPER", "SAME_LOWER", "VALID"):
                if op == "Conv" and auto == "VALID" and any((k - 1) * d + 1 > n for n, k, d in zip(size, kernel, dilations)):
                    continue
                cases.append({**base, "auto_pad": auto})
            if op == "ConvTranspose":
                for less in (0, 1, 2):
                    wanted = [max(1, f - less) for f in full]
                    cases += [{**base, "output_shape": wanted}, {**base, "output_shape": wanted, "auto_pad": "SAME_UPPER"},
                              {**base, "output_shape": wanted, "auto_pad": "SAME_LOWER"}]
    random, failed = np.random.default_rng(1), 0
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        for layer in cases:
            x = random.integers(-99, 100, layer["input"][2:]).astype("<i2")
            w = random.integers(-99, 100, layer["kernel_shape"]).astype("<i2")
            (work / "layer.json").write_text(json.dumps(layer))
            np.save(work / "x.npy", x[None, None])
            np.save(work / "w.npy", w[None, None])
            done = subprocess.run([options.ecoflow, "predict", "layer.json", "--pass", "forward", "--config", options.config, "--ifmap", "x.npy",
                                   "--filter", "w.npy", "--output", "y.npy"], cwd=work, capture_output=True, text=True, check=False)
            if done.returncode or not np.array_equal(np.load(work / "y.npy")[0, 0], reference(layer, x, w)):
                failed += 1
                print(f"FAILED: {json.dumps(layer)} {done.stderr.strip()}")
    print(f"auto_pad and output_shape: {len(cases) - failed} of {len(cases)} as ONNX defines them")
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="ecoflow_4x4")
    parser.add_argument("--ecoflow", default=str(ROOT / "build/bin/ecoflow"))
    parser.add_argument("--data", default="/usr/share/libonnx-testdata/data")
    options = parser.parse_args()

    passed, failed, left_out = 0, 0, 0
    print(f"{'case':<52}{'op':<15}{'ecoflow':>9}{'row-st.':>9}  cycles on {options.config}")
    for model_file in sorted(pathlib.Path(options.data).glob("*/*/model.onnx")):
        model = onnx.load(str(model_file), load_external_data=False)
        nodes = [n for n in model.graph.node if n.op_type in OPS]
        case = model_file.parent
        name = f"{case.parent.name}/{case.name}"
        if not nodes:
            continue
        try:
            if len(model.graph.node) != 1:
                raise LeftOut(f"a network of {len(model.graph.node)} nodes")
            cycles = run(case, model.graph, nodes[0], options)
        except LeftOut as why:
            left_out += 1
            print(f"{name:<52}{nodes[0].op_type:<15}left out: {why}")
        except AssertionError as why:
            failed += 1
            print(f"{name:<52}{nodes[0].op_type:<15}FAILED: {why}")
        else:
            passed += 1
            print(f"{name:<52}{nodes[0].op_type:<15}{cycles[0]:>9,}{cycles[1]:>9,}")
    print(f"{passed} passed, {failed} failed, {left_out} left out")
    failed += pads(options)
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
