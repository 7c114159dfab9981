"""What hypothesis draws: shapes that hurt, values away from kinks, storage of every kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Case:
    """The arguments of one call; float64 arrays among them are what is differentiated."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)


def _draw(draw: st.DrawFn, value: Any) -> Any:
    """A value, or what its strategy draws."""
    return draw(value) if isinstance(value, st.SearchStrategy) else value


def _generator(draw: st.DrawFn) -> np.random.Generator:
    """Values come from a drawn seed: arrays drawn element by element would be slow."""
    return np.random.default_rng(draw(st.integers(0, 2**32 - 1)))


def shapes(
    min_dims: int = 0, max_dims: int = 4, min_side: int = 0, max_side: int = 5
) -> st.SearchStrategy[Shape]:
    """Shapes; 0-d, empty and with sides of 1 among them."""
    sides = st.integers(min_side, max_side)
    return st.lists(sides, min_size=min_dims, max_size=max_dims).map(tuple)


@st.composite
def broadcastable(draw: st.DrawFn, count: int, **limits: int) -> list[Shape]:
    """`count` shapes that broadcast: some sides set to 1, some leading sides left out."""
    full = draw(shapes(**limits))
    result = []
    for _ in range(count):
        ones = draw(st.lists(st.booleans(), min_size=len(full), max_size=len(full)))
        skip = draw(st.integers(0, len(full)))
        shape = [1 if one else side for one, side in zip(ones, full, strict=True)]
        result.append(tuple(shape[skip:]))
    return result


@st.composite
def arrays(
    draw: st.DrawFn,
    shape: Shape | st.SearchStrategy[Shape] | None = None,
    low: float = -2.0,
    high: float = 2.0,
    away_from: tuple[float, ...] = (),
    distinct: bool = False,
) -> np.ndarray:
    """A float64 array of floats (exact in float32), uniform in [low, high].

    Args:
        shape: a shape or a strategy of shapes; any shape if left out.
        away_from: kinks; values within 1/32 of one are moved that far away.
        distinct: all values differ, and so do their sizes: for max, sort, median, norms.
    """
    shape = _draw(draw, shapes() if shape is None else shape)
    rng = _generator(draw)
    x = np.asarray(rng.uniform(low, high, shape))
    if distinct:
        steps = (rng.permutation(x.size) + 1 / 3) / max(x.size, 1)
        x = (low + (high - low) * steps).reshape(shape)
    for kink in away_from:
        near = np.abs(x - kink) < 1 / 32
        x = np.where(near, kink + np.where(x < kink, -1, 1) / 32, x)
    return x.astype(np.float32).astype(np.float64)


@st.composite
def indices(
    draw: st.DrawFn, shape: Shape | st.SearchStrategy[Shape], size: int, negative: bool = False
) -> np.ndarray:
    """An int64 array of valid indices into a dim of `size` (>= 1)."""
    shape = _draw(draw, shape)
    return np.asarray(_generator(draw).integers(-size if negative else 0, size, shape))


@st.composite
def masks(draw: st.DrawFn, shape: Shape | st.SearchStrategy[Shape]) -> np.ndarray:
    """A bool array."""
    shape = _draw(draw, shape)
    return np.asarray(_generator(draw).random(shape) < 0.5)


def dims(ndim: int) -> st.SearchStrategy[int]:
    """A dim of an array with `ndim` >= 1, counted from either end."""
    return st.integers(-ndim, ndim - 1)


@st.composite
def case(draw: st.DrawFn, *args: Any, **kwargs: Any) -> Case:
    """A Case of independent arguments, each a value or a strategy."""
    drawn = tuple(_draw(draw, value) for value in args)
    return Case(drawn, {name: _draw(draw, value) for name, value in kwargs.items()})


def _sliced(x: np.ndarray) -> np.ndarray:
    """Every second element of a larger array whose other elements are NaN: an overrun shows."""
    fill = np.nan if x.dtype.kind == "f" else 0
    larger = np.full(tuple(2 * side + 1 for side in x.shape), fill, x.dtype)
    view = larger[(..., *(slice(1, None, 2) for _ in x.shape))]
    view[...] = x
    return view


def _flip(x: np.ndarray) -> np.ndarray:
    """The view with every dim reversed; np.flip makes a scalar of a 0-d array."""
    return x[(..., *(slice(None, None, -1) for _ in x.shape))]


def _channels_last(x: np.ndarray) -> np.ndarray:
    """Dim 1 innermost (the first dim of arrays with fewer than two)."""
    if x.ndim == 0:
        return x.copy()
    at = min(1, x.ndim - 1)
    return np.moveaxis(np.moveaxis(x, at, -1).copy(order="C"), -1, at)


# The same values in other storage.
LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "contiguous": lambda x: x.copy(order="C"),
    "permuted": lambda x: x.copy(order="F"),
    "sliced": _sliced,
    "flipped": lambda x: _flip(_flip(x).copy(order="C")),
    "channels_last": _channels_last,
}
layouts = st.sampled_from(sorted(LAYOUTS))
