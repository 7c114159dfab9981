"""Copies: dense, repeated, flipped, rolled, cut to triangles.

Results that join or copy keep the order in which their (first) input's dims lie in memory, so that
channels-last images stay channels-last.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import Function, Tensor
from ..backends import backend
from .broadcast import Expand
from .checks import check_dim, check_dims, check_shape, check_tensor
from .indexing import Copy, Index
from .slicing import along
from .view import reshape

# ---- the same values, in memory of their own ------------------------------------------------


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
        _, c, h, w = x.shape
        b = backend(x)
        out = b.empty(x.shape, x.dtype, (h * w * c, 1, w * c, c))
        b.copy_into(x, out)
        return out

    def backward(self, grad_output: Any) -> Any:
        return grad_output


FORMATS = ("preserve_format", "contiguous_format", "channels_last")


def is_contiguous(input: Tensor, memory_format: str = "contiguous_format") -> bool:
    """Whether input's memory is row-major, or, with memory_format "channels_last", that of (N, H,
    W, C) images.
    """
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
    """A copy of input in memory of its own, dims in memory in input's order (or in the given
    format).

    Gradient: grad_output.
    """
    return _in_format("clone", check_tensor("clone", input), memory_format)


# ---- repeated -------------------------------------------------------------------------------


def repeat(input: Tensor, *sizes: Any) -> Any:
    """out = input repeated sizes[d] times along each dim; new leading dims where sizes has more.

    Raises:
        ValueError: fewer counts than dims.

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
    """out = each element (each slice along dim) repeated `repeats` times in place; of the flat
    tensor without dim.

    Args:
        repeats: an int, or an integer tensor with one count for each slice along dim.

    Raises:
        ValueError: repeats is negative, or holds neither one count nor one for each slice.

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


# ---- reordered ------------------------------------------------------------------------------


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
    """out = input with elements moved by shifts along dims, what leaves at one end coming in at the
    other.

    Without dims, the flattened tensor is rolled.

    Raises:
        ValueError: shifts and dims differ in length.

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
    """out = x where column - row <= diagonal (lower) or >= diagonal (upper), else 0. grad_x =
    grad_output likewise.
    """

    def forward(self, x: Any, diagonal: int, upper: bool) -> Any:
        self.args = diagonal, upper
        rows, columns = np.ogrid[: x.shape[-2], : x.shape[-1]]
        outside = columns - rows < diagonal if upper else columns - rows > diagonal
        out = backend(x).copy(x)
        np.copyto(out, out.dtype.type(0), where=outside)
        return out

    def backward(self, grad_output: Any) -> Any:
        return Triangle.apply(grad_output, *self.args)


def _triangle(op: str, input: Any, diagonal: int, upper: bool) -> Any:
    if check_tensor(op, input).array.ndim < 2:
        raise ValueError(f"{op}: input must have at least 2 dims, got shape {input.array.shape}")
    return Triangle.apply(input, int(diagonal), upper)


def tril(input: Tensor, diagonal: int = 0) -> Any:
    """out = input on and below a diagonal of the last two dims (0 the main one, above it if
    positive), 0 elsewhere.

    Gradient: the same part of grad_output, 0 elsewhere.
    """
    return _triangle("tril", input, diagonal, False)


def triu(input: Tensor, diagonal: int = 0) -> Any:
    """out = input on and above a diagonal of the last two dims (0 the main one, above it if
    positive), 0 elsewhere.

    Gradient: the same part of grad_output, 0 elsewhere.
    """
    return _triangle("triu", input, diagonal, True)


__all__ = [
    "clone", "contiguous", "flip", "is_contiguous", "repeat", "repeat_interleave", "roll", "tile",
    "tril", "triu",
]  # fmt: skip
