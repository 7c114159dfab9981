"""Reductions: sum, mean, product, any and all, over any dims.

The kernels (csrc/reduce.cpp) add in blocks and combine blocks in pairs, so that the error of a sum
grows with the logarithm of its length, and cut by size alone, so that results are the same for any
number of threads. Integers and bools are reduced by NumPy.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import autograd
from ..autograd import Function, Tensor, wrap
from ..backends import backend
from ..dtypes import as_dtype, int64
from .broadcast import Expand
from .checks import check_dims, check_tensor
from .elementwise import div, mul
from .shape import cat
from .slicing import Slice, along
from .view import Permute, reshape


@functools.lru_cache(maxsize=1024)
def reduced_shape(shape: tuple[int, ...], dims: tuple[int, ...], keepdim: bool) -> tuple[int, ...]:
    """The shape after a reduction over `dims`."""
    if keepdim:
        return tuple(1 if d in dims else n for d, n in enumerate(shape))
    return tuple(n for d, n in enumerate(shape) if d not in dims)


class Reduction(Function):
    """What the reductions share: a kernel that writes one value for each position of the dims that
    stay.
    """

    def reduce(self, kernel: str, x: Any, dims: tuple[int, ...], keepdim: bool, *args: Any) -> Any:
        self.shape_x, self.dims = x.shape, dims
        self.kept_shape = kept = reduced_shape(x.shape, dims, True)
        shape = kept if keepdim else reduced_shape(x.shape, dims, False)
        b = backend(x)
        out = b.empty(shape, x.dtype)
        getattr(b, kernel)(x, out if shape == kept or not shape else out.reshape(kept), *args)
        return out

    def spread(self, reduced: Any) -> Any:
        """A Tensor of the output's shape, at every position of x that it was reduced from."""
        if reduced.array.ndim and reduced.array.shape != self.kept_shape:
            reduced = reshape(reduced, self.kept_shape)
        return Expand.apply(reduced, self.shape_x)


class Sum(Reduction):
    """out = sum of x over dims / divisor. grad_x = grad_output / divisor at every position."""

    def forward(self, x: Any, dims: tuple[int, ...], keepdim: bool, divisor: float) -> Any:
        self.divisor = divisor
        return self.reduce("sum", x, dims, keepdim, divisor)

    def backward(self, grad_output: Any) -> Any:
        return self.spread(grad_output if self.divisor == 1 else div(grad_output, self.divisor))


class Prod(Reduction):
    """out = product of x over dims.

    grad_x_i = grad_output * product of the x_j, j != i: out / x_i where no x is 0, else the product
    before i times that after i, both as running products.
    """

    def forward(self, x: Any, dims: tuple[int, ...], keepdim: bool) -> Any:
        out = self.reduce("prod", x, dims, keepdim)
        self.save(x, out)
        return out

    def backward(self, grad_output: Any) -> Any:
        x, out = self.saved
        if (x.array != 0).all():
            return div(self.spread(mul(grad_output, out)), x)
        order = (*(d for d in range(len(self.shape_x)) if d not in self.dims), *self.dims)
        inverse = tuple(sorted(range(len(order)), key=order.__getitem__))
        rows = Permute.apply(x, order)  # the reduced dims last
        count = math.prod(self.shape_x[d] for d in self.dims)
        flat = reshape(
            rows, (*(self.shape_x[d] for d in order[: len(order) - len(self.dims)]), count)
        )
        others = Permute.apply(reshape(products_of_others(flat), rows.array.shape), inverse)
        return mul(self.spread(grad_output), others)


def products_of_others(x: Any) -> Any:
    """out_i = the product of all x_j with j != i, over the last dim, without divisions."""
    shape = x.array.shape
    last, n = len(shape) - 1, shape[-1]
    ones = wrap(backend(x.array).full((*shape[:-1], 1), 1, x.array.dtype))

    def part(a: Any, start: int, stop: int) -> Any:
        return Slice.apply(a, along(last, slice(start, stop)))

    # Running products of what stands before i, and of what stands after it, by doubling.
    before = cat([ones, part(x, 0, n - 1)], last)
    after = cat([part(x, 1, n), ones], last)
    step = 1
    while step < n:
        before = cat(
            [part(before, 0, step), mul(part(before, step, n), part(before, 0, n - step))], last
        )
        after = cat(
            [mul(part(after, 0, n - step), part(after, step, n)), part(after, n - step, n)], last
        )
        step *= 2
    return mul(before, after)


# ---- sums and products ----------------------------------------------------------------------


def _converted(op: str, input: Any, dtype: Any) -> Any:
    """input in the dtype asked for; without one, bools and integers become int64, so that their sum
    fits.
    """
    check_tensor(op, input)
    if dtype is None and input.array.dtype.kind == "f":
        return input
    return autograd.engine_ops["cast"](input, int64 if dtype is None else as_dtype(dtype))


def by_numpy(function: Callable[..., Any], x: Any, dims: tuple[int, ...], keepdim: bool) -> Any:
    return wrap(np.asarray(function(x.array, axis=dims, keepdims=keepdim)))


def sum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """out = sum of input over dim.

    Args:
        input: any tensor; integers and bools are summed as int64.
        dim: an int, a tuple of ints, or None for all dims.
        keepdim: whether the dims summed over stay, with size 1.
        dtype: dtype to convert to before summing.

    Returns:
        A tensor without (or with size 1 in) the dims summed over; 0 where they are empty.

    Raises:
        IndexError: if a dim is out of range.

    Gradient: grad_output at every position of input.

    Reference: Higham, "The accuracy of floating point summation" (1993), on pairwise sums.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.tensor([[1.0, 2.0], [3.0, 4.0]]).sum(dim=0)
        tensor([4., 6.])
    """
    input = _converted("sum", input, dtype)
    dims = check_reduced_dims("sum", dim, input.array.ndim)
    if input.array.dtype.kind != "f":
        return by_numpy(np.sum, input, dims, keepdim)
    return Sum.apply(input, dims, keepdim, 1.0)


def mean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """out = sum of input over dim / number of elements summed; NaN where there are none.

    Args:
        input: float tensor (or any, with dtype).
        dim: an int, a tuple of ints, or None for all dims.
        keepdim: whether the dims stay, with size 1.
        dtype: float dtype to convert to before.

    Raises:
        TypeError: for integers and bools.

    Gradient: grad_output / number of elements, at every position of input.
    """
    check_tensor("mean", input)
    input = input if dtype is None else _converted("mean", input, dtype)
    if input.array.dtype.kind != "f":
        raise TypeError(
            f"mean: input must be a float tensor, got {input.array.dtype}; use "
            "mean(dtype=float32) or .float()"
        )
    dims = check_reduced_dims("mean", dim, input.array.ndim)
    return Sum.apply(input, dims, keepdim, float(math.prod(input.array.shape[d] for d in dims)))


def prod(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """out = product of input over dim; 1 where there are no elements. Integers and bools are
    multiplied as int64.

    Gradient: grad_output times the product of the other elements, also where some are 0.
    """
    input = _converted("prod", input, dtype)
    dims = check_reduced_dims("prod", dim, input.array.ndim)
    if input.array.dtype.kind != "f":
        return by_numpy(np.prod, input, dims, keepdim)
    return Prod.apply(input, dims, keepdim)


def check_reduced_dims(op: str, dim: Any, ndim: int) -> tuple[int, ...]:
    """The dims to reduce; None and an empty tuple stand for all. A 0-d tensor has none, whatever
    its dim is called.
    """
    if type(dim) is int and -ndim <= dim < ndim:
        return (dim % ndim,)
    if dim is None or (isinstance(dim, tuple | list) and not dim):
        return tuple(range(ndim))
    dims = check_dims(op, dim, ndim)
    return dims if ndim else ()


# ---- truth ----------------------------------------------------------------------------------


def all(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """out = x_1 != 0 and x_2 != 0 and ..., over dim; True of nothing. Gradient: none."""
    return by_numpy(
        np.all,
        check_tensor("all", input),
        check_reduced_dims("all", dim, input.array.ndim),
        keepdim,
    )


def any(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """out = x_1 != 0 or x_2 != 0 or ..., over dim; False of nothing. Gradient: none."""
    return by_numpy(
        np.any,
        check_tensor("any", input),
        check_reduced_dims("any", dim, input.array.ndim),
        keepdim,
    )


def count_nonzero(input: Tensor, dim: Any = None) -> Any:
    """out = the number of x_i != 0 over dim, as int64. Gradient: none."""
    check_tensor("count_nonzero", input)
    dims = check_reduced_dims("count_nonzero", dim, input.array.ndim)
    return wrap(np.asarray(np.count_nonzero(input.array, axis=dims), np.int64))


__all__ = ["all", "any", "count_nonzero", "mean", "prod", "sum"]
