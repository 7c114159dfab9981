"""Gathering and scattering along a dim by index tensors, and by masks. All of it is indexing
(indexing.py) underneath.

gather and scatter pair every element of the index with one element of out: position (i, j, k) along
dim 1 stands for (i, index[i, j, k], k).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import autograd
from ..autograd import Tensor, wrap
from ..backends import backend
from .broadcast import Expand
from .checks import check_dim, check_same_dtype, check_tensor
from .index_keys import Indices, as_index_array
from .indexing import Copy, Index, at_each_place, index_put_at
from .view import reshape
from .where import where


def _along(op: str, index: Any, dim: int, shape: tuple[int, ...]) -> Indices:
    """Index arrays for all dims of a tensor of this shape: `index` along dim, each position's own
    along the others.
    """
    array = _check_index(op, index)
    if array.ndim != max(len(shape), 1) and not (array.ndim == len(shape) == 0):
        raise ValueError(
            f"{op}: index must have as many dims as input, got shapes {array.shape} and {shape}"
        )
    for d, size in enumerate(array.shape):
        if d != dim and size > shape[d]:
            raise ValueError(
                f"{op}: index of shape {array.shape} reaches past dim {d} of input, of shape "
                f"{shape}"
            )
    _check_range(op, array, dim, shape[dim] if shape else 1)
    return at_each_place(array, dim)


def _check_index(op: str, index: Any) -> np.ndarray:
    array = as_index_array(index)
    if array.dtype.kind == "b":
        raise TypeError(f"{op}: index must be an integer tensor, got bool")
    return array


def _check_range(op: str, index: np.ndarray, dim: int, size: int) -> None:
    if index.size and not (index.min() >= 0 and index.max() < size):
        wrong = int(index.min()) if index.min() < 0 else int(index.max())
        raise IndexError(f"{op}: index {wrong} is out of range for dim {dim} of size {size}")


def index_select(input: Tensor, dim: int, index: Any) -> Any:
    """out[..., j, ...] = input[..., index[j], ...] along dim.

    Args:
        input: any tensor.
        dim: the dim to select along.
        index: int64 tensor of one dim, values in [0, size of dim).

    Returns:
        A copy with the length of index along dim.

    Raises:
        IndexError: if a value of index is out of range.

    Gradient: grad_output added up at the selected positions.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.tensor([[1, 2, 3], [4, 5, 6]]).index_select(1, tg.tensor([2, 0]))
        tensor([[3, 1],
                [6, 4]])
    """
    dim = check_dim("index_select", dim, check_tensor("index_select", input).array.ndim)
    array = _check_index("index_select", index)
    if array.ndim > 1:
        raise ValueError(f"index_select: index must have one dim, got shape {array.shape}")
    if input.array.ndim == 0:
        return reshape(index_select(reshape(input, (1,)), 0, array), ())
    _check_range("index_select", array, dim, input.array.shape[dim])
    return Index.apply(input, (dim,), (array.reshape(-1),))


def gather(input: Tensor, dim: int, index: Any) -> Any:
    """out[i, j, k] = input[i, index[i, j, k], k] for dim 1, and likewise for other dims.

    Args:
        input: any tensor.
        dim: the dim that index points along.
        index: int64 tensor with as many dims as input, no larger than input in the other dims.

    Returns:
        A tensor of index's shape.

    Raises:
        IndexError: if a value of index is out of range.

    Gradient: grad_output added up at the positions it came from.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.tensor([[1, 2], [3, 4]]).gather(1, tg.tensor([[1], [0]]))
        tensor([[2],
                [3]])
    """
    dim = check_dim("gather", dim, check_tensor("gather", input).array.ndim)
    if input.array.ndim == 0:
        flat = _check_index("gather", index).reshape(-1)
        return reshape(index_select(reshape(input, (1,)), 0, flat), np.shape(as_index_array(index)))
    return Index.apply(
        input, tuple(range(input.array.ndim)), _along("gather", index, dim, input.array.shape)
    )


def take_along_dim(input: Tensor, indices: Any, dim: int | None = None) -> Any:
    """gather with input and indices broadcast against each other in the other dims; of the flat
    tensors without dim.

    Raises:
        ValueError: shapes that do not broadcast beside dim.

    Gradient: grad_output added up at the positions it came from.
    """
    if dim is None:
        return take(input, wrap(as_index_array(indices).reshape(-1)))
    shape = check_tensor("take_along_dim", input).array.shape
    dim = check_dim("take_along_dim", dim, len(shape))
    array = as_index_array(indices)
    if array.ndim != len(shape):
        raise ValueError(
            f"take_along_dim: indices must have as many dims as input, got {array.shape} and "
            f"{shape}"
        )

    def one_at_dim(full: tuple[int, ...]) -> tuple[int, ...]:
        return (*full[:dim], 1, *full[dim + 1 :])

    try:
        common = np.broadcast_shapes(one_at_dim(array.shape), one_at_dim(shape))
    except ValueError:
        raise ValueError(
            f"take_along_dim: shapes {array.shape} and {shape} do not broadcast beside dim {dim}"
        ) from None
    wide_index = np.broadcast_to(array, (*common[:dim], array.shape[dim], *common[dim + 1 :]))
    wide_input = Expand.apply(input, (*common[:dim], shape[dim], *common[dim + 1 :]))
    return gather(wide_input, dim, wrap(wide_index))


def take(input: Tensor, index: Any) -> Any:
    """out[i] = input.flatten()[index[i]], in index's shape.

    Raises:
        IndexError: a value of index is out of range.

    Gradient: grad_output added up at the positions it came from.
    """
    check_tensor("take", input)
    array = _check_index("take", index)
    size = input.array.size
    if array.size and not (-size <= array.min() and array.max() < size):
        raise IndexError(f"take: index out of range for a tensor of {size} elements")
    if input.array.ndim == 0:
        return Expand.apply(input, array.shape)
    places = np.unravel_index(np.where(array < 0, array + size, array), input.array.shape)
    return Index.apply(
        input, tuple(range(input.array.ndim)), tuple(np.asarray(p, np.int64) for p in places)
    )


def _scatter(op: str, input: Any, dim: int, index: Any, src: Any, accumulate: bool) -> Any:
    """Writes src into `input` (in place) at the index; src is a number, or a tensor at least of
    index's shape.
    """
    shape = check_tensor(op, input).array.shape
    dim = check_dim(op, dim, len(shape))
    if isinstance(src, Tensor):
        check_same_dtype(op, input=input, src=src)
        array = _check_index(op, index)
        if src.array.ndim != array.ndim or any(
            n > m for n, m in zip(array.shape, src.array.shape, strict=True)
        ):
            raise ValueError(
                f"{op}: index of shape {array.shape} must fit into src of shape {src.array.shape}"
            )
        if src.array.shape != array.shape:
            src = autograd.engine_ops["getitem"](src, tuple(slice(0, n) for n in array.shape))
    else:
        src = autograd.engine_ops["as_tensor"](src, input.array.dtype)
    if not shape:
        raise ValueError(f"{op}: input must have at least one dim")
    places = _along(op, index, dim, shape)
    index_put_at(input, tuple(range(len(shape))), places, src, accumulate)
    return input


def scatter(input: Tensor, dim: int, index: Any, src: Any) -> Any:
    """A copy of input with out[i, index[i, j, k], k] = src[i, j, k] for dim 1, and likewise for
    other dims.

    Args:
        input: any tensor.
        dim: the dim that index points along.
        index: int64 tensor with as many dims as input.
        src: tensor of input's dtype, at least of index's shape, or a number. Of equal indices the
            last one holds.

    Gradient: grad_input = grad_output, but 0 where assigned; grad_src = grad_output gathered at
    index.
    """
    return _scatter("scatter", Copy.apply(input), dim, index, src, False)


def scatter_(input: Tensor, dim: int, index: Any, src: Any) -> Any:
    """scatter, in place."""
    return _scatter("scatter_", input, dim, index, src, False)


def scatter_add(input: Tensor, dim: int, index: Any, src: Tensor) -> Any:
    """A copy of input with out[i, index[i, j, k], k] += src[i, j, k] for dim 1, and likewise for
    other dims.

    Sums run in the order of the index, so that the result is the same every time.

    Gradient: grad_input = grad_output; grad_src = grad_output gathered at index.
    """
    return _scatter("scatter_add", Copy.apply(input), dim, index, src, True)


def scatter_add_(input: Tensor, dim: int, index: Any, src: Tensor) -> Any:
    """scatter_add, in place."""
    return _scatter("scatter_add_", input, dim, index, src, True)


def _rows(op: str, input: Any, dim: int, index: Any, source: Any) -> tuple[int, np.ndarray]:
    """dim counted from 0 and the index as one dim, checked, for ops that write slices of source."""
    dim = check_dim(op, dim, check_tensor(op, input).array.ndim)
    array = _check_index(op, index).reshape(-1)
    check_same_dtype(op, input=input, source=check_tensor(op, source, "source"))
    if input.array.ndim == 0:
        raise ValueError(f"{op}: input must have at least one dim")
    _check_range(op, array, dim, input.array.shape[dim])
    return dim, array


def index_add_(input: Tensor, dim: int, index: Any, source: Tensor, *, alpha: float = 1) -> Any:
    """input[..., index[j], ...] += alpha * source[..., j, ...] along dim, in place, in the order of
    the index.

    Gradient: grad_input = grad_output; grad_source = alpha * grad_output selected at index.
    """
    dim, array = _rows("index_add_", input, dim, index, source)
    added = source if alpha == 1 else autograd.engine_ops["mul"](source, alpha)
    index_put_at(input, (dim,), (array,), added, True)
    return input


def index_add(input: Tensor, dim: int, index: Any, source: Tensor, *, alpha: float = 1) -> Any:
    """A copy of input with out[..., index[j], ...] += alpha * source[..., j, ...] along dim.

    Gradient: grad_input = grad_output; grad_source = alpha * grad_output selected at index.
    """
    return index_add_(Copy.apply(check_tensor("index_add", input)), dim, index, source, alpha=alpha)


def index_copy_(input: Tensor, dim: int, index: Any, source: Tensor) -> Any:
    """input[..., index[j], ...] = source[..., j, ...] along dim, in place.

    Gradient: 0 for what was assigned over; grad_source = grad_output selected at index.
    """
    dim, array = _rows("index_copy_", input, dim, index, source)
    index_put_at(input, (dim,), (array,), source, False)
    return input


def index_copy(input: Tensor, dim: int, index: Any, source: Tensor) -> Any:
    """A copy of input with out[..., index[j], ...] = source[..., j, ...] along dim.

    Gradient: grad_input = grad_output, but 0 where assigned; grad_source = grad_output selected at
    index.
    """
    return index_copy_(Copy.apply(check_tensor("index_copy", input)), dim, index, source)


# ---- masks ----------------------------------------------------------------------------------


def _check_mask(op: str, mask: Any) -> Any:
    mask = autograd.engine_ops["as_tensor"](mask)
    if mask.array.dtype.kind != "b":
        raise TypeError(f"{op}: mask must be a bool tensor, got {mask.array.dtype}")
    return mask


def masked_fill(input: Tensor, mask: Any, value: Any) -> Any:
    """out = value where mask is true, else input. mask broadcasts; value is a number or a 0-d
    tensor.

    Raises:
        ValueError: value has dims.

    Gradient: grad_input = grad_output where mask is false, else 0; grad_value = sum of the rest.
    """
    mask = _check_mask("masked_fill", mask)
    value = autograd.engine_ops["as_tensor"](value, input.array.dtype)
    if value.array.ndim:
        raise ValueError(
            f"masked_fill: value must be a number or a 0-d tensor, got shape {value.array.shape}"
        )
    return where(mask, value, input)


def masked_select(input: Tensor, mask: Any) -> Any:
    """The elements of input where mask is true, in row-major order, as one dim. Both broadcast.

    Gradient: grad_output at the elements it came from, else 0.
    """
    check_tensor("masked_select", input)
    mask = _check_mask("masked_select", mask)
    shape = np.broadcast_shapes(input.array.shape, mask.array.shape)
    if not shape:
        return take(input, wrap(np.zeros(int(mask.array), np.int64)))
    found = np.nonzero(np.broadcast_to(mask.array, shape))
    return Index.apply(Expand.apply(input, shape), tuple(range(len(shape))), found)


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The positions of the elements that are not zero, one row each; as_tuple: one index tensor per
    dim. No gradient.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.tensor([[0, 7], [8, 0]]).nonzero()
        tensor([[0, 1],
                [1, 0]])
    """
    check_tensor("nonzero", input)
    array = backend(input.array).to_host(input.array)
    if array.ndim == 0:
        found = np.zeros((int(bool(array)), 0), np.int64)
        return (wrap(np.zeros(len(found), np.int64)),) if as_tuple else wrap(found)
    positions = np.nonzero(array)
    return tuple(wrap(p) for p in positions) if as_tuple else wrap(np.stack(positions, axis=1))


def argwhere(input: Tensor) -> Any:
    """The positions of the elements that are not zero, one row each. No gradient."""
    return nonzero(input)


autograd.engine_ops["nonzero"] = nonzero

__all__ = [
    "argwhere", "gather", "index_add", "index_add_", "index_copy", "index_copy_", "index_select",
    "masked_fill", "masked_select", "nonzero", "scatter", "scatter_", "scatter_add", "scatter_add_",
    "take", "take_along_dim",
]  # fmt: skip
