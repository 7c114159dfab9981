"""Filling tensors with random numbers, in place."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autograd import wrap
from ..backends import backend
from ..random import Generator
from .checks import check_float
from .draws import (
    check_int,
    check_probability,
    draw_integers,
    draw_normal,
    draw_uniform,
    random_mask,
)
from .inplace import copy_


def uniform_(
    x: Any, low: float = 0.0, high: float = 1.0, *, generator: Generator | None = None
) -> Any:
    """x_i ~ U[low, high), in place: low + u (high - low), with u as `rand` draws it.

    Rounding may give high itself.

    Args:
        x: a float tensor.
        low, high: the bounds (PyTorch's `from` and `to`), low <= high, both finite.
        generator: see `rand`.

    Returns:
        x. Its gradient stops here: the values before do not matter.

    Raises:
        TypeError: x is not a float tensor.
        ValueError: the bounds are out of order or not finite.
        RuntimeError: x is a leaf that requires grad and the graph is recorded; use no_grad.
    """
    check_float("uniform_", x)
    if not (low <= high and math.isfinite(high - low)):
        raise ValueError(f"uniform_: needs low <= high, both finite, got {low} and {high}")
    values = draw_uniform("uniform_", backend(x.array), x.array.shape, x.array.dtype, generator)
    values *= high - low
    values += low
    return copy_(x, wrap(values))


def normal_(
    x: Any, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None
) -> Any:
    """x_i ~ N(mean, std^2), in place. See `uniform_`.

    Raises:
        ValueError: std is negative.
    """
    check_float("normal_", x)
    if not std >= 0:
        raise ValueError(f"normal_: std must not be negative, got {std}")
    values = draw_normal("normal_", backend(x.array), x.array.shape, x.array.dtype, generator)
    values *= std
    values += mean
    return copy_(x, wrap(values))


def bernoulli_(x: Any, p: float = 0.5, *, generator: Generator | None = None) -> Any:
    """x_i = 1 with probability p, else 0, in place, for any dtype. See `uniform_`.

    Raises:
        ValueError: p lies outside [0, 1].
    """
    check_probability("bernoulli_", p)
    mask = random_mask(backend(x.array), x.array.shape, p, generator)
    return copy_(x, wrap(backend(x.array).cast(mask, x.array.dtype)))


def random_(
    x: Any, low: int | None = None, high: int | None = None, *, generator: Generator | None = None
) -> Any:
    """x_i in low, ..., high - 1, equally likely, in place, for any dtype. See `uniform_`.

    Args:
        low: the smallest; `x.random_(high)` starts at 0.
        high: one more than the largest; without both, all of an integer dtype's values from 0 on,
            or as many integers as a float dtype represents.
    """
    dtype = x.array.dtype
    if low is None:
        if dtype.kind == "f":
            low, high = 0, 2 ** (np.finfo(dtype).nmant + 1)
        else:
            low, high = 0, 2 if dtype.kind == "b" else int(np.iinfo(dtype).max) + 1
    elif high is None:
        low, high = 0, low
    low, high = check_int("random_", "low", low), check_int("random_", "high", high)
    b = backend(x.array)
    return copy_(x, wrap(draw_integers("random_", b, x.array.shape, low, high, dtype, generator)))
