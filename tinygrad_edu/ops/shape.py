"""Larger tensors: joined along a dim, old (cat) or new (stack), broadcast together, padded.

The result keeps the order in which the first tensor's dims lie in memory, so that channels-last
images stay channels-last.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import autograd
from ..autograd import Function, Tensor
from ..backends import backend
from .checks import check_dim, check_tensor
from .copies import clone
from .indexing import Index
from .promotion import promote_types
from .slicing import Slice, along
from .view import Reshape, expand, unsqueeze


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
        out = b.empty(shape, first.dtype, b.strides_like(first, shape))
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

    Raises:
        ValueError: shapes differ, or there are no tensors.

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
    """The shape that tensors of these shapes have together.

    Raises:
        ValueError: the shapes do not broadcast.
    """
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise ValueError(
            f"broadcast_shapes: shapes {', '.join(map(str, shapes))} do not broadcast"
        ) from None


# ---- padded ----------------------------------------------------------------------------------


class Pad(Function):
    """out = value, but out[key] = x. grad_x = grad_output[key]."""

    def forward(self, x: Any, shape: tuple[int, ...], key: Any, value: float) -> Any:
        self.key = key
        b = backend(x)
        out = b.full(shape, value, x.dtype)
        b.copy_into(x, out[key])
        return out

    def backward(self, grad_output: Any) -> Any:
        return Slice.apply(grad_output, self.key)


def _source(mode: str, size: int, before: int, after: int) -> np.ndarray:
    """For each place of a padded dim, the place of input that it shows."""
    at = np.arange(-before, size + after)
    if mode == "circular":
        return at % size
    if mode == "replicate":
        return at.clip(0, size - 1)
    return np.where(at < 0, -at, np.where(at >= size, 2 * (size - 1) - at, at))  # reflect


def pad(input: Tensor, pad: Any, mode: str = "constant", value: float | None = None) -> Any:
    """out = input with `pad` more places around its last dims.

    Args:
        input: any tensor.
        pad: (before, after) of the last dim, then of the one before it, and so on; negative numbers
            cut off.
        mode: "constant" fills with value, "reflect" mirrors without the edge, "replicate" repeats
            the edge, "circular" continues at the other end.
        value: what "constant" fills with (0).

    Raises:
        ValueError: an odd number of pads, more pads than dims, a negative size, or a reflection
            wider than input.

    Gradient: grad_output without the padding; in the other modes plus what the padding shows of
    each element.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.pad(tg.tensor([[1, 2]]), (1, 2))
        tensor([[0, 1, 2, 0, 0]])
    """
    shape = check_tensor("pad", input).array.shape
    amounts = [int(p) for p in pad]
    if len(amounts) % 2 or len(amounts) // 2 > len(shape):
        raise ValueError(
            f"pad: expected two numbers for each of at most {len(shape)} dims, got {tuple(pad)}"
        )
    pairs = {
        len(shape) - 1 - i: (amounts[2 * i], amounts[2 * i + 1]) for i in range(len(amounts) // 2)
    }
    for dim, (before, after) in pairs.items():
        if shape[dim] + before + after < 0:
            raise ValueError(
                f"pad: {before} and {after} leave a negative size in dim {dim} of size {shape[dim]}"
            )
    if mode == "constant":
        return _pad_constant(input, shape, pairs, 0.0 if value is None else value)
    if mode not in ("reflect", "replicate", "circular"):
        raise ValueError(
            f"pad: mode must be 'constant', 'reflect', 'replicate' or 'circular', got {mode!r}"
        )
    out = clone(input)
    for dim, (before, after) in pairs.items():
        widest = {
            "reflect": shape[dim] - 1,
            "circular": shape[dim],
            "replicate": math.inf if shape[dim] else 0,
        }[mode]
        if before > widest or after > widest:
            raise ValueError(
                f"pad: {mode} can show at most {widest} places beyond dim {dim} of size "
                f"{shape[dim]}"
            )
        if before or after:
            out = Index.apply(out, (dim,), (_source(mode, shape[dim], before, after),))
    return out


def _pad_constant(
    input: Any, shape: tuple[int, ...], pairs: dict[int, tuple[int, int]], value: float
) -> Any:
    around = [pairs.get(d, (0, 0)) for d in range(len(shape))]
    kept = tuple(
        slice(max(-before, 0), size - max(-after, 0))
        for size, (before, after) in zip(shape, around, strict=True)
    )
    inside = input if kept == tuple(slice(0, size) for size in shape) else Slice.apply(input, kept)
    padded = tuple(
        size + before + after for size, (before, after) in zip(shape, around, strict=True)
    )
    place = tuple(
        slice(max(before, 0), max(before, 0) + size)
        for size, (before, _) in zip(inside.array.shape, around, strict=True)
    )
    return Pad.apply(inside, padded, place, value)


__all__ = [
    "broadcast_shapes", "broadcast_tensors", "cat", "concat", "concatenate", "hstack", "pad",
    "stack", "vstack",
]  # fmt: skip
