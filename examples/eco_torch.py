# SPDX-License-Identifier: Apache-2.0
"""PyTorch's convolutions on an array for bf16: every pass of every layer goes through `ecoflow serve`.

Operands are rounded to bfloat16, results are fp32. `Reference` computes the same with PyTorch, so that the same
network can be trained on either; without a backend a layer is PyTorch's own, in fp32, with its autograd.
"""
import collections
import concurrent.futures
import itertools
import json
import pathlib
import queue
import subprocess
import tempfile

import numpy as np
import torch
import torch.nn.grad

ROOT = pathlib.Path(__file__).resolve().parent.parent


def to_bf16(x):
    """The nearest bf16 numbers, as float32."""
    return x.detach().to(torch.bfloat16).to(torch.float32)


class Array:
    """An array, on its RTL or (functional) by the compute and cycle models.

    Two processes simulate it. Passes wait in one queue; those over images are cut in two halves of the batch, and filter
    gradients need not be there before `finish`, so that both processes always have something to do. That saves time here
    and changes no result: `cycles` are those of one array that computes one after the other.

    Counts: `layers`, `cycles` (also by `kind`), `seconds` of simulation, `worst`: the largest error as a share of the
    bound of the golden model, `failed`: layers whose results are not within it.
    """

    PROCESSES = 2

    def __init__(self, config="ecoflow_13x15_bf16", functional=False, compare=True):
        self.folder = tempfile.TemporaryDirectory()
        self.number = itertools.count()
        self.compare = compare
        self.layers = self.cycles = self.failed = 0
        self.seconds = self.worst = 0.0
        self.kind = collections.Counter()
        self.gradients = []  # of filters, under way: parameter and what `start` returned
        self.free = queue.SimpleQueue()
        self.pool = concurrent.futures.ThreadPoolExecutor(self.PROCESSES)  # a thread waits for each process
        self.processes = [subprocess.Popen(
            [ROOT / "build/bin/ecoflow", "serve", "--config", config] + ["--functional"] * functional,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(self.PROCESSES)]
        for process in self.processes:
            self.free.put(process)

    def start(self, layer, pass_name, **tensors):
        """Starts one pass of a layer (as in a layer file) on float32 tensors; `result` of what it returns is to follow."""
        streamed = {"forward": "ifmap", "input-grad": "error"}.get(pass_name)
        if streamed is None:
            return [self.pool.submit(self.ask, layer, pass_name, tensors)]
        return [self.pool.submit(self.ask, layer | {"input": [len(part), *layer["input"][1:]]}, pass_name,
                                 tensors | {streamed: part})
                for part in tensors[streamed].chunk(self.PROCESSES)]

    def ask(self, layer, pass_name, tensors):
        """Request, report and output of a pass, from the next process that is free."""
        stem = pathlib.Path(self.folder.name) / str(next(self.number))
        request = {"layer": layer, "pass": pass_name, "output": f"{stem}.output.npy", "compare": self.compare}
        for name, values in tensors.items():
            request[name] = f"{stem}.{name}.npy"
            np.save(request[name], np.ascontiguousarray(values.numpy()))
        process = self.free.get()
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        self.free.put(process)
        if not line:
            raise RuntimeError("ecoflow serve ended")
        report = json.loads(line)
        if "error" in report:
            raise RuntimeError(report["error"])
        output = torch.from_numpy(np.load(request["output"]))
        for name in ("output", *tensors):
            pathlib.Path(request[name]).unlink()
        return request, report, output

    def result(self, started):
        """The output of a pass, a float32 tensor."""
        requests, reports, outputs = zip(*(each.result() for each in started))
        cycles = sum(report["cycles"] for report in reports)
        self.layers += 1
        self.cycles += cycles
        self.kind[requests[0]["layer"]["op"], requests[0]["pass"]] += cycles
        self.seconds += sum(report["sim_seconds"] for report in reports)
        if self.compare:
            self.failed += not all(report["match"] for report in reports)
            self.worst = max(self.worst, *(report["worst_error_of_bound"] for report in reports))
        return torch.cat(outputs)

    def start_gradient(self, parameter, *of_pass, **tensors):
        """Starts a filter gradient, which `finish` adds to that of `parameter`."""
        self.gradients.append((parameter, self.start(*of_pass, **tensors)))

    def finish(self):
        for parameter, started in self.gradients:
            add_gradient(parameter, self.result(started))
        self.gradients.clear()

    def close(self):
        for process in self.processes:
            process.stdin.close()
            process.wait()
        self.pool.shutdown()
        self.folder.cleanup()


class Reference:
    """The same by PyTorch: operands rounded to bf16, sums in fp32."""

    def start(self, layer, pass_name, ifmap=None, filter=None, error=None):
        stride, pads = layer["strides"], layer["pads"][:2]
        size = layer["input"]
        transposed = layer["op"] == "ConvTranspose"
        if pass_name == "forward":
            conv = torch.nn.functional.conv_transpose2d if transposed else torch.nn.functional.conv2d
            return conv(ifmap, filter, stride=stride, padding=pads)
        if transposed:  # its gradients are those of the convolution that it is the gradient of
            if pass_name == "input-grad":
                return torch.nn.functional.conv2d(error, filter, stride=stride, padding=pads)
            shape = [size[1], layer["output_channels"], *layer["kernel_shape"]]
            return torch.nn.grad.conv2d_weight(error, shape, ifmap, stride=stride, padding=pads)
        if pass_name == "input-grad":
            return torch.nn.grad.conv2d_input(size, filter, error, stride=stride, padding=pads)
        shape = [layer["output_channels"], size[1], *layer["kernel_shape"]]
        return torch.nn.grad.conv2d_weight(ifmap, shape, error, stride=stride, padding=pads)

    def result(self, started):
        return started

    def start_gradient(self, parameter, *of_pass, **tensors):
        add_gradient(parameter, self.start(*of_pass, **tensors))

    def finish(self):
        pass


def add_gradient(parameter, gradient):
    parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient


def backward(loss, backend):
    """Gradients of all parameters."""
    loss.backward()
    if backend is not None:
        backend.finish()


class Convolution(torch.autograd.Function):
    """Conv or ConvTranspose without bias; all three passes by `backend`. The filter's gradient is there after the
    function `backward`, not before."""

    @staticmethod
    def forward(ctx, x, weight, op, name, stride, padding, backend):
        ctx.backend, ctx.parameter = backend, weight
        outputs = weight.shape[0] if op == "Conv" else weight.shape[1]
        ctx.layer = {"name": name, "op": op, "input": list(x.shape), "output_channels": outputs,
                     "kernel_shape": list(weight.shape[2:]), "strides": [stride] * 2, "pads": [padding] * 4}
        x, weight = to_bf16(x), to_bf16(weight)
        ctx.save_for_backward(x, weight)
        return backend.result(backend.start(ctx.layer, "forward", ifmap=x, filter=weight))

    @staticmethod
    def backward(ctx, error):
        x, weight = ctx.saved_tensors
        error = to_bf16(error)
        started = ctx.backend.start(ctx.layer, "input-grad", error=error, filter=weight) if ctx.needs_input_grad[0] else None
        if ctx.needs_input_grad[1]:
            ctx.backend.start_gradient(ctx.parameter, ctx.layer, "filter-grad", ifmap=x, error=error)
        return (None if started is None else ctx.backend.result(started), *[None] * 6)


class Layer(torch.nn.Module):
    """A convolution with bias; the bias is the host's. Without backend all is PyTorch's."""

    def __init__(self, name, inputs, outputs, kernel, stride, padding, backend, op="Conv"):
        super().__init__()
        like = torch.nn.Conv2d if op == "Conv" else torch.nn.ConvTranspose2d
        fresh = like(inputs, outputs, kernel, stride, padding)  # PyTorch's initial values
        self.weight, self.bias = fresh.weight, fresh.bias
        self.name, self.op, self.stride, self.padding, self.backend = name, op, stride, padding, backend

    def forward(self, x):
        if self.backend is None:
            conv = torch.nn.functional.conv2d if self.op == "Conv" else torch.nn.functional.conv_transpose2d
            return conv(x, self.weight, self.bias, self.stride, self.padding)
        return Convolution.apply(x, self.weight, self.op, self.name, self.stride, self.padding, self.backend) + \
            self.bias[None, :, None, None]
