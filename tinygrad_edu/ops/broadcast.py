"""Broadcasting and its adjoint. A value used at many places gets the sum of their gradients: expand
and sum_to_size are each other's VJP. The engine calls sum_to_size on every gradient that arrives
larger than the value it belongs to.
"""

from __future__ import annotations

from typing import Any

from .. import autograd
from ..autograd import Function
from ..backends import backend


class Expand(Function):
    """out[..., i, ...] = x[..., 0, ...] for every i of a dim that grows: a view with stride 0.

    grad_x = grad_output summed over the dims that grew.
    """

    is_view = True

    def forward(self, x: Any, shape: tuple[int, ...]) -> Any:
        self.shape_x = x.shape
        strides = [0] * len(shape)
        lead = len(shape) - x.ndim
        for d in range(x.ndim):
            strides[lead + d] = (
                0 if x.shape[d] == 1 != shape[lead + d] else x.strides[d] // x.itemsize
            )
        return backend(x).view(x, shape, tuple(strides))

    def backward(self, grad_output: Any) -> Any:
        return SumToSize.apply(grad_output, self.shape_x)


class SumToSize(Function):
    """out = x summed over the dims in which `shape` has size 1, or none.

    grad_x = grad_output expanded to x's shape.
    """

    def forward(self, x: Any, shape: tuple[int, ...]) -> Any:
        self.shape_x = x.shape
        b = backend(x)
        out = b.empty(shape, x.dtype)
        b.sum(x, out, 1.0)
        return out

    def backward(self, grad_output: Any) -> Any:
        return Expand.apply(grad_output, self.shape_x)


def sum_to_size(x: Any, shape: tuple[int, ...]) -> Any:
    """out = x summed to `shape`, from which it was broadcast."""
    return SumToSize.apply(x, shape)


autograd.engine_ops["sum_to_size"] = sum_to_size
