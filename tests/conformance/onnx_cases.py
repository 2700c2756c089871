#!/usr/bin/python3
"""Runs the ONNX conformance cases for convolutions (Debian's libonnx-testdata) through `ecoflow run`
and compares the outputs that ship with them.

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


def total_pads(total, at_end):
    """Splits padding over both sides; the odd one goes to the end or to the beginning."""
    small = [t // 2 for t in total]
    large = [t - s for t, s in zip(total, small)]
    return small + large if at_end else large + small


def layer_of(node, x, w):
    """The layer file of a node, attributes and defaults as ONNX's operator reference has them."""
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    if x.ndim != 4:
        raise LeftOut(f"{x.ndim - 2}-dimensional")
    transposed = node.op_type == "ConvTranspose"
    group = attributes.get("group", 1)
    strides = list(attributes.get("strides", [1, 1]))
    dilations = list(attributes.get("dilations", [1, 1]))
    kernel = list(w.shape[2:])
    size = list(x.shape[2:])
    pads = list(attributes.get("pads", [0, 0, 0, 0]))
    extra = list(attributes.get("output_padding", [0, 0]))
    auto = attributes.get("auto_pad", b"NOTSET").decode()
    if "output_shape" in attributes:
        wanted = list(attributes["output_shape"])[-2:]
        total = [s * (n - 1) + e + d * (k - 1) + 1 - o for s, n, e, d, k, o in
                 zip(strides, size, extra, dilations, kernel, wanted)]
        # Output that no input reaches lies behind the end: output padding.
        extra = [e + max(0, -t) for e, t in zip(extra, total)]
        total = [max(0, t) for t in total]
        pads = total_pads(total, auto == "SAME_UPPER")
    elif auto in ("SAME_UPPER", "SAME_LOWER"):
        if transposed:
            total = [s * (n - 1) + e + d * (k - 1) + 1 - n * s for s, n, e, d, k in
                     zip(strides, size, extra, dilations, kernel)]
        else:
            total = [(-(-n // s) - 1) * s + d * (k - 1) + 1 - n for s, n, d, k in
                     zip(strides, size, dilations, kernel)]
        pads = total_pads([max(0, t) for t in total], auto == "SAME_UPPER")
    outputs = w.shape[1] * group if transposed else w.shape[0]
    layer = {"name": "case", "op": "ConvTranspose" if transposed else "Conv",
             "input": list(x.shape), "output_channels": int(outputs), "kernel_shape": kernel,
             "strides": strides, "pads": pads, "dilations": dilations, "group": group}
    if transposed:
        layer["output_padding"] = extra
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
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
