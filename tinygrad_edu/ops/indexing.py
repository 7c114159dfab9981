"""Indexing: x[key] and x[key] = value for every kind of key, and the functions that gather and
scatter.

A key of ints, slices, None and ... is a view (slicing.py). Index tensors and masks gather: a mask
stands for the positions where it is true, index tensors broadcast against each other, and the
result has their shape in place of the dims that they index, or in front if those dims are not
neighbours. Ints and slices beside them are applied first, as PyTorch does (NumPy treats an int
there as an index tensor, which can move dims).

Everything that gathers is one Function, Index; everything that scatters sums is IndexAdd, its VJP;
assignment is IndexPut.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import autograd
from ..autograd import Function, Tensor, wrap
from ..backends import backend
from .inplace import check_writable, copy_, take_history
from .slicing import Key, Slice
from .view import reshape

Indices = tuple[np.ndarray, ...]  # int64, none negative, broadcastable against each other


# ---- the three Functions --------------------------------------------------------------------


@functools.lru_cache(maxsize=256)
def _grid(shape: tuple[int, ...]) -> Indices:
    """Index arrays that lead to every place of an array in order."""
    return tuple(np.ogrid[tuple(slice(0, n) for n in shape)])


def at_each_place(index: np.ndarray, dim: int) -> Indices:
    """Index arrays for all dims: `index` for dim, its elements' own places for the others."""
    grid = _grid(index.shape)
    return (*grid[:dim], index, *grid[dim + 1 :])


class Layout:
    """Where the items of an index lie: dims `dims` of an array of shape `shape` are replaced by the
    indices' shape.
    """

    def __init__(self, shape: tuple[int, ...], dims: tuple[int, ...], indices: Indices):
        self.dims, self.indices = dims, indices
        self.items = (
            indices[0].shape
            if len(indices) == 1
            else np.broadcast_shapes(*(i.shape for i in indices))
        )
        self.rest = [d for d in range(len(shape)) if d not in dims]
        adjacent = dims[-1] - dims[0] == len(dims) - 1
        self.first = dims[0] if adjacent else 0  # where the indices' dims stand in the result
        kept = [shape[d] for d in self.rest]
        self.result = (*kept[: self.first], *self.items, *kept[self.first :])

    def item_of(self, x: Any) -> Any:
        """One item: x without the indexed dims, from its first element."""
        shape, strides, size = x.shape, x.strides, x.itemsize
        kept = tuple([shape[d] for d in self.rest])
        return backend(x).view(x, kept, tuple([strides[d] // size for d in self.rest]), 0)

    def offsets(self, x: Any) -> Any:
        """Where each item starts, in elements from x's first, as one dim."""
        total: Any = 0
        for d, index in zip(self.dims, self.indices, strict=True):
            total = total + index * (x.strides[d] // x.itemsize)
        return total.reshape(-1)

    def items_of(self, values: Any) -> Any:
        """An array of the result's shape with its item dims joined and in front: (items, *rest)."""
        count = len(self.items)
        before, after = values.shape[: self.first], values.shape[self.first + count :]
        joined = values.reshape((*before, math.prod(self.items), *after))
        return joined if self.first == 0 else np.moveaxis(joined, self.first, 0)


class Index(Function):
    """out = x[..., i, j, ...] over index arrays i, j, ... for the dims `dims`.

    grad_x = zeros, but grad_x[..., i, j, ...] += grad_output, so that gradients of one element are
    added.
    """

    def forward(self, x: Any, dims: tuple[int, ...], indices: Indices) -> Any:
        self.shape_x, self.place = x.shape, (dims, indices)
        layout = Layout(x.shape, dims, indices)
        b = backend(x)
        out = b.empty(layout.result, x.dtype)
        if out.size:
            b.take(layout.item_of(x), layout.offsets(x), layout.items_of(out))
        return out

    def backward(self, grad_output: Any) -> Any:
        return IndexAdd.apply(grad_output, self.shape_x, *self.place)


class IndexAdd(Function):
    """out = zeros(shape), but out[..., i, j, ...] += x in the order of the indices: the VJP of
    Index.

    grad_x = grad_output[..., i, j, ...].
    """

    def forward(
        self, x: Any, shape: tuple[int, ...], dims: tuple[int, ...], indices: Indices
    ) -> Any:
        self.place = dims, indices
        out = backend(x).zeros(shape, x.dtype)
        put_items(out, x, Layout(shape, dims, indices), accumulate=True)
        return out

    def backward(self, grad_output: Any) -> Any:
        return Index.apply(grad_output, *self.place)


class IndexPut(Function):
    """x with x[..., i, j, ...] = value, or += value, written into x's own memory; of equal indices
    the last one holds.

    grad_x = grad_output, but 0 at the indices where it was assigned; grad_value = grad_output[...,
    i, j, ...].
    """

    def forward(
        self, x: Any, value: Any, dims: tuple[int, ...], indices: Indices, accumulate: bool
    ) -> Any:
        self.place, self.accumulate = (dims, indices), accumulate
        layout = Layout(x.shape, dims, indices)
        if value.shape != layout.result or np.may_share_memory(x, value):
            b = backend(x)
            values = b.empty(layout.result, x.dtype)
            b.copy_into(np.broadcast_to(value, layout.result), values)
            value = values
        put_items(x, value, layout, accumulate)
        return x.view()

    def backward(self, grad_output: Any) -> Any:
        grad_x = grad_output
        if not self.accumulate:
            zero = wrap(backend(grad_output.array).zeros((), grad_output.array.dtype))
            grad_x = IndexPut.apply(Copy.apply(grad_output), zero, *self.place, False)
        return grad_x, Index.apply(grad_output, *self.place)


class Copy(Function):
    """out = x in memory of its own, dims in memory in the order of x's. grad_x = grad_output."""

    def forward(self, x: Any) -> Any:
        return backend(x).copy(x)

    def backward(self, grad_output: Any) -> Any:
        return grad_output


def put_items(out: Any, values: Any, layout: Layout, accumulate: bool) -> None:
    """Writes an array of the result's shape into `out` at the indices."""
    if values.size:
        b = backend(out)
        items = layout.items_of(b.contiguous(values))
        b.put(items, layout.offsets(out), layout.item_of(out), accumulate)


# ---- keys -----------------------------------------------------------------------------------


def _is_int(part: Any) -> bool:
    if type(part) is int:
        return True
    if isinstance(part, Tensor):
        return part.array.ndim == 0 and part.array.dtype.kind in "iu"
    return isinstance(part, int | np.integer) and not isinstance(part, bool | np.bool_)


def check_index(index: int, dim: int, size: int) -> int:
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
            basic.append(check_index(int(part), dim, shape[dim]))
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


def getitem(input: Tensor, key: Any) -> Any:
    """input[key]: a view for ints, slices, None and ...; a copy where index tensors, lists or masks
    are among them.

    Raises:
        IndexError: too many indices, an index out of range, or a mask whose sizes do not fit.
        ValueError: a slice with a step that is not positive.

    Gradient: grad_output added up at the elements it came from.
    """
    shape = input.array.shape
    if type(key) is int and shape:
        return Slice.apply(input, (check_index(key, 0, shape[0]),))
    basic, dims, indices = parse_key(shape, key)
    if not indices:
        return Slice.apply(input, basic)
    return Index.apply(input if _is_whole(basic) else Slice.apply(input, basic), dims, indices)


def _is_whole(key: Key) -> bool:
    """Whether a view key leaves the tensor as it is."""
    return all(type(part) is slice and part == slice(None) for part in key)


def setitem(input: Tensor, key: Any, value: Any) -> None:
    """input[key] = value: writes value, broadcast and converted, into input's memory; of equal
    indices the last one holds.

    Raises:
        RuntimeError: if the memory may not be written (a leaf in a graph, an expanded tensor).
        ValueError: if value does not broadcast to the shape of input[key].

    Gradient: 0 for what was there before; grad_value = grad_output[key].
    """
    basic, dims, indices = parse_key(input.array.shape, key)
    value = autograd.engine_ops["as_tensor"](value)
    part = input if indices and _is_whole(basic) else Slice.apply(input, basic)
    if indices:
        index_put_at(part, dims, indices, value, False)
    else:
        copy_(part, _without_leading(value, part.array.shape))


def _without_leading(value: Any, shape: tuple[int, ...]) -> Any:
    """value without leading dims of size 1 that `shape` does not have: PyTorch lets them be
    assigned.
    """
    extra = value.array.ndim - len(shape)
    if extra <= 0 or any(n != 1 for n in value.array.shape[:extra]):
        return value
    return reshape(value, value.array.shape[extra:])


def index_put_at(
    x: Any, dims: tuple[int, ...], indices: Indices, value: Any, accumulate: bool
) -> None:
    """x[..., i, j, ...] = value or += value, in place, with history."""
    check_writable("index_put_", x)
    shape = Layout(x.array.shape, dims, indices).result
    value = _without_leading(value, shape)
    try:
        fits = np.broadcast_shapes(value.array.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"index_put_: a value of shape {value.array.shape} does not broadcast to the indexed "
            f"shape {shape}"
        )
    value = autograd.engine_ops["cast"](value, x.array.dtype)
    out = IndexPut.apply(x, value, dims, indices, accumulate)
    take_history(x, out.node)


def index_put_(input: Tensor, indices: Sequence[Any], values: Any, accumulate: bool = False) -> Any:
    """input[indices] = values, or input[indices] += values with equal indices adding up; returns
    input.

    Gradient: 0 for what was assigned over; grad_values = grad_output[indices].
    """
    basic, dims, found = parse_key(input.array.shape, tuple(indices))
    part = Slice.apply(input, basic)
    if not found:
        raise TypeError(
            "index_put_: indices must hold index tensors or masks; for slices use x[key] = values"
        )
    index_put_at(part, dims, found, autograd.engine_ops["as_tensor"](values), accumulate)
    return input


def index_put(input: Tensor, indices: Sequence[Any], values: Any, accumulate: bool = False) -> Any:
    """A copy of input with [indices] = values, or += values with equal indices adding up.

    Gradient: grad_input = grad_output, but 0 where assigned; grad_values = grad_output[indices].
    """
    return index_put_(Copy.apply(input), indices, values, accumulate)


autograd.engine_ops["getitem"] = getitem

__all__ = ["index_put", "index_put_"]
