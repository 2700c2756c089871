#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""One training step of a small GAN on an array for bf16, against PyTorch's autograd.

The generator upsamples with ConvTranspose, the discriminator is strided: all passes of both operations. Every parameter's
gradient is compared with PyTorch's from the same bf16 operands and with autograd in fp32, as a share of the
gradient's largest element.

    examples/gan_step.py [--config ecoflow_13x15_bf16] [--functional] [--batch 4] [--seed 1]

Exit status 1 when a result of the array is not within its bound, or a gradient is more than 0.1 % (fp32: 10 %) off.
"""
import argparse
import sys

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, leaky_relu, relu

import eco_torch

CLOSE = 0.001  # sums in another order, and operands that then round to the other neighbour
CLOSE_FP32 = 0.1  # operands of 8 bits along six layers


def gradients(backend, batch, seed):
    """Loss and gradient of every parameter, of one step of the discriminator and one of the generator."""
    torch.manual_seed(seed)
    layer = lambda name, *shape, **how: eco_torch.Layer(name, *shape, backend, **how)
    up = [layer("up1", 16, 12, 4, 1, 0, op="ConvTranspose"), layer("up2", 12, 8, 4, 2, 1, op="ConvTranspose"),
          layer("up3", 8, 3, 4, 2, 1, op="ConvTranspose")]
    down = [layer("down1", 3, 8, 4, 2, 1), layer("down2", 8, 12, 4, 2, 1), layer("down3", 12, 1, 4, 1, 0)]

    def generate(noise):
        for one in up[:-1]:
            noise = relu(one(noise))
        return torch.tanh(up[-1](noise))

    def judge(image):
        for one in down[:-1]:
            image = leaky_relu(one(image), 0.2)
        return down[-1](image).flatten()

    noise, real = torch.randn(batch, 16, 1, 1), torch.tanh(torch.randn(batch, 3, 16, 16))
    fake = generate(noise)
    one, zero = torch.ones(batch), torch.zeros(batch)
    loss_d = binary_cross_entropy_with_logits(judge(real), one) + binary_cross_entropy_with_logits(judge(fake.detach()), zero)
    eco_torch.backward(loss_d, backend)
    found = {f"{module.name} {kind} (discriminator)": getattr(module, kind).grad.clone() for module in down for kind in ("weight", "bias")}
    loss_g = binary_cross_entropy_with_logits(judge(fake), one)
    eco_torch.backward(loss_g, backend)
    found |= {f"{module.name} {kind} (generator)": getattr(module, kind).grad for module in up for kind in ("weight", "bias")}
    return (float(loss_d), float(loss_g)), found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="ecoflow_13x15_bf16")
    parser.add_argument("--functional", action="store_true", help="compute and cycle models in place of the RTL")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    a = parser.parse_args()
    torch.set_num_threads(1)
    array = eco_torch.Array(a.config, a.functional)
    losses, found = gradients(array, a.batch, a.seed)
    array.close()
    expected_losses, expected = gradients(eco_torch.Reference(), a.batch, a.seed)
    exact_losses, exact = gradients(None, a.batch, a.seed)
    print(f"one GAN step, batch {a.batch}, on {a.config}: {array.layers} passes of layers, {array.cycles:,} cycles")
    print(f"  {'':<58}{'bf16 operands':>14}{'autograd, fp32':>16}")
    for name, mine, rounded, fp32 in zip(("discriminator", "generator"), losses, expected_losses, exact_losses):
        print(f"  loss of the {name:<34}{mine:>12.6f}{rounded:>14.6f}{fp32:>16.6f}")
    worst = [0.0, 0.0]
    for name, gradient in found.items():
        off = [float((gradient - other[name]).abs().max() / other[name].abs().max()) for other in (expected, exact)]
        worst = [float(np.maximum(*pair)) for pair in zip(worst, off)]  # not a number stays one
        print(f"  gradient of {name:<34}{str(tuple(gradient.shape)):<18}{100 * off[0]:>8.5f} %{100 * off[1]:>14.3f} %")
    print(f"  results: {array.failed} of {array.layers} outside their bound; the largest error is {array.worst:.3f} of it")
    good = array.failed == 0 and worst[0] <= CLOSE and worst[1] <= CLOSE_FP32
    print("  gradients agree" if good else "  gradients DIFFER")
    return not good


if __name__ == "__main__":
    sys.exit(main())
