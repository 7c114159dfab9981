"""Checks of arguments. An error says: op, rule, facts, and the fix where it can be known.

ValueError for shapes and values, TypeError for types and dtypes, IndexError for dims and indices.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autograd import Tensor


def check_tensor(op: str, x: Any, name: str = "input") -> Tensor:
    """x, if it is a Tensor."""
    if not isinstance(x, Tensor):
        raise TypeError(
            f"{op}: {name} must be a Tensor, got {type(x).__name__}; make one with tensor(...)"
        )
    return x


def check_float(op: str, x: Tensor, name: str = "input") -> None:
    """TypeError unless x is a float tensor."""
    if x.array.dtype.kind != "f":
        raise TypeError(
            f"{op}: {name} must be a float tensor, got {x.array.dtype}; convert it with .float() "
            "or .to(dtype)"
        )


def check_same_dtype(op: str, **tensors: Tensor | None) -> None:
    """TypeError unless all given tensors have one dtype."""
    found = {name: x.array.dtype for name, x in tensors.items() if x is not None}
    if len(set(found.values())) > 1:
        facts = ", ".join(f"{name} {dtype}" for name, dtype in found.items())
        raise TypeError(
            f"{op}: all tensors must have one dtype, got {facts}; convert with .to(dtype)"
        )


def check_dim(op: str, dim: Any, ndim: int) -> int:
    """The dim counted from 0. A 0-d tensor has dims 0 and -1, as in PyTorch."""
    if isinstance(dim, (bool, np.bool_)) or not isinstance(dim, (int, np.integer)):
        raise TypeError(f"{op}: dim must be an int, got {type(dim).__name__}")
    size = max(ndim, 1)
    if not -size <= dim < size:
        raise IndexError(f"{op}: dim must be in [{-size}, {size - 1}], got {dim}")
    return int(dim) % size


def check_dims(op: str, dim: Any, ndim: int) -> tuple[int, ...]:
    """The dims counted from 0, in the order given; None stands for all."""
    if dim is None:
        return tuple(range(ndim))
    dims = dim if isinstance(dim, (tuple, list)) else (dim,)
    result = tuple(check_dim(op, d, ndim) for d in dims)
    if len(set(result)) != len(result):
        raise ValueError(f"{op}: a dim appears more than once in {tuple(dims)}")
    return result


def check_shape(op: str, shape: Any) -> tuple[int, ...]:
    """A shape given as f(2, 3), f((2, 3)) or f([2, 3]), as a tuple of non-negative ints."""
    is_one = len(shape) == 1 and type(shape[0]) is not int
    if is_one and isinstance(shape[0], Sequence) and not isinstance(shape[0], str):
        shape = shape[0]
    sizes = []
    for size in shape:
        if type(size) is int and 0 <= size < 2**63:
            sizes.append(size)
            continue
        if isinstance(size, (bool, np.bool_)) or not hasattr(size, "__index__"):
            raise TypeError(f"{op}: sizes must be ints, got {type(size).__name__}")
        if size.__index__() < 0:
            raise ValueError(f"{op}: sizes must not be negative, got {tuple(shape)}")
        if size.__index__() >= 2**63:
            raise ValueError(f"{op}: sizes must be below 2^63, got {tuple(shape)}")
        sizes.append(size.__index__())
    if len(sizes) > 16:
        raise ValueError(f"{op}: a tensor has at most 16 dimensions, got {len(sizes)}")
    return tuple(sizes)


def check_broadcast(op: str, *shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that these shapes broadcast to."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        given = " and ".join(map(str, shapes))
        raise ValueError(f"{op}: shapes {given} do not broadcast") from None


def check_reduction(op: str, reduction: Any) -> None:
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{op}: reduction must be 'none', 'mean' or 'sum', got {reduction!r}")
