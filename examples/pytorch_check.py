#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Takes a layer through PyTorch's autograd and through `ecoflow run`, and compares.

The error of a random convolution goes back through torch.nn.functional.conv2d (float64, exact for
these integers); the same int16 tensors go to the Verilated array as .npy files.

    examples/pytorch_check.py [--channels 8] [--filters 12] [--size 13] [--kernel 3] [--stride 2]
                              [--padding 1] [--batch 2] [--config ecoflow_4x4] [--seed 1]

Prints one line for each pass; exit status 0 when every element is equal.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch

ROOT = pathlib.Path(__file__).resolve().parent.parent


def run(layer, pass_name, tensors, config, folder):
    """Runs `ecoflow run` on the given .npy tensors and returns its output and exit status."""
    (folder / "layer.json").write_text(json.dumps(layer))
    command = [ROOT / "build/bin/ecoflow", "run", folder / "layer.json", "--pass", pass_name,
               "--config", config, "--output", folder / "out.npy"]
    for name, values in tensors.items():
        np.save(folder / f"{name}.npy", values)
        command += [f"--{name}", folder / f"{name}.npy"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode > 1:
        sys.exit(done.returncode)
    return np.load(folder / "out.npy"), done.returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name, default in [("channels", 8), ("filters", 12), ("size", 13), ("kernel", 3),
                          ("stride", 2), ("padding", 1), ("batch", 2), ("seed", 1)]:
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--config", default="ecoflow_4x4")
    a = parser.parse_args()

    random = np.random.default_rng(a.seed)
    tensor = lambda *shape: random.integers(-300, 300, shape).astype(np.int16)
    ifmap = tensor(a.batch, a.channels, a.size, a.size)
    filters = tensor(a.filters, a.channels, a.kernel, a.kernel)
    x = torch.from_numpy(ifmap.astype(np.float64)).requires_grad_()
    w = torch.from_numpy(filters.astype(np.float64)).requires_grad_()
    y = torch.nn.functional.conv2d(x, w, stride=a.stride, padding=a.padding)
    error = tensor(*y.shape)
    y.backward(torch.from_numpy(error.astype(np.float64)))

    common = {"strides": [a.stride] * 2, "pads": [a.padding] * 4}
    conv = {"name": "conv", "op": "Conv", "input": list(ifmap.shape), "output_channels": a.filters,
            "kernel_shape": [a.kernel] * 2, **common}
    # The same numbers as the forward pass of a transposed convolution.
    t = torch.nn.functional.conv_transpose2d(torch.from_numpy(error.astype(np.float64)), w,
                                             stride=a.stride, padding=a.padding)
    deconv = {"name": "deconv", "op": "ConvTranspose", "input": list(error.shape),
              "output_channels": a.channels, "kernel_shape": [a.kernel] * 2, **common}

    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for title, layer, pass_name, tensors, expected in [
            ("Conv forward", conv, "forward", {"ifmap": ifmap, "filter": filters}, y),
            ("Conv input-grad (autograd)", conv, "input-grad",
             {"error": error, "filter": filters}, x.grad),
            ("Conv filter-grad (autograd)", conv, "filter-grad",
             {"ifmap": ifmap, "error": error}, w.grad),
            ("ConvTranspose forward", deconv, "forward", {"ifmap": error, "filter": filters}, t),
        ]:
            result, status = run(layer, pass_name, tensors, a.config, folder)
            expected = expected.detach().numpy().astype(np.int64)
            same = result.shape == expected.shape and np.array_equal(result, expected)
            failed += not (same and status == 0)
            print(f"{title:28} {str(result.shape):20} "
                  f"{'equal to PyTorch, every element' if same else 'DIFFERS from PyTorch'}")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
