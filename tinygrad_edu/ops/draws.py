"""Arrays of random numbers, drawn from a generator: what the random ops are made of.

Element i of the result, counted row-major, depends on the generator's state and on i alone: not on
memory layout, threads or device. See random.py in the package for the generators.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from ..autograd import Tensor
from ..backends import backend
from ..dtypes import bool_, int64
from ..random import Generator, generator_in_use


def reserve(op: str, generator: Generator | None, words: int) -> tuple[int, int]:
    """Takes this many 32-bit words out of the generator: (seed, first block)."""
    if generator is None:
        generator = generator_in_use()
    if not isinstance(generator, Generator):
        raise TypeError(f"{op}: generator must be a Generator, got {type(generator).__name__}")
    return generator.reserve(words)


def draw_uniform(
    op: str, b: ModuleType, shape: Any, dtype: Any, generator: Generator | None
) -> Any:
    """Uniform in [0, 1)."""
    out = b.empty(shape, dtype)
    b.random_uniform(out, *reserve(op, generator, out.size * out.itemsize // 4))
    return out


def draw_normal(op: str, b: ModuleType, shape: Any, dtype: Any, generator: Generator | None) -> Any:
    """Normal with mean 0 and variance 1."""
    out = b.empty(shape, dtype)
    b.random_normal(out, *reserve(op, generator, out.size * out.itemsize // 4))
    return out


def random_mask(
    b: ModuleType, shape: Any, probability: float, generator: Generator | None = None
) -> Any:
    """A bool array, True with this probability: what dropout and `bernoulli_` draw."""
    out = b.empty(shape, bool_)
    b.random_mask(out, probability, *reserve("random_mask", generator, out.size))
    return out


def draw_integers(
    op: str, b: ModuleType, shape: Any, low: Any, high: Any, dtype: Any, generator: Generator | None
) -> Any:
    """Integers in [low, high), checked against what dtype can hold."""
    if low >= high:
        raise ValueError(f"{op}: low must be less than high, got {low} and {high}")
    smallest, largest = (0, 1) if dtype.kind == "b" else (-(2**63), 2**63 - 1)
    if dtype.kind in "iu":
        smallest, largest = np.iinfo(dtype).min, np.iinfo(dtype).max
    if low < smallest or high - 1 > largest:
        raise ValueError(f"{op}: values in [{low}, {high}) do not fit dtype {dtype}")
    out = b.empty(shape, int64)
    seed, block = reserve(op, generator, 2 * out.size)
    b.random_integers(out, low, (high - low) % 2**64, seed, block)
    return out if dtype == int64 else b.cast(out, dtype)


def in_order_of(x: Tensor, values: Any) -> Any:
    """Row-major values in the memory order of x."""
    b = backend(x.array)
    out = b.empty_like(x.array, values.dtype)
    if out.strides == values.strides:
        return values
    b.copy_into(values, out)
    return out


def check_int(op: str, name: str, value: Any) -> int:
    if isinstance(value, Tensor):
        value = value.array.item()
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{op}: {name} must be an int, got {type(value).__name__}")
    return int(value.__index__())


def check_probability(op: str, p: float) -> None:
    if not 0 <= p <= 1:
        raise ValueError(f"{op}: the probability must lie in [0, 1], got {p}")
