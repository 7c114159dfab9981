"""Checks of values that select memory: no kernel runs on an index not proven to lie in bounds."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backends import backend
from ..dtypes import int64
from .checks import check_tensor


def index_range(index: Any) -> tuple[int, int]:
    """The smallest and the largest value of an int64 array; (0, -1) where it is empty."""
    b = backend(index)
    bounds = b.empty((2,), int64)
    b.index_bounds(index, bounds)
    smallest, largest = bounds.tolist()
    return smallest, largest


def check_index(op: str, index: Any, name: str) -> Any:
    """index, if it is an int64 Tensor."""
    check_tensor(op, index, name)
    if index.array.dtype != int64:
        raise TypeError(f"{op}: {name} must be int64, got {index.array.dtype}; use .long()")
    return index


def check_bounds(op: str, index: Any, size: int, name: str, what: str) -> None:
    """IndexError unless all values of an int64 array lie in [0, size)."""
    smallest, largest = index_range(index)
    if smallest < 0 or largest >= size:
        wrong = smallest if smallest < 0 else largest
        raise IndexError(f"{op}: {name} must lie in [0, {size - 1}] for {size} {what}, got {wrong}")


def check_classes(op: str, targets: Any, classes: int, ignore_index: int) -> None:
    """IndexError unless every target is a class or ignore_index."""
    smallest, largest = index_range(targets)
    if smallest >= 0 and largest < classes:
        return
    values = backend(targets).to_host(targets)
    wrong = values[((values < 0) | (values >= classes)) & (values != ignore_index)]
    if wrong.size:
        raise IndexError(
            f"{op}: targets must lie in [0, {classes - 1}] for {classes} classes, or be "
            f"ignore_index={ignore_index}, got {np.asarray(wrong).flat[0]}"
        )
