"""Optimiser steps beside PyTorch's fused and default (foreach) ones, on the parameters of networks.

    python benchmarks/bench_optim.py --threads 1 2

Gradients stay as they are from step to step, so the time is that of `optimizer.step()` alone.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from harness import arguments, compare, line, set_threads

import tinygrad_edu as tg


def linear(*widths: int) -> list[tuple[int, ...]]:
    """Weights and biases of a chain of linear layers."""
    return [shape for n_in, n_out in pairwise(widths) for shape in ((n_out, n_in), (n_out,))]


BLOCK = [(384,), (384,), *linear(384, 1152), *linear(384, 384), (384,), (384,)]
NETWORKS = {
    "mlp_small": linear(784, 256, 128, 10),
    "mlp_wide": linear(784, 1024, 1024, 10),
    "gpt_384": [(65, 384), (256, 384), *6 * [*BLOCK, *linear(384, 1536, 384)]],
}
OPTIMIZERS = {
    "SGD": {"lr": 1e-3, "momentum": 0.9},
    "Adam": {"lr": 1e-3},
    "AdamW": {"lr": 1e-3},
}


def contenders(name: str, shapes: list[tuple[int, ...]]) -> dict[str, object]:
    """The step of each contender, on parameters and gradients of its own."""
    import torch

    rng = np.random.default_rng(0)
    values = [rng.standard_normal((2, *shape)).astype(np.float32) for shape in shapes]
    ours = [tg.tensor(value[0], requires_grad=True) for value in values]
    for p, value in zip(ours, values, strict=True):
        p.grad = tg.tensor(value[1])
    steps = {"ours": getattr(tg.optim, name)(ours, **OPTIMIZERS[name]).step}
    for peer, option in (("fused", {"fused": True}), ("foreach", {})):
        theirs = [torch.tensor(value[0], requires_grad=True) for value in values]
        for p, value in zip(theirs, values, strict=True):
            p.grad = torch.tensor(value[1])
        steps[peer] = getattr(torch.optim, name)(theirs, **OPTIMIZERS[name], **option).step
    return steps


def main() -> None:
    options = arguments(__doc__)
    for threads in options.threads:
        set_threads(threads)
        print(f"{threads} threads")
        for network, shapes in NETWORKS.items():
            count = sum(int(np.prod(shape)) for shape in shapes)
            for name in OPTIMIZERS:
                timings = compare(contenders(name, shapes), options.seconds)
                rate = count / timings["ours"].median / 1e9
                print(line(f"{name} {network}", timings, work=f"{rate:.2f} G parameters/s"))


if __name__ == "__main__":
    main()
