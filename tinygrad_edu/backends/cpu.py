"""The CPU backend: arrays are numpy.ndarray over our own memory, kernels come from csrc/.

Every kernel of csrc/kernels.def is a function of this module, under its own name. What the kernels
leave to NumPy stands below: arithmetic of integers and booleans, conversions, comparisons.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _C
from .._C import *  # noqa: F403  the kernels

device = "cpu"
elementwise = _C.elementwise
empty = _C.empty
view = _C.view


def empty_like(x: np.ndarray, dtype: Any = None) -> np.ndarray:
    """A dense array of x's shape, its dims in memory in the order of x's."""
    return empty(x.shape, dtype or x.dtype, strides_like(x, x.shape))


def strides_like(x: np.ndarray, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """Strides (in elements) of a dense array of this shape, its dims in memory in the order of x's;
    None stands for row-major.
    """
    if x.flags.c_contiguous:
        return None
    strides = [0] * x.ndim
    step = 1
    for d in sorted(range(x.ndim - 1, -1, -1), key=lambda d: abs(x.strides[d])):
        strides[d] = step
        step *= max(shape[d], 1)
    return tuple(strides)


def full(shape: tuple[int, ...], value: Any, dtype: Any) -> np.ndarray:
    out = empty(shape, dtype)
    out.fill(value)
    return out


def zeros(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    return full(shape, 0, dtype)


def copy_into(x: np.ndarray, out: np.ndarray) -> None:
    """out[...] = x, x broadcast and converted as needed."""
    if x.dtype == out.dtype and x.shape == out.shape and x.dtype.kind == "f":
        _C.copy(x, out)
    else:
        with np.errstate(invalid="ignore", over="ignore"):
            np.copyto(out, x, casting="unsafe")


def _items_at(x: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Memory as an array of items of x's shape, one starting at every element, and where the items
    at these offsets stand in it.
    """
    low, high = int(offsets.min()), int(offsets.max())
    strides = tuple(stride // x.itemsize for stride in x.strides)
    return view(x, (high - low + 1, *x.shape), (1, *strides), low), offsets - low


def take(x: np.ndarray, offsets: np.ndarray, out: np.ndarray) -> None:  # type: ignore[no-redef]
    """out[j] = the item of x's shape that starts offsets[j] elements after x."""
    if x.dtype.kind == "f":
        _C.take(x, offsets, out)
    elif out.size:
        items, places = _items_at(x, offsets)
        out[...] = items[places]


def put(  # type: ignore[no-redef]  # the kernel is _C.put
    values: np.ndarray, offsets: np.ndarray, out: np.ndarray, accumulate: bool
) -> None:
    """The item of out's shape that starts offsets[j] elements after out = values[j], or += it."""
    if out.dtype.kind == "f":
        _C.put(values, offsets, out, accumulate)
    elif values.size:
        items, places = _items_at(out, offsets)
        if accumulate:
            np.add.at(items, places, values)
        else:
            items[places] = values


def where(condition: np.ndarray, x: np.ndarray, y: np.ndarray, out: np.ndarray) -> None:  # type: ignore[no-redef]
    """out = x where condition, else y, all of one shape."""
    if x.dtype.kind == "f":
        _C.where(condition, x, y, out)
    else:
        np.copyto(out, y)
        np.copyto(out, x, where=condition)


def copy(x: np.ndarray) -> np.ndarray:  # type: ignore[no-redef]  # the kernel is _C.copy
    """A dense copy, dims in memory in the order of x's."""
    out = empty_like(x)
    copy_into(x, out)
    return out


def contiguous(x: np.ndarray) -> np.ndarray:
    """x itself where it is row-major, else a row-major copy."""
    if x.flags.c_contiguous:
        return x
    out = empty(x.shape, x.dtype)
    copy_into(x, out)
    return out


def cast(x: np.ndarray, dtype: Any) -> np.ndarray:
    """A dense copy of another dtype, dims in memory in the order of x's."""
    out = empty_like(x, dtype)
    copy_into(x, out)
    return out


def integer_matmul(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x @ y of integers, batched; sums wrap around as the dtype does."""
    return np.matmul(x, y)


def is_sole_owner(x: np.ndarray) -> bool:
    """Whether x is the only array over its memory."""
    return _C.owns_memory_alone(x)


def from_host(array: np.ndarray) -> np.ndarray:
    """A NumPy array as this backend's kind, over the same memory where possible."""
    return array


def to_host(x: np.ndarray) -> np.ndarray:
    return x
