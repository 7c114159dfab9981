"""Tensors joined along a dim, old (cat) or new (stack), and broadcast against each other.

The result keeps the order in which the first tensor's dims lie in memory, so that channels-last
images stay channels-last.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import autograd
from ..autograd import Function, Tensor
from ..backends import backend
from .checks import check_dim, check_tensor
from .promotion import promote_types
from .slicing import Slice, along
from .view import Reshape, expand, unsqueeze


def strides_like(x: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides (in elements) of a dense array of this shape, its dims in memory in the order of "
    "x's."""
    strides = [0] * x.ndim
    step = 1
    for d in sorted(range(x.ndim - 1, -1, -1), key=lambda d: abs(x.strides[d])):
        strides[d] = step
        step *= shape[d] or 1
    return tuple(strides)


class Cat(Function):
    """out = the x_i one after another along dim. grad_x_i = grad_output at the place of x_i, as a
    view.
    """

    def forward(self, dim: int, *parts: Any) -> Any:
        first = parts[0]
        self.keys = []
        end = 0
        for part in parts:
            start, end = end, end + part.shape[dim]
            self.keys.append(along(dim, slice(start, end)))
        shape = (*first.shape[:dim], end, *first.shape[dim + 1 :])
        b = backend(first)
        out = b.empty(
            shape, first.dtype, None if first.flags.c_contiguous else strides_like(first, shape)
        )
        for key, part in zip(self.keys, parts, strict=True):
            b.copy_into(part, out[key])
        return out

    def backward(self, grad_output: Any) -> Any:
        needs = self.needs_input_grad[1:]
        grads = (
            Slice.apply(grad_output, key) if needed else None
            for key, needed in zip(self.keys, needs, strict=True)
        )
        return None, *grads


def _operands(op: str, tensors: Any) -> list[Any]:
    """A sequence of tensors, in the dtype that they promote to."""
    if isinstance(tensors, Tensor) or not isinstance(tensors, Sequence):
        raise TypeError(f"{op}: expected a list or tuple of tensors, got {type(tensors).__name__}")
    if not tensors:
        raise ValueError(f"{op}: expected at least one tensor, got an empty sequence")
    for x in tensors:
        check_tensor(op, x, "every element")
    dtypes = {x.array.dtype for x in tensors}
    if len(dtypes) == 1:
        return list(tensors)
    dtype = functools.reduce(promote_types, dtypes)
    return [autograd.engine_ops["cast"](x, dtype) for x in tensors]


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Any:
    """The tensors one after another along dim.

    Args:
        tensors: tensors of equal shapes but for dim; ones of shape (0,) are left out. dtypes are
            promoted.
        dim: the dim that grows.

    Raises:
        ValueError: if the other dims differ, or there are no tensors.

    Gradient: to each tensor its part of grad_output.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.cat([tg.tensor([1, 2]), tg.tensor([3])])
        tensor([1, 2, 3])
    """
    operands = _operands("cat", tensors)
    parts = [x for x in operands if x.array.shape != (0,)] or operands[:1]
    shape = parts[0].array.shape
    if not shape:
        raise ValueError("cat: 0-d tensors cannot be joined; use stack")
    dim = check_dim("cat", dim, len(shape))
    around = shape[:dim], shape[dim + 1 :]
    for x in parts[1:]:
        other = x.array.shape
        if not other or (other[:dim], other[dim + 1 :]) != around:
            raise ValueError(f"cat: shapes must agree but for dim {dim}, got {shape} and {other}")
    return Cat.apply(dim, *parts)


concat = concatenate = cat


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Any:
    """The tensors, all of one shape, side by side along a new dim.

    Gradient: to each tensor its part of grad_output.
    """
    operands = _operands("stack", tensors)
    shape = operands[0].array.shape
    dim = check_dim("stack", dim, len(shape) + 1)
    for x in operands:
        if x.array.shape != shape:
            raise ValueError(f"stack: shapes must be equal, got {shape} and {x.array.shape}")
    return cat([unsqueeze(x, dim) for x in operands], dim)


def _at_least(dims: int, x: Any) -> Any:
    """x with leading dims of size 1 until it has so many."""
    shape = x.array.shape
    return Reshape.apply(x, (1,) * (dims - len(shape)) + shape) if len(shape) < dims else x


def hstack(tensors: Sequence[Tensor]) -> Any:
    """cat along dim 1, or along dim 0 for tensors of one dim."""
    operands = [_at_least(1, x) for x in _operands("hstack", tensors)]
    return cat(operands, 0 if operands[0].array.ndim == 1 else 1)


def vstack(tensors: Sequence[Tensor]) -> Any:
    """cat along dim 0, of tensors of at least 2 dims (vectors become rows)."""
    return cat([_at_least(2, x) for x in _operands("vstack", tensors)], 0)


def broadcast_tensors(*tensors: Tensor) -> tuple[Any, ...]:
    """All tensors, expanded to the shape that they have together."""
    shape = broadcast_shapes(*(x.array.shape for x in tensors))
    return tuple(expand(x, shape) for x in tensors)


def broadcast_shapes(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that tensors of these shapes have together."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise ValueError(
            f"broadcast_shapes: shapes {', '.join(map(str, shapes))} do not broadcast"
        ) from None


__all__ = [
    "broadcast_shapes", "broadcast_tensors", "cat", "concat", "concatenate", "hstack", "stack",
    "vstack",
]  # fmt: skip
