"""Draws from given probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import Tensor, wrap
from ..backends import backend
from ..dtypes import float64, int64
from ..random import Generator
from .checks import check_float, check_tensor
from .draws import check_int, check_probability, draw_uniform, in_order_of, random_mask


def _probabilities(op: str, x: Tensor) -> None:
    check_float(op, x)
    host = backend(x.array).to_host(x.array)
    if not ((host >= 0) & (host <= 1)).all():  # NaN fails, too
        raise ValueError(f"{op}: probabilities must lie in [0, 1]")


def bernoulli(input: Tensor, p: float | None = None, *, generator: Generator | None = None) -> Any:
    """out_i = 1 with probability input_i (or p), else 0.

    Args:
        input: probabilities, a float tensor; if p is given, only shape and dtype count.
        p: one probability for all.
        generator: see `rand`.

    Returns:
        A tensor of input's shape and dtype.

    Raises:
        TypeError: input is not a float tensor.
        ValueError: a probability lies outside [0, 1].

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.bernoulli(tg.tensor([0.0, 1.0]))
        tensor([0., 1.])
    """
    x = check_tensor("bernoulli", input)
    b = backend(x.array)
    if p is not None:
        check_probability("bernoulli", p)
        mask = random_mask(b, x.array.shape, p, generator)
        values = b.cast(mask, x.array.dtype)
    else:
        _probabilities("bernoulli", x)
        values = draw_uniform("bernoulli", b, x.array.shape, x.array.dtype, generator)
        values[...] = values < x.array
    return wrap(in_order_of(x, values))


def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
) -> Any:
    """Indices j drawn with probability input_j / sum(input), in each row.

    With replacement by inverting the cumulative sum; without, by the race of exponential clocks:
    the indices with the smallest E_j / input_j, where E_j are exponential.

    Args:
        input: weights >= 0, not all 0, float, shape (n,) or (rows, n).
        num_samples: draws per row, >= 1.
        replacement: whether an index may be drawn again.
        generator: see `rand`.

    Returns:
        An int64 tensor of shape (num_samples,) or (rows, num_samples).

    Raises:
        TypeError: input is not a float tensor.
        ValueError: the shape is another, a weight is negative, infinite or NaN, a row has no
            weight, or fewer weights than num_samples are positive and replacement is False.

    Reference:
        Efraimidis and Spirakis, "Weighted random sampling with a reservoir", Inf. Process. Lett.
        97, 2006.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.multinomial(tg.tensor([0.0, 1.0, 0.0]), 2, replacement=True)
        tensor([1, 1])
    """
    x = check_tensor("multinomial", input)
    check_float("multinomial", x)
    b = backend(x.array)
    weights = np.atleast_2d(b.to_host(x.array)).astype(np.float64)
    _check_weights(x, weights, num_samples, replacement)
    rows, n = weights.shape
    if replacement:
        cumulative = weights.cumsum(axis=1)
        draws = b.to_host(draw_uniform("multinomial", b, (rows, num_samples), float64, generator))
        draws = draws * cumulative[:, -1:]
        found = [
            np.searchsorted(c, d, side="right") for c, d in zip(cumulative, draws, strict=True)
        ]
        last = n - 1 - (weights[:, ::-1] > 0).argmax(axis=1)  # rounding must not reach past it
        indices = np.minimum(np.array(found).reshape(rows, num_samples), last[:, None])
    else:
        draws = b.to_host(draw_uniform("multinomial", b, (rows, n), float64, generator))
        with np.errstate(divide="ignore"):
            times = np.where(weights > 0, -np.log1p(-draws) / weights, np.inf)
        indices = times.argsort(axis=1, kind="stable")[:, :num_samples]
    shape = (*x.array.shape[:-1], num_samples)
    out = b.empty(shape, int64)
    b.copy_into(b.from_host(indices.reshape(shape)), out)
    return wrap(out)


def _check_weights(x: Tensor, weights: Any, num_samples: Any, replacement: bool) -> None:
    shape = x.array.shape
    if len(shape) not in (1, 2) or shape[-1] == 0:
        raise ValueError(
            f"multinomial: input must have shape (n,) or (rows, n) with n >= 1, got {shape}"
        )
    if check_int("multinomial", "num_samples", num_samples) < 1:
        raise ValueError(f"multinomial: num_samples must be >= 1, got {num_samples}")
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise ValueError("multinomial: weights must be finite and not negative")
    positive = (weights > 0).sum(axis=1)
    if (positive == 0).any():
        raise ValueError("multinomial: the weights of a row must not all be 0")
    if not replacement and (positive < num_samples).any():
        raise ValueError(
            f"multinomial: cannot draw {num_samples} different indices from {positive.min()} "
            "positive weights; pass replacement=True"
        )
