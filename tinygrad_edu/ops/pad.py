"""Padding around the last dims: by a constant, or by what lies inside."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autograd import Function, Tensor
from ..backends import backend
from .checks import check_tensor
from .indexing import Index
from .shape import clone
from .slicing import Slice


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


__all__ = ["pad"]
