"""Indexing: x[key] and x[key] = value for every kind of key, and the functions that gather and
scatter.

A key of ints, slices, None and ... is a view (slicing.py). Index tensors and masks gather: a mask
stands for the positions where it is true, index tensors broadcast against each other, and the
result has their shape in place of the dims that they index, or in front if those dims are not
neighbours. Ints and slices beside them are applied first, as PyTorch does (NumPy treats an int
there as an index tensor, which can move dims).

Everything that gathers is one Function, Index; everything that scatters sums is IndexAdd, its VJP;
assignment is IndexPut. What a key means is in index_keys.py.
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
from .index_keys import Indices, check_position, is_whole, parse_key
from .inplace import check_writable, copy_, take_history
from .slicing import Slice
from .view import reshape

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


# ---- x[key] and x[key] = value --------------------------------------------------------------


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
        return Slice.apply(input, (check_position(key, 0, shape[0]),))
    basic, dims, indices = parse_key(shape, key)
    if not indices:
        return Slice.apply(input, basic)
    return Index.apply(input if is_whole(basic) else Slice.apply(input, basic), dims, indices)


def setitem(input: Tensor, key: Any, value: Any) -> None:
    """input[key] = value: writes value, broadcast and converted, into input's memory; of equal
    indices the last one holds.

    Raises:
        RuntimeError: if the memory may not be written (a leaf in a graph, an expanded tensor).
        ValueError: if value does not broadcast to the shape of input[key].

    Gradient: 0 for what was there before; grad_value = grad_output[key].
    """
    basic, dims, indices = parse_key(input.array.shape, key)
    value = autograd.engine_ops["as_tensor"](value, input.array.dtype)
    part = input if indices and is_whole(basic) else Slice.apply(input, basic)
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

    Raises:
        TypeError: indices hold neither index tensors nor masks.

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
