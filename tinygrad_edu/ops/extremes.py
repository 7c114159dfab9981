"""The largest and smallest elements: their values, where they stand, or both.

NaN wins against every number. Of equal elements the first one is the winner of max and argmax along
a dim; amax, and max over all elements, have no winner and share their gradient among equals.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..autograd import Function, Tensor, wrap
from ..backends import backend
from ..dtypes import int64
from .broadcast import Expand
from .checks import check_dim, check_tensor
from .comparison import eq
from .elementwise import div, maximum, minimum
from .indexing import IndexAdd, at_each_place
from .reduce import Reduction, Sum, by_numpy, check_reduced_dims, reduced_shape
from .view import reshape
from .where import where


class Extreme(Reduction):
    """out = the largest (kernel "amax") or smallest ("amin") x over dims; NaN if one is NaN.

    grad_x = grad_output / (number of equal extremes) at each of them, 0 elsewhere.
    """

    def forward(self, x: Any, kernel: str, dims: tuple[int, ...], keepdim: bool) -> Any:
        out = self.reduce(kernel, x, dims, keepdim)
        self.save(x, out)
        return out

    def backward(self, grad_output: Any) -> Any:
        x, out = self.saved
        winners = eq(x, self.spread(out))
        counted = backend(x.array).cast(winners.array, x.array.dtype)
        count = Sum.apply(wrap(counted), self.dims, True, 1.0)
        share = div(reshape(grad_output, self.kept_shape), count)
        return where(winners, Expand.apply(share, self.shape_x), 0.0)


class Winner(Function):
    """(values, indices) of the largest ("argmax") or smallest ("argmin") x along dim: the first of
    equal ones; NaN wins.

    grad_x = grad_output at the winner, 0 elsewhere.
    """

    non_differentiable = (1,)

    def forward(self, x: Any, kernel: str, dim: int, keepdim: bool) -> Any:
        self.shape_x, self.dim = x.shape, dim
        kept = reduced_shape(x.shape, (dim,), True)
        b = backend(x)
        values, indices = b.empty(kept, x.dtype), b.empty(kept, int64)
        getattr(b, kernel)(x, values, indices, dim)
        self.indices = indices
        if keepdim:
            return values, indices
        shape = reduced_shape(x.shape, (dim,), False)
        return values.reshape(shape), indices.reshape(shape)

    def backward(self, grad_values: Any, grad_indices: Any) -> Any:
        if grad_values is None:
            return None
        places = at_each_place(self.indices, self.dim)
        grad_values = reshape(grad_values, self.indices.shape)
        return IndexAdd.apply(grad_values, self.shape_x, tuple(range(len(places))), places)


class ValuesAndIndices(NamedTuple):
    """What max, min and others along a dim return."""

    values: Any
    indices: Any


def _extreme(op: str, kernel: str, numpy_function: Any, input: Any, dim: Any, keepdim: bool) -> Any:
    check_tensor(op, input)
    dims = check_reduced_dims(op, dim, input.array.ndim)
    _check_not_empty(op, input.array.shape, dims)
    if input.array.dtype.kind != "f":
        return by_numpy(numpy_function, input, dims, keepdim)
    return Extreme.apply(input, kernel, dims, keepdim)


def _check_not_empty(op: str, shape: tuple[int, ...], dims: tuple[int, ...]) -> None:
    if 0 in [shape[d] for d in dims]:
        raise IndexError(
            f"{op}: there is no extreme of no elements, got shape {shape} over dims {dims}"
        )


def amax(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """out = largest element over dim (an int, a tuple, or None for all); NaN if one is NaN.

    Raises:
        IndexError: if there are no elements.

    Gradient: grad_output shared evenly among equal largest elements, 0 elsewhere.
    """
    return _extreme("amax", "amax", np.max, input, dim, keepdim)


def amin(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """out = smallest element over dim (an int, a tuple, or None for all); NaN if one is NaN.

    Raises:
        IndexError: if there are no elements.

    Gradient: grad_output shared evenly among equal smallest elements, 0 elsewhere.
    """
    return _extreme("amin", "amin", np.min, input, dim, keepdim)


def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> tuple[Any, Any]:
    """out = (min x, max x) over one dim or all.

    Gradient: those of amin and amax.
    """
    return amin(input, dim, keepdim), amax(input, dim, keepdim)


def _winner(op: str, kernel: str, input: Any, dim: int, keepdim: bool) -> ValuesAndIndices:
    dim = check_dim(op, dim, input.array.ndim)
    if input.array.ndim == 0:
        return ValuesAndIndices(reshape(input, ()), wrap(np.zeros((), np.int64)))
    _check_not_empty(op, input.array.shape, (dim,))
    if input.array.dtype.kind == "f":
        return ValuesAndIndices(*Winner.apply(input, kernel, dim, keepdim))
    indices = getattr(np, kernel)(input.array, axis=dim, keepdims=True)
    values = np.take_along_axis(input.array, indices, dim)
    shape = reduced_shape(input.array.shape, (dim,), keepdim)
    return ValuesAndIndices(wrap(values.reshape(shape)), wrap(indices.reshape(shape)))


def max(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """out = max_i x_i, of all or along dim; or, with a second tensor, the larger of each pair.

    Args:
        input: any tensor.
        dim: None for the largest of all; an int for (values, indices) along that dim; a tensor for
            maximum(input, dim).
        keepdim: whether dim stays, with size 1.

    Returns:
        A 0-d tensor; or a named tuple (values, indices), indices of the first of equal ones; or a
        tensor. NaN wins.

    Raises:
        IndexError: if there are no elements.

    Gradient: of all: shared evenly among equal ones, as amax. Along dim: to the element at the
    index.

    Example:
        >>> import tinygrad_edu as tg
        >>> values, indices = tg.tensor([[1.0, 5.0], [7.0, 2.0]]).max(dim=1)
        >>> values, indices
        (tensor([5., 7.]), tensor([1, 0]))
    """
    if isinstance(dim, Tensor):
        return maximum(input, dim)
    return amax(input) if dim is None else _winner("max", "argmax", input, dim, keepdim)


def min(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """out = min_i x_i, of all or along dim; or, with a second tensor, the smaller of each
    pair. As max.

    Gradient: of all: shared evenly among equal ones, as amin. Along dim: to the element at the
    index.
    """
    if isinstance(dim, Tensor):
        return minimum(input, dim)
    return amin(input) if dim is None else _winner("min", "argmin", input, dim, keepdim)


def _position(op: str, input: Any, dim: int | None, keepdim: bool) -> Any:
    check_tensor(op, input)
    shape = input.array.shape
    detached = wrap(input.array)
    if dim is not None:
        return _winner(op, op, detached, dim, keepdim).indices
    _check_not_empty(op, shape, tuple(range(len(shape))))
    position = _winner(op, op, reshape(detached, (input.array.size,)), 0, False).indices
    return reshape(position, (1,) * len(shape)) if keepdim else position


def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """out = the i of max x_i along dim, or in the flattened tensor; the first of equal ones; NaN
    wins.

    Gradient: none.
    """
    return _position("argmax", input, dim, keepdim)


def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """out = the i of min x_i along dim, or in the flattened tensor; the first of equal ones; NaN
    wins.

    Gradient: none.
    """
    return _position("argmin", input, dim, keepdim)


__all__ = [
    "amax", "amin", "aminmax", "argmax", "argmin", "max", "min",
]  # fmt: skip
