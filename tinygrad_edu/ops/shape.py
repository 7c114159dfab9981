"""Copies in other shapes: joined, repeated, flipped, rolled, padded, cut to triangles.

Results that join or copy keep the order in which their (first) input's dims lie in memory, so that channels-last images
stay channels-last.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import autograd
from ..autograd import Function, Tensor
from ..backends import backend
from .broadcast import Expand
from .checks import check_dim, check_dims, check_shape, check_tensor
from .indexing import Copy, Index
from .promotion import promote_types
from .slicing import Slice, along
from .view import Reshape, expand, reshape, unsqueeze


def strides_like(x: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides (in elements) of a dense array of this shape, its dims in memory in the order of x's."""
    strides = [0] * x.ndim
    step = 1
    for d in sorted(range(x.ndim - 1, -1, -1), key=lambda d: abs(x.strides[d])):
        strides[d] = step
        step *= shape[d] or 1
    return tuple(strides)


# ---- the same values, in memory of their own ---------------------------------------------------------------------------------


class Contiguous(Function):
    """out = x in row-major memory. grad_x = grad_output."""

    def forward(self, x: Any) -> Any:
        b = backend(x)
        out = b.empty(x.shape, x.dtype)
        b.copy_into(x, out)
        return out

    def backward(self, grad_output: Any) -> Any:
        return grad_output


class ChannelsLast(Function):
    """out = x, of shape (N, C, H, W), in memory as (N, H, W, C). grad_x = grad_output."""

    def forward(self, x: Any) -> Any:
        n, c, h, w = x.shape
        b = backend(x)
        out = b.empty(x.shape, x.dtype, (h * w * c, 1, w * c, c))
        b.copy_into(x, out)
        return out

    def backward(self, grad_output: Any) -> Any:
        return grad_output


FORMATS = ("preserve_format", "contiguous_format", "channels_last")


def is_contiguous(input: Tensor, memory_format: str = "contiguous_format") -> bool:
    """Whether input's memory is row-major, or, with memory_format "channels_last", that of (N, H, W, C) images."""
    if memory_format == "channels_last":
        array = input.array
        return array.ndim == 4 and array.transpose(0, 2, 3, 1).flags.c_contiguous
    return bool(input.array.flags.c_contiguous)


def _in_format(op: str, input: Any, memory_format: str) -> Any:
    if memory_format == "channels_last":
        if input.array.ndim != 4:
            raise ValueError(
                f"{op}: channels_last is for 4 dims, (N, C, H, W), got shape {input.array.shape}"
            )
        return ChannelsLast.apply(input)
    if memory_format not in FORMATS:
        raise ValueError(
            f"{op}: memory_format must be one of {', '.join(FORMATS)}, got {memory_format!r}"
        )
    return Contiguous.apply(input) if memory_format == "contiguous_format" else Copy.apply(input)


def contiguous(input: Tensor, memory_format: str = "contiguous_format") -> Any:
    """input itself where its memory is row-major (or in the given format), else a copy that is.

    Gradient: grad_output.
    """
    return (
        input
        if is_contiguous(input, memory_format)
        else _in_format("contiguous", input, memory_format)
    )


def clone(input: Tensor, *, memory_format: str = "preserve_format") -> Any:
    """A copy of input in memory of its own, dims in memory in input's order (or in the given format).

    Gradient: grad_output.
    """
    return _in_format("clone", check_tensor("clone", input), memory_format)


# ---- joined --------------------------------------------------------------------------------------------------------------


class Cat(Function):
    """out = the x_i one after another along dim. grad_x_i = grad_output at the place of x_i, as a view."""

    def forward(self, dim: int, *parts: Any) -> Any:
        first = parts[0]
        ends = np.cumsum([part.shape[dim] for part in parts]).tolist()
        self.keys = [
            along(dim, slice(end - part.shape[dim], end))
            for part, end in zip(parts, ends, strict=True)
        ]
        shape = (*first.shape[:dim], ends[-1], *first.shape[dim + 1 :])
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
    dtype = tensors[0].array.dtype
    for x in tensors[1:]:
        dtype = promote_types(dtype, x.array.dtype)
    return [autograd.engine_ops["cast"](x, dtype) for x in tensors]


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Any:
    """The tensors one after another along dim.

    Args:
        tensors: tensors of equal shapes but for dim; ones of shape (0,) are left out. dtypes are promoted.
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
    for x in parts[1:]:
        other = x.array.shape
        if len(other) != len(shape) or any(
            n != m for d, (n, m) in enumerate(zip(shape, other, strict=True)) if d != dim
        ):
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


# ---- repeated ------------------------------------------------------------------------------------------------------------


def repeat(input: Tensor, *sizes: Any) -> Any:
    """out = input repeated sizes[d] times along each dim; new leading dims where sizes has more.

    Gradient: grad_output summed over the repetitions.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.tensor([1, 2]).repeat(2, 2)
        tensor([[1, 2, 1, 2],
                [1, 2, 1, 2]])
    """
    counts = check_shape("repeat", sizes)
    if len(counts) < input.array.ndim:
        raise ValueError(
            f"repeat: one count for each dim is needed, got {counts} for shape {input.array.shape}"
        )
    shape = (1,) * (len(counts) - input.array.ndim) + input.array.shape
    apart = reshape(input, tuple(n for size in shape for n in (1, size)))
    repeated = Expand.apply(
        apart, tuple(n for pair in zip(counts, shape, strict=True) for n in pair)
    )
    out = tuple(count * size for count, size in zip(counts, shape, strict=True))
    return clone(input) if out == input.array.shape else reshape(repeated, out)


def tile(input: Tensor, *dims: Any) -> Any:
    """repeat, where missing leading counts are 1."""
    counts = check_shape("tile", dims)
    return repeat(input, (1,) * (input.array.ndim - len(counts)) + counts)


def repeat_interleave(input: Tensor, repeats: Any, dim: int | None = None) -> Any:
    """out = each element (each slice along dim) repeated `repeats` times in place; of the flat tensor without dim.

    Args:
        repeats: an int, or an integer tensor with one count for each slice along dim.

    Gradient: grad_output summed over the repetitions.
    """
    if dim is None:
        input, dim = reshape(input, (input.array.size,)), 0
    dim = check_dim("repeat_interleave", dim, input.array.ndim)
    size = input.array.shape[dim]
    counts = repeats.array if isinstance(repeats, Tensor) else np.asarray(repeats)
    if counts.dtype.kind not in "iu" or counts.size not in (1, size) or (counts < 0).any():
        raise ValueError(
            f"repeat_interleave: repeats must be one non-negative int, or one for each of {size}"
        )
    index = np.repeat(np.arange(size), np.broadcast_to(counts.reshape(-1), (size,)))
    return Index.apply(input, (dim,), (index,))


# ---- reordered -------------------------------------------------------------------------------------------------------------


class Flip(Function):
    """out = x with some dims reversed. grad_x = grad_output with them reversed."""

    def forward(self, x: Any, dims: tuple[int, ...]) -> Any:
        self.dims = dims
        backward = tuple(slice(None, None, -1 if d in dims else 1) for d in range(x.ndim))
        return backend(x).copy(x[(*backward, ...)])

    def backward(self, grad_output: Any) -> Any:
        return Flip.apply(grad_output, self.dims)


def flip(input: Tensor, *dims: Any) -> Any:
    """out = input with the elements along dims in reverse, as a copy.

    Gradient: grad_output with the same dims reversed.
    """
    if len(dims) == 1 and isinstance(dims[0], (tuple, list)):
        dims = tuple(dims[0])
    return Flip.apply(
        input, check_dims("flip", tuple(dims), input.array.ndim) if input.array.ndim else ()
    )


class Roll(Function):
    """out[(i + shift) mod n] = x[i] along dim. grad_x = grad_output rolled back."""

    def forward(self, x: Any, shift: int, dim: int) -> Any:
        self.shift, self.dim = shift, dim
        b = backend(x)
        out = b.empty_like(x)
        for to, origin in (
            (slice(shift, None), slice(0, x.shape[dim] - shift)),
            (slice(0, shift), slice(-shift or None, None)),
        ):
            if shift or to.start:
                b.copy_into(x[along(dim, origin)], out[along(dim, to)])
        return out

    def backward(self, grad_output: Any) -> Any:
        n = grad_output.array.shape[self.dim]
        return Roll.apply(grad_output, (n - self.shift) % n, self.dim)


def roll(input: Tensor, shifts: Any, dims: Any = None) -> Any:
    """out = input with elements moved by shifts along dims, what leaves at one end coming in at the other.

    Without dims, the flattened tensor is rolled.

    Gradient: grad_output rolled back.
    """
    if dims is None:
        return reshape(roll(reshape(input, (input.array.size,)), shifts, 0), input.array.shape)
    places = dims if isinstance(dims, (tuple, list)) else (dims,)
    steps = shifts if isinstance(shifts, (tuple, list)) else (shifts,)
    if len(places) != len(steps):
        raise ValueError(f"roll: shifts and dims must have equal lengths, got {shifts} and {dims}")
    out = clone(input)
    for place, step in zip(places, steps, strict=True):
        dim = check_dim("roll", place, input.array.ndim)
        size = input.array.shape[dim] if input.array.ndim else 0
        if size and step % size:
            out = Roll.apply(out, step % size, dim)
    return out


class Triangle(Function):
    """out = x where column - row <= diagonal (lower) or >= diagonal (upper), else 0. grad_x = grad_output likewise."""

    def forward(self, x: Any, diagonal: int, upper: bool) -> Any:
        self.args = diagonal, upper
        rows, columns = np.ogrid[: x.shape[-2], : x.shape[-1]]
        outside = columns - rows < diagonal if upper else columns - rows > diagonal
        out = backend(x).copy(x)
        np.copyto(out, 0, where=outside)
        return out

    def backward(self, grad_output: Any) -> Any:
        return Triangle.apply(grad_output, *self.args)


def _triangle(op: str, input: Any, diagonal: int, upper: bool) -> Any:
    if check_tensor(op, input).array.ndim < 2:
        raise ValueError(f"{op}: input must have at least 2 dims, got shape {input.array.shape}")
    return Triangle.apply(input, int(diagonal), upper)


def tril(input: Tensor, diagonal: int = 0) -> Any:
    """out = input on and below a diagonal of the last two dims (0 the main one, above it if positive), 0 elsewhere.

    Gradient: the same part of grad_output, 0 elsewhere.
    """
    return _triangle("tril", input, diagonal, False)


def triu(input: Tensor, diagonal: int = 0) -> Any:
    """out = input on and above a diagonal of the last two dims (0 the main one, above it if positive), 0 elsewhere.

    Gradient: the same part of grad_output, 0 elsewhere.
    """
    return _triangle("triu", input, diagonal, True)


# ---- padded ------------------------------------------------------------------------------------------------------------------


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
        pad: (before, after) of the last dim, then of the one before it, and so on; negative numbers cut off.
        mode: "constant" fills with value, "reflect" mirrors without the edge, "replicate" repeats the edge, "circular"
            continues at the other end.
        value: what "constant" fills with (0).

    Raises:
        ValueError: an odd number of pads, more pads than dims, a negative size, or a reflection wider than input.

    Gradient: grad_output without the padding; in the other modes plus what the padding shows of each element.

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
                f"pad: {mode} can show at most {widest} places beyond dim {dim} of size {shape[dim]}"
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
    "broadcast_shapes", "broadcast_tensors", "cat", "clone", "concat", "concatenate", "contiguous", "flip", "hstack", "is_contiguous", "pad", "repeat",
    "repeat_interleave", "roll", "stack", "tile", "tril", "triu", "vstack",
]  # fmt: skip

METHODS = [
    "clone", "contiguous", "flip", "is_contiguous", "repeat", "repeat_interleave", "roll", "tile", "tril", "triu",
]  # fmt: skip
