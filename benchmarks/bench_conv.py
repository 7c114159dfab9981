"""Convolution and pooling layers, beside PyTorch in its default order (NCHW) and in channels_last.

    python benchmarks/bench_conv.py --threads 1 2

forward    no graph
training   forward, and the gradients of input, weight and bias
Inputs lie in each contender's own order, as they would behind a layer of its own kind.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from harness import arguments, compare, line, set_threads

import tinygrad_edu as tg


class Layer(NamedTuple):
    N: int
    C: int
    size: int
    C_out: int
    kernel: int
    stride: int = 1
    padding: int = 0
    groups: int = 1

    def __str__(self) -> str:
        text = f"{self.N}x{self.C}x{self.size}x{self.size} to {self.C_out}"
        text += f", {self.kernel}x{self.kernel}"
        text += f" stride {self.stride}" if self.stride > 1 else ""
        return text + (f" groups {self.groups}" if self.groups > 1 else "")


LAYERS = [
    Layer(64, 1, 28, 32, 3),
    Layer(64, 32, 13, 64, 3),
    Layer(64, 64, 5, 64, 3),
    Layer(64, 3, 32, 64, 3, padding=1),
    Layer(64, 64, 16, 128, 3, padding=1),
    Layer(16, 64, 32, 64, 3, padding=1),
    Layer(32, 256, 8, 256, 3, padding=1),
    Layer(16, 64, 32, 128, 3, stride=2, padding=1),
    Layer(16, 16, 32, 16, 5, padding=2),
    Layer(8, 256, 16, 64, 1),
    Layer(8, 64, 16, 256, 1),
    Layer(8, 3, 112, 64, 7, stride=2, padding=3),
    Layer(16, 64, 32, 64, 3, padding=1, groups=64),
    Layer(16, 64, 32, 64, 3, padding=1, groups=8),
]
POOLS = [(64, 32, 26, 2, 2, 0), (64, 64, 11, 2, 2, 0), (16, 64, 56, 3, 2, 1)]

Runs = dict[str, Callable[[], object]]


def contenders(
    run: Callable[[Any, list[Any]], object], images: np.ndarray, *others: np.ndarray
) -> Runs:
    """run(library, tensors) for us and for PyTorch in both orders; 4-d tensors take the order."""
    import torch

    def channels_last(x: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)

    ours = [tg.from_numpy(channels_last(images)), *map(tg.tensor, others)]
    nchw = [torch.tensor(x) for x in (images, *others)]
    last = [x.to(memory_format=torch.channels_last) if x.ndim == 4 else x for x in nchw]
    return {
        "ours": lambda: run(tg, ours),
        "nchw": lambda: run(torch, nchw),
        "channels_last": lambda: run(torch, [*last]),
    }


def training(
    lib: Any, out: Callable[..., Any], tensors: list[Any], gradient: dict[Any, Any]
) -> None:
    """Forward and backward; the gradient of the output is made once for each library and order."""
    leaves = [x.detach().requires_grad_() for x in tensors]
    result = out(*leaves)
    key = lib, result.stride()
    if key not in gradient:
        gradient[key] = lib.ones_like(result)
    result.backward(gradient[key])


def forward(lib: Any, out: Callable[..., Any], tensors: list[Any]) -> None:
    with lib.no_grad():
        out(*tensors)


def bench(
    name: str, op: Callable[[Any], Callable[..., Any]], arrays: list[np.ndarray], seconds: float
) -> None:
    """One row for the forward pass, one for forward and backward."""
    gradient: dict[Any, Any] = {}
    runs = {
        "forward": lambda lib, tensors: forward(lib, op(lib), tensors),
        "training": lambda lib, tensors: training(lib, op(lib), tensors, gradient),
    }
    for what, run in runs.items():
        print(line(f"{name}, {what}", compare(contenders(run, *arrays), seconds)), flush=True)


def function(name: str, lib: Any, **settings: int) -> Callable[..., Any]:
    """The library's function of that name, with these arguments given."""
    return partial(getattr(lib.nn.functional, name), **settings)


def main() -> None:
    options = arguments(__doc__)
    rng = np.random.default_rng(0)
    for threads in options.threads:
        set_threads(threads)
        print(f"{threads} threads")
        for layer in LAYERS:
            shapes = (
                (layer.N, layer.C, layer.size, layer.size),
                (layer.C_out, layer.C // layer.groups, layer.kernel, layer.kernel),
                (layer.C_out,),
            )
            arrays = [rng.standard_normal(shape, dtype=np.float32) for shape in shapes]
            settings = {k: getattr(layer, k) for k in ("stride", "padding", "groups")}
            bench(str(layer), partial(function, "conv2d", **settings), arrays, options.seconds)
        for N, C, size, kernel, stride, padding in POOLS:
            x = rng.standard_normal((N, C, size, size), dtype=np.float32)
            window = {"kernel_size": kernel, "stride": stride, "padding": padding}
            for name in ("max_pool2d", "avg_pool2d"):
                title = f"{name} {kernel} of {N}x{C}x{size}x{size}"
                bench(title, partial(function, name, **window), [x], options.seconds)


if __name__ == "__main__":
    main()
