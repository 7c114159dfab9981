"""Reductions, copies and indexing against PyTorch: python benchmarks/bench_reduce.py

Shapes are those of small nets: biases' gradients, norms over rows and channels, layouts of images
and of attention heads, embeddings. Both sides take ready inputs and allocate their results.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from harness import arguments, compare, line, set_threads

import tinygrad_edu as tg

REDUCTIONS: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((64, 10), (0,)), ((64, 128), (0,)), ((64, 128), (1,)), ((256, 1024), (0,)),
    ((256, 1024), (1,)), ((1000, 10), (1,)), ((10_000, 3), (1,)), ((4096, 4096), (0,)),
    ((4096, 4096), (1,)), ((1 << 20,), (0,)), ((64, 32, 28, 28), (0, 2, 3)), ((64, 256, 64), (1,)),
    ((50_000, 64), (0,)), ((64, 64, 7, 7), (2, 3)),
]  # fmt: skip

PERMUTED: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((1024, 1024), (1, 0)), ((64, 64, 28, 28), (0, 2, 3, 1)), ((64, 28, 28, 64), (0, 3, 1, 2)),
    ((12, 64, 4, 32), (0, 2, 1, 3)),
]  # fmt: skip

Pair = tuple[str, Callable[[], object], Callable[[], object]]


def pair(shape: tuple[int, ...]) -> tuple[tg.Tensor, torch.Tensor]:
    """The same values for both."""
    values = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    return tg.tensor(values), torch.from_numpy(values)


def reductions() -> list[Pair]:
    rows: list[Pair] = []
    for shape, dims in REDUCTIONS:
        x, t = pair(shape)
        rows.append(
            (f"sum {shape} over {dims}", lambda x=x, d=dims: x.sum(d), lambda t=t, d=dims: t.sum(d))
        )
        rows.append(
            (
                f"amax {shape} over {dims}",
                lambda x=x, d=dims: x.amax(d),
                lambda t=t, d=dims: t.amax(d),
            )
        )
    for shape, dim in (((64, 10), 1), ((256, 1024), 1), ((256, 1024), 0), ((64, 256, 64), 1)):
        x, t = pair(shape)
        rows.append(
            (f"max {shape} along {dim}", lambda x=x, d=dim: x.max(d), lambda t=t, d=dim: t.max(d))
        )
        rows.append(
            (
                f"cumsum {shape} along {dim}",
                lambda x=x, d=dim: x.cumsum(d),
                lambda t=t, d=dim: t.cumsum(d),
            )
        )
    return rows


def copies() -> list[Pair]:
    rows: list[Pair] = []
    for shape, order in PERMUTED:
        x, t = pair(shape)
        x, t = x.permute(order), t.permute(order)
        rows.append((f"contiguous {shape} as {order}", x.contiguous, t.contiguous))
    x, t = pair((256, 1024))
    rows.append(
        ("cat (256, 1024) twice, dim 1", lambda: tg.cat([x, x], 1), lambda: torch.cat([t, t], 1))
    )
    return rows


def indexing() -> list[Pair]:
    x, t = pair((10_000, 64))
    places = np.random.default_rng(1).integers(0, 10_000, 4096)
    index, index_t = tg.tensor(places), torch.from_numpy(places)
    source, source_t = pair((4096, 64))
    small, small_t = pair((64, 10))
    last = places[:64, None] % 10
    column, column_t = tg.tensor(last), torch.from_numpy(last)
    mask, mask_t = x > 0, t > 0
    return [
        ("x[4096 rows of 10000 x 64]", lambda: x[index], lambda: t[index_t]),
        (
            "index_add, 4096 rows",
            lambda: x.index_add(0, index, source),
            lambda: t.index_add(0, index_t, source_t),
        ),
        (
            "gather (64, 10), one a row",
            lambda: small.gather(1, column),
            lambda: small_t.gather(1, column_t),
        ),
        ("where (10000, 64)", lambda: tg.where(mask, x, 0.0), lambda: torch.where(mask_t, t, 0.0)),
        ("x[1:3, :, None]", lambda: small[1:3, :, None], lambda: small_t[1:3, :, None]),
        ("x[3]", lambda: small[3], lambda: small_t[3]),
        ("x.reshape(-1)", lambda: small.reshape(-1), lambda: small_t.reshape(-1)),
    ]


def main() -> None:
    args = arguments(__doc__)
    for threads in args.threads:
        set_threads(threads)
        print(f"\n{threads} thread(s)")
        for what, ours, theirs in (*reductions(), *copies(), *indexing()):
            print(line(what, compare({"ours": ours, "torch": theirs}, args.seconds)))


if __name__ == "__main__":
    main()
