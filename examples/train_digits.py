#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Trains an all-convolutional network with every convolution of every pass on an array for bf16.

digits: 8x8 digits of scikit-learn, on the RTL; fashion: Fashion-MNIST, best with --functional. The host has loss, ReLU,
bias and SGD. Beside it PyTorch trains the same network from the same numbers, with bf16 operands and in fp32.

    examples/train_digits.py [--data digits|fashion] [--steps N] [--functional] [--config ecoflow_13x15_bf16]
                             [--seed 1] [--plot loss.svg] [--json R.json]

Exit status 1 when a result of the array is not within its bound or the losses of the first 20 steps are not within
2 % of PyTorch's with bf16 operands or, after a whole training (66 steps; fashion 200), the accuracy is too low.
"""
import argparse
import gzip
import json
import pathlib
import sys
import time

import numpy as np
import torch

import eco_torch

CLOCK_MHZ = 200
# Channels, kernel, stride, padding of the layers; steps of a whole training, the accuracy that it is to reach, and the
# step from which the rate falls linearly, to zero at the end (None: it does not).
NETWORKS = {"digits": ([(16, 3, 1, 1), (32, 3, 2, 1), (32, 3, 2, 1), (10, 2, 1, 0)], 66, 0.93, None),
            "fashion": ([(16, 3, 2, 1), (32, 3, 2, 1), (64, 3, 2, 1), (10, 4, 1, 0)], 200, 0.80, 100)}
BATCH, RATE, MOMENTUM = 64, 0.05, 0.9
COMPARED, CLOSE = 20, 0.02  # losses of the first steps, within this share
POINTS = 0.02  # accuracy beside PyTorch in fp32


def digits():
    from sklearn.datasets import load_digits
    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    x = torch.tensor(data.images[order] / 16, dtype=torch.float32)[:, None]
    y = torch.tensor(data.target[order])
    return (x[:1437], y[:1437]), (x[1437:], y[1437:])


def fashion():
    folder = pathlib.Path("/usr/share/datasets/fashion-mnist")
    def read(name, head):
        return np.frombuffer(gzip.decompress(next(folder.rglob(name)).read_bytes()), np.uint8, offset=head)
    sets = []
    for part in ("train", "t10k"):
        x = read(f"{part}-images-idx3-ubyte.gz", 16).reshape(-1, 1, 28, 28)
        sets.append((torch.tensor(x / 255, dtype=torch.float32), torch.tensor(read(f"{part}-labels-idx1-ubyte.gz", 8).astype(np.int64))))
    return tuple(sets)


def network(shapes, inputs, backend, seed):
    torch.manual_seed(seed)  # the same start for every backend
    layers = []
    for number, (outputs, kernel, stride, padding) in enumerate(shapes):
        layers += [eco_torch.Layer(f"conv{number + 1}", inputs, outputs, kernel, stride, padding, backend), torch.nn.ReLU()]
        inputs = outputs
    return torch.nn.Sequential(*layers[:-1], torch.nn.Flatten())


def accuracy(model, data):
    """Of the network as trained, by PyTorch: only training is under test, and the test set takes a forward pass."""
    with torch.no_grad():
        x, y = data
        return float((model(x).argmax(1) == y).float().mean())


def train(model, backend, data, steps, rate, seed, told):
    """Losses of the steps; `rate` gives the learning rate of a step."""
    x, y = data
    sgd = torch.optim.SGD(model.parameters(), RATE, MOMENTUM)
    random = np.random.default_rng(seed)
    order, losses = [], []
    for step in range(steps):
        if len(order) < BATCH:
            order = list(random.permutation(len(y)))
        batch, order = order[:BATCH], order[BATCH:]
        loss = torch.nn.functional.cross_entropy(model(x[batch]), y[batch])
        sgd.zero_grad()
        eco_torch.backward(loss, backend)
        sgd.param_groups[0]["lr"] = rate(step)
        sgd.step()
        losses.append(float(loss))
        told(step, losses[-1])
    return losses


def use(model, backend):
    """Sends the convolutions of a network elsewhere."""
    for layer in model:
        if isinstance(layer, eco_torch.Layer):
            layer.backend = backend
    return model


def plot(losses, title, file):
    import matplotlib
    matplotlib.use("svg")
    import matplotlib.pyplot as plt
    figure, axes = plt.subplots(figsize=(7, 4))
    for name, values in losses.items():
        axes.plot(range(1, len(values) + 1), values, label=name, linestyle="-" if name.startswith("array") else "--")
    axes.set(xlabel="step", ylabel="cross entropy of the batch", title=title)
    axes.legend()
    axes.grid(alpha=0.3)
    figure.savefig(file, metadata={"Date": None})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", choices=sorted(NETWORKS), default="digits")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--functional", action="store_true", help="compute and cycle models in place of the RTL")
    parser.add_argument("--config", default="ecoflow_13x15_bf16")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plot", help="both losses, SVG")
    parser.add_argument("--json", help="write the figures")
    a = parser.parse_args()
    torch.set_num_threads(1)  # the same order of sums on every machine
    shapes, whole, wanted, falling = NETWORKS[a.data]
    steps = a.steps or whole
    training, test = {"digits": digits, "fashion": fashion}[a.data]()
    mean, deviation = training[0].mean(), training[0].std()
    training, test = (((x - mean) / deviation, y) for x, y in (training, test))
    inputs = training[0].shape[1]

    array = eco_torch.Array(a.config, a.functional)
    begin = time.monotonic()

    def told(step, loss):
        line = (f"step {step + 1} of {steps}: loss {loss:.3f}, {array.cycles // (step + 1):,} cycles a step, "
                f"{time.monotonic() - begin:.0f} s")
        if sys.stderr.isatty():
            print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
        elif (step + 1) % 10 == 0:
            print(line, file=sys.stderr, flush=True)

    def rate(step):
        if falling is None or step < falling:
            return RATE
        return RATE * max(0, whole - step) / (whole - falling)

    losses, accuracies = {}, {}
    where = "model" if a.functional else "RTL"
    for name, backend in ((f"array ({where}, bf16)", array), ("PyTorch, bf16 operands", eco_torch.Reference()),
                          ("PyTorch, fp32", None)):
        model = network(shapes, inputs, backend, a.seed)
        losses[name] = train(model, backend, training, steps, rate, a.seed, told if backend is array else lambda *_: None)
        if backend is array:
            seconds = time.monotonic() - begin
        accuracies[name] = accuracy(use(model, backend and eco_torch.Reference()), test)
    array.close()
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)

    first, reference, exact = losses.values()
    off = float(np.max([abs(p - q) / q for p, q in list(zip(first, reference))[:COMPARED]]))  # not a number stays one
    got, _, fp32 = accuracies.values()
    cycles = array.cycles / steps
    print(f"{a.data}, {steps} steps of {BATCH} on {a.config} ({where}): {array.layers} passes of layers in {seconds:.0f} s")
    print(f"  {'':<28}{'last loss':>10}{'test accuracy':>15}")
    for name, values in losses.items():
        print(f"  {name:<28}{values[-1]:>10.4f}{100 * accuracies[name]:>13.2f} %")
    print(f"  losses of the first {min(steps, COMPARED)} steps: within {100 * off:.3f} % of PyTorch with bf16 operands")
    print(f"  results: {array.failed} of {array.layers} outside their bound; the largest error is {array.worst:.3f} of it")
    print(f"  a step: {cycles:,.0f} cycles, {cycles / CLOCK_MHZ / 1e3:.3f} ms at {CLOCK_MHZ} MHz")
    for (op, pass_name), count in sorted(array.kind.items()):
        print(f"    {op + ' ' + pass_name:<26}{count / steps:>12,.0f} cycles")
    good = array.failed == 0 and off <= CLOSE
    if steps >= whole:
        good &= got >= wanted and got >= fp32 - POINTS
        print(f"  accuracy: at least {100 * wanted:.0f} %, at most {100 * POINTS:.0f} points below fp32: "
              f"{'yes' if got >= wanted and got >= fp32 - POINTS else 'NO'}")
    if a.plot:
        plot(losses, f"{a.data}, every convolution on {a.config} ({where})", a.plot)
    if a.json:
        pathlib.Path(a.json).write_text(json.dumps({
            "data": a.data, "steps": steps, "config": a.config, "functional": a.functional, "losses": losses,
            "accuracies": accuracies, "off": off, "failed": array.failed, "worst_error_of_bound": array.worst,
            "cycles_per_step": cycles, "seconds": seconds}, indent=1) + "\n")
    return not good


if __name__ == "__main__":
    sys.exit(main())
