"""Whole training steps (forward, loss, backward, optimiser) and small ops, beside PyTorch eager.

    python benchmarks/bench_training.py --threads 1 2

small ops   leaf x of 16 floats; ten times `x = x * w; x = x + b`; sum; backward
mlp         784-256-128-10 with ReLU, batch 64, cross-entropy, Adam
cnn         conv 3x3 1-32, pool, 32-64, pool, 64-64, dense 64, dense 10; batch 64 of 28x28; Adam
matmul      1024 x 1024 x 1024, float32
PyTorch runs its fused Adam; both start from the same weights and see the same batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import harness
import numpy as np
import torch

import tinygrad_edu as tg


def small_ops(lib: Any) -> Callable[[], None]:
    x = lib.ones(16, requires_grad=True)
    w, b = lib.full((16,), 0.9), lib.full((16,), 0.1)

    def step() -> None:
        y = x
        for _ in range(10):
            y = y * w
            y = y + b
        y.sum().backward()
        x.grad = None

    return step


def mlp(lib: Any) -> Any:
    nn = lib.nn
    return nn.Sequential(
        nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10)
    )


def cnn(lib: Any) -> Any:
    nn = lib.nn
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(), nn.Flatten()),
        *(nn.Linear(64 * 7 * 7, 64), nn.ReLU(), nn.Linear(64, 10)),
    )


def training(lib: Any, model: Any, x: Any, targets: Any, **adam: Any) -> Callable[[], None]:
    optimizer = lib.optim.Adam(model.parameters(), lr=1e-3, **adam)
    loss_function = lib.nn.CrossEntropyLoss()

    def step() -> None:
        optimizer.zero_grad()
        loss_function(model(x), targets).backward()
        optimizer.step()

    return step


def both(build: Callable[[Any], Any], shape: tuple[int, ...]) -> dict[str, Callable[[], None]]:
    """The same network from the same weights on the same batch, in both libraries."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape, dtype=np.float32)
    targets = rng.integers(0, 10, shape[0])
    theirs, mine = build(torch), build(tg)
    mine.load_state_dict({k: tg.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    last = build(torch)
    last.load_state_dict(theirs.state_dict())
    steps = {
        "ours": training(tg, mine, tg.tensor(x), tg.tensor(targets)),
        "torch": training(torch, theirs, torch.tensor(x), torch.tensor(targets), fused=True),
    }
    if len(shape) == 4:
        last = last.to(memory_format=torch.channels_last)
        images = torch.tensor(x).to(memory_format=torch.channels_last)
        steps["torch channels_last"] = training(
            torch, last, images, torch.tensor(targets), fused=True
        )
    return steps


def matmul(size: int = 1024) -> dict[str, Callable[[], Any]]:
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((size, size), dtype=np.float32) for _ in range(2))
    mine, theirs = (tg.tensor(a), tg.tensor(b)), (torch.tensor(a), torch.tensor(b))
    return {"ours": lambda: mine[0] @ mine[1], "torch": lambda: theirs[0] @ theirs[1]}


def main() -> None:
    options = harness.arguments(__doc__)
    workloads = {
        "small ops": lambda: {"ours": small_ops(tg), "torch": small_ops(torch)},
        "mlp 784-256-128-10": lambda: both(mlp, (64, 784)),
        "cnn 32-64-64": lambda: both(cnn, (64, 1, 28, 28)),
        "matmul 1024": matmul,
    }
    for threads in options.threads:
        harness.set_threads(threads)
        for name, contenders in workloads.items():
            timings = harness.compare(contenders(), options.seconds)
            print(harness.line(f"{name}, {threads} threads", timings), flush=True)


if __name__ == "__main__":
    main()
