#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Takes a layer through PyTorch's autograd and through `ecoflow run`, and compares.

The error of a random convolution goes back through torch.nn.functional.conv2d; the same tensors go to the Verilated
array as .npy files. An array for int16 has to agree in every element (autograd in float64, exact for these integers).
One for bf16 gets float32 tensors of bf16 values: its results are compared with autograd in fp32, both within
the bound of sums of n products in fp32, n u sum |a b|, u = 2^-24, of the exact value.

    examples/pytorch_check.py [--channels 8] [--filters 12] [--size 13] [--kernel 3] [--stride 2]
                              [--padding 1] [--batch 2] [--config ecoflow_4x4] [--seed 1]

Prints one line for each pass; exit status 0 when every element agrees.
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

    config = pathlib.Path(a.config) if pathlib.Path(a.config).is_file() else ROOT / f"gen/configs/{a.config}.json"
    real = json.loads(config.read_text())["pe"]["number_format"] == "bf16"
    random = np.random.default_rng(a.seed)
    if real:
        tensor = lambda *shape: torch.from_numpy(random.standard_normal(shape, np.float32)).to(torch.bfloat16).to(torch.float32)
    else:
        tensor = lambda *shape: torch.from_numpy(random.integers(-300, 300, shape).astype(np.int16))
    ifmap = tensor(a.batch, a.channels, a.size, a.size)
    filters = tensor(a.filters, a.channels, a.kernel, a.kernel)
    error = tensor(*torch.nn.functional.conv2d(ifmap.double(), filters.double(), stride=a.stride, padding=a.padding).shape)

    def autograd(ifmap, filters, error):
        """Results of all passes, in the order of `passes`."""
        x, w = ifmap.clone().requires_grad_(), filters.clone().requires_grad_()
        y = torch.nn.functional.conv2d(x, w, stride=a.stride, padding=a.padding)
        y.backward(error)
        # The same numbers as the forward pass of a transposed convolution.
        t = torch.nn.functional.conv_transpose2d(error, filters, stride=a.stride, padding=a.padding)
        return [v.detach().numpy() for v in (y, x.grad, w.grad, t)]

    doubles = [v.double() for v in (ifmap, filters, error)]
    exact = autograd(*doubles)
    if real:
        fp32 = autograd(ifmap, filters, error)
        counts = autograd(*(torch.ones_like(v) for v in doubles))
        bounds = [n * ((2.0**-24 + 2.0**-53) * s + 2.0**-149)
                  for n, s in zip(counts, autograd(*(v.abs() for v in doubles)))]

    common = {"strides": [a.stride] * 2, "pads": [a.padding] * 4}
    conv = {"name": "conv", "op": "Conv", "input": list(ifmap.shape), "output_channels": a.filters,
            "kernel_shape": [a.kernel] * 2, **common}
    deconv = {"name": "deconv", "op": "ConvTranspose", "input": list(error.shape),
              "output_channels": a.channels, "kernel_shape": [a.kernel] * 2, **common}
    passes = [("Conv forward", conv, "forward", {"ifmap": ifmap, "filter": filters}),
              ("Conv input-grad (autograd)", conv, "input-grad", {"error": error, "filter": filters}),
              ("Conv filter-grad (autograd)", conv, "filter-grad", {"ifmap": ifmap, "error": error}),
              ("ConvTranspose forward", deconv, "forward", {"ifmap": error, "filter": filters})]

    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for k, (title, layer, pass_name, tensors) in enumerate(passes):
            result, status = run(layer, pass_name, tensors, a.config, pathlib.Path(folder))
            same = status == 0 and result.shape == exact[k].shape
            if same and real:
                # Elements without a product have no error: their bound is 0.
                share = np.max(np.abs(result - exact[k]) / np.maximum(bounds[k], 2.0**-149))
                theirs = np.max(np.abs(fp32[k] - exact[k]) / np.maximum(bounds[k], 2.0**-149))
                beside = np.max(np.abs(result.astype(np.float64) - fp32[k]))
                same = share <= 1 and theirs <= 1
                verdict = (f"largest error {share:.4f} of the bound, {beside:.2g} beside autograd in fp32 "
                           f"({np.max(np.abs(fp32[k])):.3g} the largest element)")
            else:
                same = same and np.array_equal(result, exact[k].astype(np.int64))
                verdict = "equal to PyTorch, every element"
            failed += not same
            print(f"{title:28} {str(result.shape):20} {verdict if same else 'DIFFERS from PyTorch'}")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
