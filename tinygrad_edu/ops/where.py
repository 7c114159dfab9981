"""Choosing between two tensors, element by element."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import autograd
from ..autograd import Function, wrap
from ..backends import backend
from .broadcast import broadcast_array
from .promotion import result_type


class Where(Function):
    """out = x where condition, else y.

    grad_x = grad_output where condition, else 0; grad_y the other way round.
    """

    def forward(self, condition: Any, x: Any, y: Any) -> Any:
        self.save(condition)
        shape = np.broadcast_shapes(condition.shape, x.shape, y.shape)
        b = backend(x)
        largest = x if x.shape == shape else y
        out = b.empty_like(largest) if largest.shape == shape else b.empty(shape, x.dtype)
        operands = [
            operand if operand.shape == shape else broadcast_array(operand, shape)
            for operand in (condition, x, y)
        ]
        b.where(*operands, out)
        return out

    def backward(self, grad_output: Any) -> Any:
        (condition,) = self.saved
        _, needs_x, needs_y = self.needs_input_grad
        zero = wrap(backend(grad_output.array).zeros((), grad_output.array.dtype))
        return (
            None,
            Where.apply(condition, grad_output, zero) if needs_x else None,
            Where.apply(condition, zero, grad_output) if needs_y else None,
        )


def where(condition: Any, input: Any = None, other: Any = None) -> Any:
    """out = input where condition is true, else other. All three broadcast; input and other may be
    numbers.

    Args:
        condition: bool tensor. Alone, the call is nonzero(condition, as_tuple=True).
        input, other: tensors or numbers, of any dtypes (promoted).

    Raises:
        TypeError: if condition is not bool.
        ValueError: if the shapes do not broadcast.

    Gradient: grad_input = grad_output where condition, else 0; grad_other the other way round. A
    NaN or infinity that was not chosen has no influence on either.

    Example:
        >>> import tinygrad_edu as tg
        >>> x = tg.tensor([-1.0, 2.0])
        >>> tg.where(x > 0, x, 0.0)
        tensor([0., 2.])
    """
    as_tensor = autograd.engine_ops["as_tensor"]
    condition = as_tensor(condition)
    if input is None and other is None:
        return autograd.engine_ops["nonzero"](condition, as_tuple=True)
    if condition.array.dtype.kind != "b":
        raise TypeError(
            f"where: condition must be a bool tensor, got {condition.array.dtype}; compare it, as "
            "in x != 0"
        )
    operands = [x.array if hasattr(x, "array") else x for x in (input, other)]
    dtype = result_type(*operands)
    x, y = (as_tensor(operand, dtype) for operand in (input, other))
    try:
        np.broadcast_shapes(condition.array.shape, x.array.shape, y.array.shape)
    except ValueError:
        shapes = f"{condition.array.shape}, {x.array.shape} and {y.array.shape}"
        raise ValueError(f"where: shapes {shapes} do not broadcast") from None
    return Where.apply(condition, x, y)


autograd.engine_ops["where"] = where

__all__ = ["where"]
