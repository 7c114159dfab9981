"""layer_norm, batch_norm, embedding and dropout beside PyTorch, forward and backward together.

python benchmarks/bench_norms.py --threads 1 2
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from harness import arguments, compare, line, set_threads

import tinygrad_edu as tg

ROWS = [(64, 128), (768, 128), (1024, 384), (4096, 1024)]
IMAGES = [(64, 16, 8, 8), (64, 32, 28, 28), (64, 64, 14, 14)]
TABLES = [(65, 128, 768), (50257, 384, 1024)]


def step(run: Callable[[], Any], leaves: list[Any], g: Any) -> Callable[[], object]:
    """Forward, then backward from g."""

    def both() -> object:
        for leaf in leaves:
            leaf.grad = None
        return run().backward(g)

    return both


def cases(library: Any, rng: np.random.Generator) -> Iterator[tuple[str, Callable[[], object]]]:
    F = library.nn.functional

    def tensor(*shape: int, leaf: bool = True) -> Any:
        values = rng.standard_normal(shape).astype(np.float32)
        return library.tensor(values, requires_grad=leaf)

    def channels_last(x: Any) -> Any:
        """The same values with the channels innermost in memory."""
        return x.detach().permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)

    for n, width in ROWS:
        x, w, b, g = tensor(n, width), tensor(width), tensor(width), tensor(n, width, leaf=False)
        run = lambda x=x, w=w, b=b, width=width: F.layer_norm(x, (width,), w, b)  # noqa: E731
        yield f"layer_norm {(n, width)}", step(run, [x, w, b], g)
    for shape in IMAGES:
        for order in ("NCHW", "channels_last"):
            w, b = tensor(shape[1]), tensor(shape[1])
            x, g = tensor(*shape), tensor(*shape, leaf=False)
            if order == "channels_last":
                x, g = channels_last(x).requires_grad_(), channels_last(g)
            run = lambda x=x, w=w, b=b: F.batch_norm(x, None, None, w, b, True)  # noqa: E731
            yield f"batch_norm {shape} {order}", step(run, [x, w, b], g)
    for rows, width, count in TABLES:
        table, g = tensor(rows, width), tensor(count, width, leaf=False)
        index = library.tensor(rng.integers(0, rows, count))
        run = lambda index=index, table=table: F.embedding(index, table)  # noqa: E731
        yield f"embedding ({rows}, {width}), {count} rows", step(run, [table], g)
    for n, width in ROWS:
        x, g = tensor(n, width), tensor(n, width, leaf=False)
        run = lambda x=x: F.dropout(x, 0.1)  # noqa: E731
        yield f"dropout {(n, width)}", step(run, [x], g)


def main() -> None:
    import torch

    options = arguments(__doc__)
    for threads in options.threads:
        set_threads(threads)
        print(f"{threads} threads")
        rng = np.random.default_rng(0)
        for (what, ours), (_, theirs) in zip(cases(tg, rng), cases(torch, rng), strict=True):
            print(line(what, compare({"ours": ours, "torch": theirs}, options.seconds)))


if __name__ == "__main__":
    main()
