"""Matrix products of typical nets, forward and gradients, against PyTorch (MKL).

    python benchmarks/bench_matmul.py [--threads 1 2] [--seconds 2]

Operands are stored as the nets store them: a weight is (out, in), so a forward pass reads it
transposed, and a weight gradient reads the activations transposed. The block sizes of
csrc/matmul.cpp and the tile of csrc/microkernel.h were set with these rows.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from harness import arguments, compare, line, set_threads

import tinygrad_edu as tg

# name, batch, M, N, K, operand stored transposed: x, y
PRODUCTS = [
    ("square 1024", 0, 1024, 1024, 1024, False, False),
    ("square 512", 0, 512, 512, 512, False, False),
    ("square 256", 0, 256, 256, 256, False, False),
    ("square 128", 0, 128, 128, 128, False, False),
    ("square 64", 0, 64, 64, 64, False, False),
    ("small MLP, layer 1", 0, 64, 256, 784, False, True),
    ("small MLP, layer 2", 0, 64, 128, 256, False, True),
    ("small MLP, layer 3", 0, 64, 10, 128, False, True),
    ("small MLP, grad of weight 1", 0, 256, 784, 64, True, False),
    ("small MLP, grad of input 2", 0, 64, 256, 128, False, False),
    ("small MLP, grad of weight 3", 0, 10, 128, 64, True, False),
    ("wide MLP, layer 2", 0, 256, 1024, 1024, False, True),
    ("wide MLP, grad of input 2", 0, 256, 1024, 1024, False, False),
    ("wide MLP, grad of weight 2", 0, 1024, 1024, 256, True, False),
    ("GPT 128, qkv", 0, 768, 384, 128, False, True),
    ("GPT 128, feed-forward", 0, 768, 512, 128, False, True),
    ("GPT 128, grad of weight", 0, 512, 128, 768, True, False),
    ("GPT 128, attention scores", 48, 64, 64, 32, False, True),
    ("GPT 128, attention values", 48, 64, 32, 64, False, False),
    ("GPT 384, qkv", 0, 1024, 1152, 384, False, True),
    ("GPT 384, feed-forward", 0, 1024, 1536, 384, False, True),
    ("GPT 384, grad of input", 0, 1024, 384, 1536, False, False),
    ("GPT 384, grad of weight", 0, 1536, 384, 1024, True, False),
    ("LSTM, one step", 0, 32, 1024, 256, False, False),
    ("LSTM, input of all steps", 0, 2048, 1024, 128, False, True),
    ("convolution 1x1", 0, 4096, 64, 128, False, False),
    ("one sample, 1024", 0, 1, 1024, 1024, False, True),
]


def operand(batch: int, rows: int, columns: int, transposed: bool, dtype: str) -> np.ndarray:
    """A random (batch, rows, columns) array; stored the other way round if transposed."""
    shape = (columns, rows) if transposed else (rows, columns)
    x = np.random.default_rng(0).normal(size=(batch, *shape) if batch else shape).astype(dtype)
    return x.swapaxes(-1, -2) if transposed else x


def run(dtype: str, seconds: float) -> None:
    ratios = []
    for name, batch, m, n, k, transposed_x, transposed_y in PRODUCTS:
        x = operand(batch, m, k, transposed_x, dtype)
        y = operand(batch, k, n, transposed_y, dtype)
        x_ours, y_ours, x_torch, y_torch = (
            *(tg.from_numpy(z) for z in (x, y)),
            *(torch.from_numpy(z) for z in (x, y)),
        )
        timings = compare(
            {
                "ours": lambda x=x_ours, y=y_ours: tg.matmul(x, y),
                "torch": lambda x=x_torch, y=y_torch: torch.matmul(x, y),
            },
            seconds,
        )
        ratios.append(timings["ours"].median / timings["torch"].median)
        speed = 2 * max(batch, 1) * m * n * k / timings["ours"].median / 1e9
        print(line(name, timings, work=f"{speed:6.1f} GFLOP/s"))
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    print(f"geometric mean of the ratios: {mean:.2f}")


def main() -> None:
    options = arguments(__doc__)
    for threads in options.threads:
        set_threads(threads)
        for dtype in ("float32", "float64"):
            print(f"\n{dtype}, {threads} thread{'s' * (threads > 1)}")
            run(dtype, options.seconds)


if __name__ == "__main__":
    main()
