"""Division with a rounded quotient: NumPy computes it, and its gradient is 0."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import Function, wrap
from ..backends import backend
from .checks import check_broadcast


class FloorDivide(Function):
    """out = the largest integer <= x / y, of the exact quotient: 1 // 0.1 is 9, though 1 / 0.1
    rounds to 10.

    Both gradients are 0.
    """

    def forward(self, x: Any, y: Any) -> Any:
        check_broadcast("floor_divide", x.shape, y.shape)
        with np.errstate(all="ignore"):
            return np.asarray(np.floor_divide(x, y))

    def backward(self, grad_output: Any) -> Any:
        array = grad_output.array
        return tuple([wrap(backend(array).zeros(array.shape, array.dtype)) for _ in range(2)])


def integer_quotient(x: np.ndarray, y: np.ndarray, rounding_mode: str) -> Any:
    """x / y of integers of one dtype, rounded down ("floor") or toward zero ("trunc")."""
    if x.dtype.kind == "b":
        raise TypeError("div: a rounded quotient of two bool tensors is not defined")
    check_broadcast("div", x.shape, y.shape)
    if (y == 0).any():
        raise ZeroDivisionError("div: integer division by zero")
    with np.errstate(over="ignore"):
        quotient = np.floor_divide(x, y)
        if rounding_mode == "trunc":
            quotient = quotient + ((quotient * y != x) & ((x < 0) != (y < 0)))
    return wrap(np.asarray(quotient, dtype=x.dtype))
