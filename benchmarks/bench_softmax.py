"""softmax, log_softmax and cross-entropy beside PyTorch, forward and backward together.

    python benchmarks/bench_softmax.py --threads 1 2

Sizes: a small classifier, the vocabulary of gpt_char, ImageNet's classes, a large vocabulary, and
the channels of a segmentation net (dim 1 of NCHW, so that rows are strided).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from harness import arguments, compare, line, set_threads

import tinygrad_edu as tg

SHAPES = [(64, 10), (768, 65), (1024, 1000), (64, 50257), (8, 21, 64, 64)]


def step(library: Any, loss: Callable[..., Any], x: Any, other: Any) -> Callable[[], object]:
    """Forward and backward of loss(leaf, other); the gradient that starts is the input's values."""
    leaf = library.tensor(x, requires_grad=True)
    given = library.tensor(other)

    def run() -> object:
        leaf.grad = None
        out = loss(leaf, given)
        return out.backward(given if out.shape == given.shape else None)

    return run


def main() -> None:
    import torch

    options = arguments(__doc__)
    rng = np.random.default_rng(0)
    for threads in options.threads:
        set_threads(threads)
        print(f"{threads} threads")
        for shape in SHAPES:
            x, g = rng.standard_normal((2, *shape)).astype(np.float32)
            target = rng.integers(0, shape[1], (shape[0], *shape[2:]))
            for name in ("softmax", "log_softmax", "cross_entropy"):
                contenders = {}
                for who, library in (("ours", tg), ("torch", torch)):
                    op = getattr(library.nn.functional, name)
                    if name == "cross_entropy":
                        contenders[who] = step(library, op, x, target)
                    else:
                        contenders[who] = step(library, lambda x, _, op=op: op(x, 1), x, g)
                print(line(f"{name} {shape}", compare(contenders, options.seconds)))


if __name__ == "__main__":
    main()
