"""Parts of a tensor as views: slices, and splits into several.

The VJP of a part is zeros with the part's gradient in its place.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

from ..autograd import Function, Tensor, View
from ..backends import backend
from .checks import check_dim, check_shape

Key = tuple[Any, ...]  # ints, slices and None, one per dim: an index that gives a view


class Slice(Function):
    """out = x[key], for a key of ints, slices and None.

    grad_x = zeros, but [key] = grad_output.
    """

    is_view = True

    def forward(self, x: Any, key: Key) -> Any:
        self.shape_x, self.key = x.shape, key
        return x[(*key, ...)]

    def backward(self, grad_output: Any) -> Any:
        return Embed.apply(grad_output, self.shape_x, self.key)


class Embed(Function):
    """out = zeros(shape), but out[key] = x: the VJP of Slice.

    grad_x = grad_output[key].
    """

    def forward(self, x: Any, shape: tuple[int, ...], key: Key) -> Any:
        self.key = key
        b = backend(x)
        out = b.zeros(shape, x.dtype)
        b.copy_into(x, out[(*key, ...)])
        return out

    def backward(self, grad_output: Any) -> Any:
        return Slice.apply(grad_output, self.key)


def along(dim: int, index: Any) -> Key:
    """The key that takes `index` (an int or a slice) along one dim, and all of the dims before."""
    return (slice(None),) * dim + (index,)


def narrow(input: Tensor, dim: int, start: int, length: int) -> Any:
    """out = input[..., start : start + length, ...] along dim, as a view.

    Raises:
        IndexError: the part reaches past the dim.

    Gradient: grad_output in its place, zeros around it.
    """
    dim = check_dim("narrow", dim, input.array.ndim)
    size = input.array.shape[dim] if input.array.ndim else 0
    begin = start + size if start < 0 else start
    if not (0 <= begin <= size and 0 <= length <= size - begin):
        raise IndexError(
            f"narrow: start {start} and length {length} leave dim {dim} of size {size}"
        )
    return Slice.apply(input, along(dim, slice(begin, begin + length)))


def select(input: Tensor, dim: int, index: int) -> Any:
    """out = input[..., index, ...] along dim, without that dim, as a view.

    Raises:
        IndexError: dim or index is out of range.

    Gradient: grad_output in its place, zeros around it.
    """
    if input.array.ndim == 0:
        raise IndexError("select: a 0-d tensor has no dim to select from")
    dim = check_dim("select", dim, input.array.ndim)
    size = input.array.shape[dim]
    if not -size <= index < size:
        raise IndexError(f"select: index {index} is out of range for dim {dim} of size {size}")
    return Slice.apply(input, along(dim, int(index)))


class Split(Function):
    """out_i = x[bounds[i] : bounds[i + 1]] along dim, without dim if `drop` (then each has size 1).

    grad_x = the gradients joined along dim, zeros where an output had none. One Function for all
    parts, so that their gradients meet in one array rather than in as many arrays as there are
    parts.
    """

    def forward(self, x: Any, dim: int, bounds: tuple[int, ...], drop: bool) -> Any:
        self.shape_x, self.dtype, self.keys = x.shape, x.dtype, split_keys(dim, bounds, drop)
        return tuple(x[(*key, ...)] for key in self.keys)

    def backward(self, *grad_outputs: Any) -> Any:
        given = [(g, key) for g, key in zip(grad_outputs, self.keys, strict=True) if g is not None]
        grads, keys = zip(*given, strict=True)
        return Join.apply(self.shape_x, self.dtype, keys, *grads)


class Join(Function):
    """out = zeros(shape), but out[keys[i]] = x_i: the VJP of Split. grad_x_i =
    grad_output[keys[i]].
    """

    def forward(
        self, shape: tuple[int, ...], dtype: Any, keys: tuple[Key, ...], *parts: Any
    ) -> Any:
        self.keys = keys
        b = backend(parts[0])
        covered = sum(part.size for part in parts) == math.prod(shape)
        out = b.empty(shape, dtype) if covered else b.zeros(shape, dtype)
        for key, part in zip(keys, parts, strict=True):
            b.copy_into(part, out[(*key, ...)])
        return out

    def backward(self, grad_output: Any) -> Any:
        return None, None, None, *(Slice.apply(grad_output, key) for key in self.keys)


def split_keys(dim: int, bounds: tuple[int, ...], drop: bool) -> tuple[Key, ...]:
    """The key of each part of a Split."""
    if drop:
        return tuple(along(dim, start) for start in bounds[:-1])
    return tuple(along(dim, slice(a, b)) for a, b in pairwise(bounds))


def _split(x: Any, dim: int, bounds: tuple[int, ...], drop: bool = False) -> tuple[Any, ...]:
    parts = Split.apply(x, dim, bounds, drop)
    base, chain = (x, ()) if x.view_of is None else (x.view_of.base, x.view_of.chain)
    for part, key in zip(parts, split_keys(dim, bounds, drop), strict=True):
        part.version = x.version
        part.view_of = View(base, (*chain, (Slice, (key,))))
    return parts


def split(input: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Any, ...]:
    """The parts of input along dim, as views: of one size each (the last may be smaller), or of the
    sizes in a list.

    Raises:
        ValueError: sections that do not add up to the size, or a size that is not positive.

    Gradient: the parts' gradients joined along dim.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.tensor([1, 2, 3, 4, 5]).split(2)
        (tensor([1, 2]), tensor([3, 4]), tensor([5]))
    """
    dim = check_dim("split", dim, input.array.ndim)
    if input.array.ndim == 0:
        raise ValueError("split: a 0-d tensor has no dim to split")
    size = input.array.shape[dim]
    if isinstance(split_size_or_sections, (tuple, list)):
        sections = check_shape("split", tuple(split_size_or_sections))
        if sum(sections) != size:
            raise ValueError(
                f"split: sections {sections} must add up to {size}, the size of dim {dim}"
            )
    else:
        step = split_size_or_sections
        if step < 0 or (step == 0 and size):
            raise ValueError(f"split: split_size must be positive, got {step}")
        sections = tuple(min(step, size - start) for start in range(0, size, step or 1)) or (0,)
    bounds = tuple(sum(sections[:i]) for i in range(len(sections) + 1))
    return _split(input, dim, bounds)


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Any, ...]:
    """At most `chunks` parts of input along dim, of equal size but for the last, as views.

    Raises:
        ValueError: chunks is not positive.

    Gradient: the parts' gradients joined along dim.
    """
    if chunks < 1:
        raise ValueError(f"chunk: chunks must be positive, got {chunks}")
    dim = check_dim("chunk", dim, input.array.ndim)
    size = input.array.shape[dim] if input.array.ndim else 0
    if size == 0 and input.array.ndim:
        return split(input, [0] * chunks, dim)
    return split(input, -(-size // chunks), dim)


def unbind(input: Tensor, dim: int = 0) -> tuple[Any, ...]:
    """input[..., i, ...] for every i along dim, without that dim, as views.

    Raises:
        IndexError: a 0-d tensor, or dim out of range.

    Gradient: the parts' gradients stacked along dim.
    """
    if input.array.ndim == 0:
        raise IndexError("unbind: a 0-d tensor has no dim to take apart")
    dim = check_dim("unbind", dim, input.array.ndim)
    size = input.array.shape[dim]
    return _split(input, dim, tuple(range(size + 1)), drop=True) if size else ()


__all__ = ["chunk", "narrow", "select", "split", "unbind"]
