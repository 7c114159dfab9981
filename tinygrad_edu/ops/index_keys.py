"""Keys: what stands between the brackets of x[key], taken apart into a view and index arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import Tensor
from .slicing import Key

Indices = tuple[np.ndarray, ...]  # int64, none negative, broadcastable against each other


def _is_int(part: Any) -> bool:
    if type(part) is int:
        return True
    if isinstance(part, Tensor):
        return part.array.ndim == 0 and part.array.dtype.kind in "iu"
    return isinstance(part, int | np.integer) and not isinstance(part, bool | np.bool_)


def check_position(index: int, dim: int, size: int) -> int:
    """An int index, if it is in range."""
    if not -size <= index < size:
        raise IndexError(f"index: {index} is out of range for dim {dim} of size {size}")
    return index


def _bound(bound: Any) -> int | None:
    if bound is None or type(bound) is int:
        return bound
    if not hasattr(bound, "__index__"):
        raise TypeError(f"index: slice bounds must be ints, got {type(bound).__name__}")
    return int(bound.__index__())


def _check_slice(part: slice) -> slice:
    """A slice of ints, if it runs forward."""
    step = _bound(part.step)
    if step is not None and step <= 0:
        raise ValueError(
            f"index: a slice's step must be positive, got {step}; use flip to reverse a dim"
        )
    return slice(_bound(part.start), _bound(part.stop), step)


def as_index_array(part: Any) -> np.ndarray:
    """An index tensor, array or list as an array of bools or of int64."""
    if isinstance(part, Tensor):
        array = part.array
    else:
        array = np.asarray(
            [p.array if isinstance(p, Tensor) else p for p in part]
            if isinstance(part, list)
            else part
        )
        if array.size == 0 and array.dtype.kind == "f":
            array = array.astype(np.int64)  # an empty list
    if array.dtype.kind == "b":
        return array
    if array.dtype.kind not in "iu":
        raise TypeError(f"index: index tensors must hold integers or bools, got {array.dtype}")
    return array.astype(np.int64, copy=False)


def _positions(mask: np.ndarray, shape: tuple[int, ...], dim: int) -> Indices:
    """A mask over dims dim, dim + 1, ... as index arrays of the positions where it is true."""
    for d, size in enumerate(mask.shape):
        if dim + d >= len(shape) or shape[dim + d] != size:
            raise IndexError(
                f"index: a mask must have the sizes of the dims it covers, got shape {mask.shape} "
                f"at dim {dim} of {shape}"
            )
    return np.nonzero(mask)


def _in_range(index: np.ndarray, dim: int, size: int) -> np.ndarray:
    """Index values counted from 0, if all are in range."""
    if index.size == 0:
        return index
    low, high = int(index.min()), int(index.max())
    if low < -size or high >= size:
        raise IndexError(
            f"index: {high if high >= size else low} is out of range for dim {dim} of size {size}"
        )
    return np.where(index < 0, index + size, index) if low < 0 else index


def parse_key(shape: tuple[int, ...], key: Any) -> tuple[Key, tuple[int, ...], Indices]:
    """A key for a tensor of this shape, as a view key, and index arrays for some dims of that view
    (none: ()).

    Raises:
        IndexError: too many indices, one out of range, a mask or index arrays of shapes that do not
            fit.
        TypeError: a part that is no index.
        ValueError: a slice with a step that is not positive.
    """
    parts = key if isinstance(key, tuple) else (key,)
    used = sum(_dims_used(part) for part in parts)
    if used > len(shape):
        raise IndexError(
            f"index: {used} indices for a tensor of {len(shape)} dims, of shape {shape}"
        )
    if sum(part is Ellipsis for part in parts) > 1:
        raise IndexError("index: '...' can stand only once in a key")
    basic: list[Any] = []  # applied first; keeps the dims that index arrays are for
    dims: list[int] = []
    indices: list[np.ndarray] = []
    dim = at = 0  # in the tensor; in the view
    for part in parts:
        if part is None:
            basic.append(None)
            at += 1
        elif part is Ellipsis:
            skipped = len(shape) - used
            basic.extend([slice(None)] * skipped)
            dim, at = dim + skipped, at + skipped
        elif _is_int(part):
            basic.append(check_position(int(part), dim, shape[dim]))
            dim += 1
        elif isinstance(part, slice):
            basic.append(_check_slice(part))
            dim, at = dim + 1, at + 1
        elif isinstance(part, (Tensor, np.ndarray, list, tuple, range, bool, np.bool_)):
            array = as_index_array(part)
            if array.dtype.kind == "b" and array.ndim == 0:  # a new dim: of size 1 if true, else 0
                basic.append(None)
                found: Indices = (np.zeros(int(array), np.int64),)
            else:
                found = _positions(array, shape, dim) if array.dtype.kind == "b" else (array,)
                found = tuple(
                    _in_range(index, dim + k, shape[dim + k]) for k, index in enumerate(found)
                )
                basic.extend([slice(None)] * len(found))
                dim += len(found)
            dims.extend(range(at, at + len(found)))
            indices.extend(found)
            at += len(found)
        else:
            raise TypeError(
                f"index: {type(part).__name__} is no index; use ints, slices, None, ..., tensors "
                "or lists"
            )
    if indices:
        try:
            np.broadcast_shapes(*(index.shape for index in indices))
        except ValueError:
            shapes = ", ".join(str(index.shape) for index in indices)
            raise IndexError(
                f"index: index tensors must broadcast against each other, got shapes {shapes}"
            ) from None
    return tuple(basic), tuple(dims), tuple(indices)


def _dims_used(part: Any) -> int:
    """How many dims of the tensor a part of a key is for."""
    if part is None or part is Ellipsis:
        return 0
    if type(part) is int or type(part) is slice:
        return 1
    if isinstance(part, bool | np.bool_):
        return 0
    if isinstance(part, Tensor | np.ndarray | list):
        array = as_index_array(part)
        return array.ndim if array.dtype.kind == "b" else 1
    return 1


def is_whole(key: Key) -> bool:
    """Whether a view key leaves the tensor as it is."""
    return all(type(part) is slice and part == slice(None) for part in key)
