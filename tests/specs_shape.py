"""Rows of views and of the ops that join, repeat, reorder and pad."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

import tinygrad_edu as tg
from specs import Spec
from strategies import Case, arrays, broadcastable, dims, shapes

any_shape = shapes(max_dims=3)
some_dims = shapes(min_dims=1, max_dims=3)
matrices = shapes(min_dims=2, max_dims=4)


@st.composite
def reshapes(draw: st.DrawFn) -> Case:
    """A shape made of the factors of another one's size."""
    x = draw(arrays(shapes(max_dims=4)))
    sizes = [n for n in x.shape if n != 1]
    if len(sizes) > 1 and draw(st.booleans()):
        sizes[:2] = [sizes[0] * sizes[1]]
    sizes.insert(draw(st.integers(0, len(sizes))), 1)
    shape = draw(st.permutations(sizes))
    if x.size and draw(st.booleans()):
        shape[draw(st.integers(0, len(shape) - 1))] = -1
    return Case((x, tuple(shape)))


@st.composite
def permutations(draw: st.DrawFn) -> Case:
    x = draw(arrays(any_shape))
    return Case((x, tuple(draw(st.permutations(range(x.ndim))))))


@st.composite
def two_dims(draw: st.DrawFn) -> Case:
    x = draw(arrays(some_dims))
    return Case((x, draw(dims(x.ndim)), draw(dims(x.ndim))))


@st.composite
def one_dim(draw: st.DrawFn, extra: int = 0) -> Case:
    x = draw(arrays(some_dims))
    return Case((x, draw(dims(x.ndim + extra))))


@st.composite
def moves(draw: st.DrawFn) -> Case:
    x = draw(arrays(some_dims))
    count = draw(st.integers(1, x.ndim))
    pick = st.permutations(range(x.ndim)).map(lambda order: tuple(order[:count]))
    return Case((x, draw(pick), draw(pick)))


@st.composite
def expansions(draw: st.DrawFn) -> Case:
    x = draw(arrays(any_shape))
    grown = tuple(
        draw(st.integers(0, 4)) if n == 1 else draw(st.sampled_from([n, -1])) for n in x.shape
    )
    return Case((x, (*draw(shapes(max_dims=2)), *grown)))


def expand(x: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    lead = len(sizes) - x.ndim
    return np.broadcast_to(
        x, tuple(x.shape[d - lead] if n == -1 else n for d, n in enumerate(sizes))
    )


@st.composite
def narrowings(draw: st.DrawFn) -> Case:
    x = draw(arrays(some_dims))
    dim = draw(dims(x.ndim))
    start = draw(st.integers(0, x.shape[dim]))
    return Case((x, dim, start, draw(st.integers(0, x.shape[dim] - start))))


def narrow(x: np.ndarray, dim: int, start: int, length: int) -> np.ndarray:
    return np.take(x, range(start, start + length), axis=dim)


@st.composite
def selections(draw: st.DrawFn) -> Case:
    x = draw(arrays(shapes(min_dims=1, max_dims=3, min_side=1)))
    dim = draw(dims(x.ndim))
    return Case((x, dim, draw(st.integers(-x.shape[dim], x.shape[dim] - 1))))


@st.composite
def splits(draw: st.DrawFn) -> Case:
    x = draw(arrays(some_dims))
    dim = draw(dims(x.ndim))
    if draw(st.booleans()):
        return Case((x, draw(st.integers(1, 4)), dim))
    first = draw(st.integers(0, x.shape[dim]))
    return Case((x, [first, x.shape[dim] - first], dim))


def split(x: np.ndarray, size: Any, dim: int) -> tuple[np.ndarray, ...]:
    n = x.shape[dim]
    at = list(np.cumsum(size)[:-1]) if isinstance(size, list) else list(range(size, n, size))
    return tuple(np.split(x, at, axis=dim))


@st.composite
def diagonals(draw: st.DrawFn) -> Case:
    x = draw(arrays(matrices))
    first, second = draw(st.permutations(range(x.ndim)))[:2]
    return Case((x, draw(st.integers(-2, 2)), first, second))


@st.composite
def windows(draw: st.DrawFn) -> Case:
    x = draw(arrays(shapes(min_dims=1, max_dims=3, min_side=1)))
    dim = draw(dims(x.ndim))
    return Case((x, dim, draw(st.integers(1, x.shape[dim])), draw(st.integers(1, 3))))


def unfold(x: np.ndarray, dim: int, size: int, step: int) -> np.ndarray:
    dim %= x.ndim
    every = np.lib.stride_tricks.sliding_window_view(x, size, axis=dim)
    return every[(slice(None),) * dim + (slice(None, None, step),)]


@st.composite
def strided(draw: st.DrawFn) -> Case:
    x = draw(arrays((6,)))
    return Case((x, (2, 3), (draw(st.integers(0, 2)), draw(st.integers(0, 1))), 1))


def as_strided(x: np.ndarray, size: Any, stride: Any, offset: int) -> np.ndarray:
    i, j = np.ogrid[: size[0], : size[1]]
    return x[offset + i * stride[0] + j * stride[1]]


def dense_strided(x: Any, *window: Any) -> Any:
    """as_strided looks at memory, so the storage is fixed first."""
    return tg.as_strided(x.contiguous(), *window)


@st.composite
def joined(draw: st.DrawFn, equal: bool = False) -> Case:
    shape = draw(some_dims)
    dim = draw(dims(len(shape) + equal))
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        sizes = list(shape)
        if not equal:
            sizes[dim] = draw(st.integers(0, 3))
        parts.append(draw(arrays(tuple(sizes))))
    return Case((parts, dim))


@st.composite
def repetitions(draw: st.DrawFn) -> Case:
    x = draw(arrays(any_shape))
    extra = draw(st.integers(0, 1))
    counts = [draw(st.integers(0, 3)) for _ in range(x.ndim + extra)]
    return Case((x, tuple(counts)))


@st.composite
def interleavings(draw: st.DrawFn) -> Case:
    x = draw(arrays(some_dims))
    return Case((x, draw(st.integers(0, 3)), draw(st.one_of(st.none(), dims(x.ndim)))))


@st.composite
def flips(draw: st.DrawFn) -> Case:
    x = draw(arrays(any_shape))
    order = draw(st.permutations(range(x.ndim)))
    return Case((x, tuple(order[: draw(st.integers(0, x.ndim))])))


@st.composite
def rolls(draw: st.DrawFn) -> Case:
    x = draw(arrays(some_dims))
    if draw(st.booleans()):
        return Case((x, draw(st.integers(-7, 7))))
    return Case((x, (draw(st.integers(-7, 7)), 1), (draw(dims(x.ndim)), 0)))


@st.composite
def triangles(draw: st.DrawFn) -> Case:
    return Case((draw(arrays(matrices)), draw(st.integers(-3, 3))))


@st.composite
def pads(draw: st.DrawFn) -> Case:
    x = draw(arrays(shapes(min_dims=1, max_dims=3, min_side=3)))
    amounts = draw(st.lists(st.integers(-1, 3), min_size=2, max_size=2 * x.ndim))
    return Case(
        (x, tuple(amounts[: len(amounts) // 2 * 2])), {"value": draw(st.sampled_from([0.0, 2.5]))}
    )


def pad(x: np.ndarray, amounts: tuple[int, ...], value: float = 0.0) -> np.ndarray:
    for i in range(len(amounts) // 2):
        dim = x.ndim - 1 - i
        before, after = amounts[2 * i : 2 * i + 2]
        x = narrow(x, dim, max(-before, 0), x.shape[dim] - max(-before, 0) - max(-after, 0))
        widths = [(0, 0)] * x.ndim
        widths[dim] = (max(before, 0), max(after, 0))
        x = np.pad(x, widths, constant_values=value)
    return x


@st.composite
def mode_pads(draw: st.DrawFn) -> Case:
    x = draw(arrays((1, 2, draw(st.integers(3, 5)), draw(st.integers(3, 5)))))
    amounts = tuple(draw(st.lists(st.integers(0, 2), min_size=4, max_size=4)))
    return Case((x, amounts), {"mode": draw(st.sampled_from(["reflect", "replicate", "circular"]))})


def mode_pad(x: np.ndarray, amounts: tuple[int, ...], mode: str) -> np.ndarray:
    widths = [(0, 0), (0, 0), amounts[2:], amounts[:2]]
    modes = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    return np.pad(x, widths, mode=modes[mode])


def alone(shape: Any) -> Any:
    """One array and no arguments."""
    return arrays(shape).map(lambda x: Case((x,)))


@st.composite
def squares(draw: st.DrawFn) -> Case:
    x = draw(arrays(shapes(min_dims=1, max_dims=2, min_side=1)))
    reach = x.shape[0] - 1 if x.ndim == 2 else 2
    return Case((x, draw(st.integers(-reach, min(x.shape) - 1 if x.ndim == 2 else 2))))


def like(function: Any) -> Any:
    """A function of (x, shape) as one of (x, array of that shape)."""
    return lambda x, model: function(x, model.shape)


def with_model(function: Any) -> Any:
    """(x, shape) as (x, integers of the shape of the result)."""
    return lambda case: Case((case.args[0], np.zeros(function(*case.args).shape, np.int64)))


def dense_view(x: Any, shape: Any) -> Any:
    """A view depends on the storage, so that is fixed first."""
    return tg.view(x.contiguous(), shape)


def dense_view_as(x: Any, other: Any) -> Any:
    return tg.view_as(x.contiguous(), other)


@st.composite
def pairs(draw: st.DrawFn) -> Case:
    return Case(tuple(draw(arrays(shape)) for shape in draw(broadcastable(3))))


@st.composite
def unflattenings(draw: st.DrawFn) -> Case:
    shape = list(draw(shapes(max_dims=2)))
    at = draw(st.integers(0, len(shape)))
    sizes = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    shape.insert(at, sizes[0] * sizes[1])
    return Case((draw(arrays(tuple(shape))), at, draw(st.sampled_from([sizes, (sizes[0], -1)]))))


def unflatten(x: np.ndarray, dim: int, sizes: tuple[int, ...]) -> np.ndarray:
    return x.reshape(*x.shape[:dim], sizes[0], x.shape[dim] // sizes[0], *x.shape[dim + 1 :])


@st.composite
def chunks(draw: st.DrawFn) -> Case:
    x = draw(arrays(shapes(min_dims=1, max_dims=3, min_side=1)))
    return Case((x, draw(st.integers(1, 6)), draw(dims(x.ndim))))


def chunk(x: np.ndarray, count: int, dim: int) -> tuple[np.ndarray, ...]:
    size = -(-x.shape[dim] // count)
    return tuple(np.split(x, range(size, x.shape[dim], size), dim))


@st.composite
def stacks(draw: st.DrawFn) -> Case:
    shape = draw(shapes(max_dims=3))
    return Case(([draw(arrays(shape)) for _ in range(draw(st.integers(1, 3)))],))


SPECS = [
    Spec(tg.reshape, np.reshape, reshapes(), torch="reshape"),
    Spec(tg.permute, np.transpose, permutations(), torch="permute"),
    Spec(tg.transpose, np.swapaxes, two_dims(), torch="transpose"),
    Spec(tg.movedim, np.moveaxis, moves(), torch="movedim"),
    Spec(
        tg.squeeze,
        lambda x: np.squeeze(x),
        arrays(any_shape).map(lambda x: Case((x,))),
        torch="squeeze",
    ),
    Spec(tg.unsqueeze, np.expand_dims, one_dim(extra=1), torch="unsqueeze"),
    Spec(tg.flatten, np.ravel, arrays(any_shape).map(lambda x: Case((x,))), torch="flatten"),
    Spec(tg.expand, expand, expansions(), torch="Tensor.expand"),
    Spec(tg.narrow, narrow, narrowings(), torch="narrow"),
    Spec(tg.select, lambda x, dim, i: np.take(x, i, axis=dim), selections(), torch="select"),
    Spec(tg.split, split, splits(), torch="split"),
    Spec(
        tg.unbind,
        lambda x, dim: tuple(np.moveaxis(x, dim, 0)),
        one_dim().filter(lambda case: case.args[0].shape[case.args[1]] > 0),
        torch="unbind",
    ),
    Spec(tg.diagonal, np.diagonal, diagonals(), torch="diagonal"),
    Spec(tg.unfold, unfold, windows(), torch="Tensor.unfold"),
    Spec(dense_strided, as_strided, strided(), torch="as_strided", name="as_strided"),
    Spec(tg.cat, np.concatenate, joined(), torch="cat"),
    Spec(tg.stack, np.stack, joined(equal=True), torch="stack"),
    Spec(tg.repeat, np.tile, repetitions(), torch="Tensor.repeat"),
    Spec(tg.repeat_interleave, np.repeat, interleavings(), torch="repeat_interleave"),
    Spec(tg.flip, np.flip, flips(), torch="flip"),
    Spec(tg.roll, np.roll, rolls(), torch="roll"),
    Spec(tg.tril, np.tril, triangles(), torch="tril"),
    Spec(tg.triu, np.triu, triangles(), torch="triu"),
    Spec(tg.tile, np.tile, repetitions(), torch="tile"),
    Spec(tg.diag, np.diag, squares(), torch="diag"),
    Spec(tg.pad, pad, pads(), torch="nn.functional.pad"),
    Spec(tg.pad, mode_pad, mode_pads(), torch="nn.functional.pad", name="pad_modes"),
]

# Other spellings of the same.
SPECS += [
    Spec(dense_view, np.reshape, reshapes(), torch="reshape", name="view"),
    Spec(dense_view_as, like(np.reshape), reshapes().map(with_model(np.reshape)), name="view_as"),
    Spec(
        tg.reshape_as, like(np.reshape), reshapes().map(with_model(np.reshape)), name="reshape_as"
    ),
    Spec(tg.broadcast_to, expand, expansions(), torch="broadcast_to"),
    Spec(
        tg.expand_as, like(expand), expansions().map(with_model(expand)), torch="Tensor.expand_as"
    ),
    Spec(tg.broadcast_tensors, np.broadcast_arrays, pairs(), torch="broadcast_tensors"),
    Spec(tg.ravel, np.ravel, alone(any_shape), torch="ravel"),
    Spec(tg.t, np.transpose, alone(shapes(max_dims=2)), torch="t"),
    Spec(tg.unflatten, unflatten, unflattenings(), torch="unflatten"),
    Spec(tg.chunk, chunk, chunks(), torch="chunk"),
    Spec(tg.hstack, np.hstack, stacks(), torch="hstack"),
    Spec(tg.vstack, np.vstack, stacks(), torch="vstack"),
    Spec(tg.clone, np.array, alone(any_shape), torch="clone"),
    Spec(tg.contiguous, np.array, alone(any_shape), torch="Tensor.contiguous"),
]
