"""Views that numpy's slices cannot express: diagonals, sliding windows, and any strides at all.

Where a view shows one element at several places, the gradients of that element are added.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import Function, Tensor
from ..backends import backend
from .checks import check_dim, check_shape
from .copies import clone
from .elementwise_core import OPS
from .indexing import IndexAdd
from .view import Permute, reshape


class Diagonal(Function):
    """out[..., k] = x[..., k + max(-offset, 0), ..., k + max(offset, 0), ...] over dim0 and dim1.

    grad_x = zeros, but its diagonal = grad_output.
    """

    is_view = True

    def forward(self, x: Any, offset: int, dim0: int, dim1: int) -> Any:
        self.shape_x, self.args = x.shape, (offset, dim0, dim1)
        return diagonal_of(x, offset, dim0, dim1)

    def backward(self, grad_output: Any) -> Any:
        return EmbedDiagonal.apply(grad_output, self.shape_x, *self.args)


class EmbedDiagonal(Function):
    """out = zeros(shape), but its diagonal = x: the VJP of Diagonal. grad_x = the diagonal of
    grad_output.
    """

    def forward(self, x: Any, shape: tuple[int, ...], offset: int, dim0: int, dim1: int) -> Any:
        self.args = offset, dim0, dim1
        b = backend(x)
        out = b.zeros(shape, x.dtype)
        b.copy_into(x, diagonal_of(out, offset, dim0, dim1))
        return out

    def backward(self, grad_output: Any) -> Any:
        return Diagonal.apply(grad_output, *self.args)


def diagonal_of(x: Any, offset: int, dim0: int, dim1: int) -> Any:
    """The diagonal of an array over two dims, as its last dim, over the same memory."""
    down, right = max(-offset, 0), max(offset, 0)
    length = max(min(x.shape[dim0] - down, x.shape[dim1] - right), 0)
    strides = [step // x.itemsize for step in x.strides]
    others = [d for d in range(x.ndim) if d not in (dim0, dim1)]
    start = down * strides[dim0] + right * strides[dim1] if length else 0
    shape = (*(x.shape[d] for d in others), length)
    return backend(x).view(
        x, shape, (*(strides[d] for d in others), strides[dim0] + strides[dim1]), start
    )


def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """The diagonal of the matrices that dim1 and dim2 span, as the last dim, as a view; above the
    main one if offset > 0.

    Raises:
        ValueError: input has fewer than 2 dims, or dim1 is dim2.

    Gradient: grad_output on the diagonal, zeros beside it.
    """
    ndim = input.array.ndim
    if ndim < 2:
        raise ValueError(
            f"diagonal: input must have at least 2 dims, got shape {input.array.shape}"
        )
    first, second = check_dim("diagonal", dim1, ndim), check_dim("diagonal", dim2, ndim)
    if first == second:
        raise ValueError(f"diagonal: dim1 and dim2 must be different dims, got {dim1} and {dim2}")
    return Diagonal.apply(input, int(offset), first, second)


def diag(input: Tensor, diagonal: int = 0) -> Any:
    """A vector's square matrix with it on a diagonal and zeros elsewhere, or a matrix's diagonal,
    as a copy.

    Raises:
        ValueError: input has neither 1 nor 2 dims.

    Gradient: the diagonal of grad_output, or grad_output on the diagonal.
    """
    if input.array.ndim == 1:
        size = input.array.size + abs(diagonal)
        return EmbedDiagonal.apply(input, (size, size), int(diagonal), 0, 1)
    if input.array.ndim != 2:
        raise ValueError(f"diag: input must have 1 or 2 dims, got shape {input.array.shape}")
    return clone(Diagonal.apply(input, int(diagonal), 0, 1))


class AsStrided(Function):
    """out[i] = memory[offset + sum_d i_d stride_d], counted from x's first element; x is dense.

    grad_x = each element's gradients added, over all i that reach it.
    """

    is_view = True

    def forward(self, x: Any, size: tuple[int, ...], stride: tuple[int, ...], offset: int) -> Any:
        self.shape_x, self.numel = x.shape, x.size
        # The dims in the order in which memory has them.
        self.order = sorted(range(x.ndim), key=lambda d: (-x.strides[d], d))
        self.window = size, stride, offset
        return backend(x).view(x, size, stride, offset)

    def backward(self, grad_output: Any) -> Any:
        size, stride, offset = self.window
        places = np.full(size, offset, np.int64)
        for d, (n, step) in enumerate(zip(size, stride, strict=True)):
            places += np.arange(n).reshape(-1, *(1,) * (len(size) - d - 1)) * step
        flat = IndexAdd.apply(grad_output, (self.numel,), (0,), (places,))
        in_memory = reshape(flat, tuple(self.shape_x[d] for d in self.order))
        return Permute.apply(in_memory, tuple(self.order.index(d) for d in range(len(self.order))))


def as_strided(input: Tensor, size: Any, stride: Any, storage_offset: int = 0) -> Any:
    """A view with any size and stride over input's memory; storage_offset counts from input's first
    element.

    Raises:
        ValueError: if the view would leave input's memory, or input is not dense.

    Gradient: each element's gradients, added over all places of out that show it.
    """
    sizes, strides = (
        check_shape("as_strided", tuple(size)),
        check_shape("as_strided", tuple(stride)),
    )
    array = input.array
    reach = (
        sum((n - 1) * step for n, step in zip(array.shape, input.stride(), strict=True)) + 1
        if array.size
        else 0
    )
    if len(sizes) != len(strides):
        raise ValueError(
            f"as_strided: size and stride must have equal lengths, got {sizes} and {strides}"
        )
    if reach != array.size or min(array.strides, default=0) < 0:
        raise ValueError(
            "as_strided: input must be dense, without gaps in its memory; use contiguous()"
        )
    last = storage_offset + sum((n - 1) * step for n, step in zip(sizes, strides, strict=True))
    if storage_offset < 0 or (0 not in sizes and last >= reach):
        raise ValueError(
            f"as_strided: size {sizes}, stride {strides} and offset {storage_offset} leave the "
            f"memory of {reach} elements"
        )
    return AsStrided.apply(input, sizes, strides, int(storage_offset))


class Unfold(Function):
    """out[..., i, ..., j] = x[..., i * step + j, ...]: windows of `size` along dim.

    grad_x = the gradients of each element, added over the windows that show it.
    """

    is_view = True

    def forward(self, x: Any, dim: int, size: int, step: int) -> Any:
        self.shape_x, self.args = x.shape, (dim, size, step)
        return windows_of(x, dim, size, step)

    def backward(self, grad_output: Any) -> Any:
        return Fold.apply(grad_output, self.shape_x, *self.args)


class Fold(Function):
    """out[..., p, ...] = sum of x[..., i, ..., j] over i * step + j = p: the VJP of Unfold. grad_x
    = its windows.
    """

    def forward(self, x: Any, shape: tuple[int, ...], dim: int, size: int, step: int) -> Any:
        self.args = dim, size, step
        b = backend(x)
        out = b.zeros(shape, x.dtype)
        windows = windows_of(out, dim, size, step)
        for j in range(size):  # windows at one j never overlap
            OPS["add"].into(windows[..., j], windows[..., j], x[..., j])
        return out

    def backward(self, grad_output: Any) -> Any:
        return Unfold.apply(grad_output, *self.args)


def windows_of(x: Any, dim: int, size: int, step: int) -> Any:
    """The windows of an array along dim, as a new last dim, over the same memory."""
    count = (x.shape[dim] - size) // step + 1
    strides = [stride // x.itemsize for stride in x.strides]
    shape = (*x.shape[:dim], count, *x.shape[dim + 1 :], size)
    return backend(x).view(
        x, shape, (*strides[:dim], strides[dim] * step, *strides[dim + 1 :], strides[dim])
    )


def unfold(input: Tensor, dimension: int, size: int, step: int) -> Any:
    """All windows of `size` elements along a dim, `step` apart, as a view: the window's elements
    are the new last dim.

    Raises:
        ValueError: size is larger than the dim, or size or step is not positive.

    Gradient: the gradients of each element, added over the windows that show it.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.tensor([1, 2, 3, 4, 5]).unfold(0, 3, 2)
        tensor([[1, 2, 3],
                [3, 4, 5]])
    """
    dim = check_dim("unfold", dimension, input.array.ndim)
    n = input.array.shape[dim] if input.array.ndim else 1
    if not 0 < size <= n or step < 1:
        raise ValueError(
            f"unfold: size must be in [1, {n}] and step positive, got {size} and {step}"
        )
    return Unfold.apply(input if input.array.ndim else reshape(input, 1), dim, size, step)


__all__ = ["as_strided", "diag", "diagonal", "unfold"]
