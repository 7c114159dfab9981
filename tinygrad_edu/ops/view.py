"""Views: the same memory under another shape and other strides.

Nothing is copied, and what is written through a view is seen by its base and by its other views.
The VJP of a view puts each gradient back where its element came from, and is a view wherever the
map is one to one.

`reshape` copies where no strides describe the new shape; `view` then raises, unless the strides are
the engine's own doing (convolutions keep images channels-last). That copy is read-only: a write to
it could not reach the tensor it came from.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autograd import Function, Tensor, replay, wrap
from ..backends import backend
from .broadcast import Expand
from .checks import check_dim, check_dims, check_shape

# ---- other shapes ---------------------------------------------------------------------------


class Reshape(Function):
    """out = x's elements, in row-major order, in another shape.

    grad_x = grad_output in x's shape.
    """

    is_view = True

    def forward(self, x: Any, shape: tuple[int, ...]) -> Any:
        self.shape_x = x.shape
        return (x if can_view(x, shape) else backend(x).contiguous(x)).reshape(shape)

    def backward(self, grad_output: Any) -> Any:
        return reshape(grad_output, self.shape_x)


class ReshapeCopy(Reshape):
    """The same where the strides forbid a view: out has memory of its own."""

    is_view = False


def can_view(x: Any, shape: tuple[int, ...]) -> bool:
    """Whether strides over x's memory can give this shape, row-major order kept.

    Neighbouring dims of x that are one run in memory form a chunk; each must be a product of dims
    of the new shape.
    """
    if x.flags.c_contiguous or x.size == 0:
        return True
    left = list(shape)
    chunk = 1
    for d in range(x.ndim - 1, -1, -1):
        chunk *= x.shape[d]
        outer = next((e for e in range(d - 1, -1, -1) if x.shape[e] != 1), -1)
        if x.shape[d] == 1 or (outer >= 0 and x.strides[outer] == x.strides[d] * x.shape[d]):
            continue
        product = 1
        while left and product * left[-1] <= chunk:
            product *= left.pop()
        if product != chunk:
            return False
        chunk = 1
    return all(size == 1 for size in left)


def _resolve(op: str, shape: Any, numel: int, old: tuple[int, ...]) -> tuple[int, ...]:
    """The new shape as ints, with -1 worked out."""
    if len(shape) == 1 and isinstance(shape[0], tuple | list):
        shape = tuple(shape[0])
    unknown = shape.count(-1)
    if unknown > 1:
        raise ValueError(f"{op}: only one size can be -1, got {shape}")
    if unknown == 0:
        sizes = check_shape(op, shape)
        if math.prod(sizes) == numel:
            return sizes
    else:
        at = shape.index(-1)
        known = math.prod(check_shape(op, shape[:at])) * math.prod(check_shape(op, shape[at + 1 :]))
        if known and numel % known == 0:
            return (*map(int, shape[:at]), numel // known, *map(int, shape[at + 1 :]))
        if known == 0 and numel == 0:
            raise ValueError(f"{op}: -1 is ambiguous in {shape}: any size fits no elements")
    raise ValueError(f"{op}: shape {shape} does not hold the {numel} elements of shape {old}")


def reshape(input: Tensor, *shape: Any) -> Any:
    """out = input's elements, in row-major order, in another shape: a view where strides allow it,
    else a copy.

    Args:
        input: any tensor.
        shape: the sizes, as separate ints or one tuple; one may be -1, for what remains.

    Raises:
        ValueError: if the sizes do not hold input's elements.

    Gradient: grad_output in input's shape.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.tensor([[1, 2, 3], [4, 5, 6]]).reshape(3, -1)
        tensor([[1, 2],
                [3, 4],
                [5, 6]])
    """
    array = input.array
    sizes = _resolve("reshape", shape, array.size, array.shape)
    return (Reshape if can_view(array, sizes) else ReshapeCopy).apply(input, sizes)


def view(input: Tensor, *shape: Any) -> Any:
    """reshape that never copies what the caller laid out: an error where strides forbid a view.

    Raises:
        ValueError: if the sizes do not hold input's elements, or no strides describe them.

    Gradient: grad_output in input's shape.
    """
    array = input.array
    if len(shape) == 1 and not isinstance(shape[0], (int, tuple, list, np.integer)):
        raise TypeError(
            "view: sizes must be ints; to read the bits as another dtype use .numpy().view(...)"
        )
    sizes = _resolve("view", shape, array.size, array.shape)
    if can_view(array, sizes):
        return Reshape.apply(input, sizes)
    if not _engine_laid_out(input, sizes):
        raise ValueError(
            f"view: no strides give shape {sizes} over a tensor of shape {array.shape} and strides "
            f"{input.stride()}; use reshape, which copies, or contiguous().view(...)"
        )
    out = ReshapeCopy.apply(input, sizes)
    out.array.flags.writeable = False
    return out


def _engine_laid_out(x: Any, sizes: tuple[int, ...]) -> bool:
    """Whether the view would exist, had every op returned row-major memory: then the strides are
    not the user's doing.
    """
    base = x if x.view_of is None else x.view_of.base
    if base.array.flags.c_contiguous:
        return False
    row_major = wrap(np.empty(base.array.shape, base.array.dtype))
    return can_view(
        (row_major if x.view_of is None else replay(x.view_of.chain, row_major)).array, sizes
    )


def view_as(input: Tensor, other: Tensor) -> Any:
    """input.view(other.shape)."""
    return view(input, other.shape)


def reshape_as(input: Tensor, other: Tensor) -> Any:
    """input.reshape(other.shape)."""
    return reshape(input, other.shape)


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Any:
    """out = input with dims start_dim..end_dim as one: a view where strides allow it, else a copy.

    Raises:
        ValueError: start_dim comes after end_dim.

    Gradient: grad_output in input's shape.
    """
    shape = input.array.shape
    first = check_dim("flatten", start_dim, len(shape))
    last = check_dim("flatten", end_dim, len(shape))
    if first > last:
        raise ValueError(
            f"flatten: start_dim must not come after end_dim, got {start_dim} and {end_dim}"
        )
    return reshape(input, (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]))


def ravel(input: Tensor) -> Any:
    """out = input as one dim, in row-major order."""
    return reshape(input, (input.array.size,))


def unflatten(input: Tensor, dim: int, sizes: Any) -> Any:
    """out = input with one dim split into several; one of the sizes may be -1.

    Gradient: grad_output in input's shape.
    """
    shape = input.array.shape
    dim = check_dim("unflatten", dim, len(shape))
    split = _resolve("unflatten", tuple(sizes), shape[dim], (shape[dim],))
    return reshape(input, (*shape[:dim], *split, *shape[dim + 1 :]))


def squeeze(input: Tensor, dim: Any = None) -> Any:
    """out = input without its dims of size 1, or without those of `dim` (an int or a tuple) that
    have size 1.

    Gradient: grad_output in input's shape.
    """
    shape = input.array.shape
    dims = check_dims("squeeze", dim, len(shape))
    return Reshape.apply(input, tuple(n for d, n in enumerate(shape) if n != 1 or d not in dims))


def unsqueeze(input: Tensor, dim: int) -> Any:
    """out = input with a new dim of size 1 at `dim`.

    Gradient: grad_output in input's shape.
    """
    shape = input.array.shape
    dim = check_dim("unsqueeze", dim, len(shape) + 1)
    return Reshape.apply(input, (*shape[:dim], 1, *shape[dim:]))


# ---- other orders of the dims ---------------------------------------------------------------


class Transpose(Function):
    """out = x with two dims exchanged. grad_x = grad_output with them exchanged."""

    is_view = True

    def forward(self, x: Any, dim0: int, dim1: int) -> Any:
        self.dims = dim0, dim1
        return x.swapaxes(dim0, dim1)

    def backward(self, grad_output: Any) -> Any:
        return Transpose.apply(grad_output, *self.dims)


class Permute(Function):
    """out's dim k is x's dim dims[k]. grad_x = grad_output under the inverse permutation."""

    is_view = True

    def forward(self, x: Any, dims: tuple[int, ...]) -> Any:
        self.inverse = tuple(sorted(range(len(dims)), key=dims.__getitem__))
        return x.transpose(dims)

    def backward(self, grad_output: Any) -> Any:
        return Permute.apply(grad_output, self.inverse)


def transpose(input: Tensor, dim0: int, dim1: int) -> Any:
    """out = input with two dims exchanged, as a view.

    Gradient: grad_output with the two dims exchanged.
    """
    ndim = input.array.ndim
    dim0, dim1 = check_dim("transpose", dim0, ndim), check_dim("transpose", dim1, ndim)
    return Transpose.apply(input, dim0, dim1) if ndim else Reshape.apply(input, ())


swapaxes = swapdims = transpose


def t(input: Tensor) -> Any:
    """out = the transpose of a matrix, as a view; vectors and 0-d tensors as they are.

    Raises:
        ValueError: input has more than 2 dims.

    Gradient: the transpose of grad_output.
    """
    if input.array.ndim > 2:
        raise ValueError(
            f"t: input must have at most 2 dims, got shape {input.array.shape}; use transpose or mT"
        )
    return transpose(input, 0, -1)


def matrix_transpose(input: Tensor) -> Any:
    """x.mT: the last two dims exchanged, as a view."""
    if input.array.ndim < 2:
        raise ValueError(
            f"mT: a tensor of at least 2 dims is needed, got shape {input.array.shape}"
        )
    return Transpose.apply(input, input.array.ndim - 2, input.array.ndim - 1)


def reversed_dims(input: Tensor) -> Any:
    """x.T: all dims in reverse order, as a view."""
    return Permute.apply(input, tuple(range(input.array.ndim - 1, -1, -1)))


def permute(input: Tensor, *dims: Any) -> Any:
    """out = input with its dims in the order `dims`, as a view: out.shape[k] =
    input.shape[dims[k]].

    Raises:
        ValueError: dims do not name every dim once.

    Gradient: grad_output under the inverse permutation.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.zeros(2, 3, 4).permute(2, 0, 1).shape
        (4, 2, 3)
    """
    if len(dims) == 1 and isinstance(dims[0], (tuple, list)):
        dims = tuple(dims[0])
    ndim = input.array.ndim
    if len(dims) != ndim:
        raise ValueError(
            f"permute: every dim must be named once, got {tuple(dims)} for shape "
            f"{input.array.shape}"
        )
    known = sorted(dims) == list(range(ndim))
    return Permute.apply(input, dims if known else check_dims("permute", tuple(dims), ndim))


def movedim(input: Tensor, source: Any, destination: Any) -> Any:
    """out = input with the dims `source` moved to the places `destination`, the others in order, as
    a view.

    Raises:
        ValueError: source and destination differ in length.

    Gradient: grad_output with the dims moved back.
    """
    ndim = input.array.ndim
    sources, places = check_dims("movedim", source, ndim), check_dims("movedim", destination, ndim)
    if len(sources) != len(places):
        raise ValueError(
            f"movedim: source and destination must name equally many dims, got {source} and "
            f"{destination}"
        )
    moved = dict(zip(places, sources, strict=True))
    others = iter(d for d in range(ndim) if d not in sources)
    return Permute.apply(
        input, tuple(moved[k] if k in moved else next(others) for k in range(ndim))
    )


moveaxis = movedim


# ---- larger by repetition -------------------------------------------------------------------


def expand(input: Tensor, *sizes: Any) -> Any:
    """out = input with its dims of size 1, and new leading ones, repeated to `sizes`: a view with
    stride 0.

    Args:
        sizes: the wanted sizes, as separate ints or one tuple; -1 keeps a dim's size.

    Raises:
        ValueError: if a dim that is not of size 1 would change.

    Gradient: grad_output summed over the repetitions.
    """
    if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)):
        sizes = tuple(sizes[0])
    shape = input.array.shape
    lead = len(sizes) - len(shape)
    wanted = tuple(shape[d - lead] if n == -1 and d >= lead else n for d, n in enumerate(sizes))
    fits = lead >= 0 and all(n in (1, wanted[lead + d]) for d, n in enumerate(shape))
    if not fits:
        raise ValueError(
            f"expand: only dims of size 1 and new leading dims can grow, got {shape} to "
            f"{tuple(sizes)}"
        )
    return Expand.apply(input, check_shape("expand", wanted))


def broadcast_to(input: Tensor, shape: Any) -> Any:
    """input.expand(shape)."""
    return expand(input, tuple(shape))


def expand_as(input: Tensor, other: Tensor) -> Any:
    """input.expand(other.shape)."""
    return expand(input, other.shape)


__all__ = [
    "broadcast_to", "expand", "expand_as", "flatten", "moveaxis", "movedim", "permute", "ravel",
    "reshape", "reshape_as", "squeeze", "swapaxes", "swapdims", "t", "transpose", "unflatten",
    "unsqueeze", "view", "view_as",
]  # fmt: skip
