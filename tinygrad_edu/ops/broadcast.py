"""Broadcasting and its adjoint. A value used at many places gets the sum of their gradients: expand
and sum_to_size are each other's VJP. The engine calls sum_to_size on every gradient that arrives
larger than the value it belongs to.
"""

from __future__ import annotations

from typing import Any

from .. import autograd
from ..autograd import Function
from ..backends import backend


def broadcast_array(x: Any, shape: tuple[int, ...]) -> Any:
    """An array's memory under the shape that it broadcasts to: stride 0 in the dims that grow."""
    lead = len(shape) - x.ndim
    strides = [0] * len(shape)
    for d, size in enumerate(x.shape):
        if size != 1 or shape[lead + d] == 1:
            strides[lead + d] = x.strides[d] // x.itemsize
    return backend(x).view(x, shape, tuple(strides))


class Expand(Function):
    """out[..., i, ...] = x[..., 0, ...] for every i of a dim that grows: a view with stride 0.

    grad_x = grad_output summed over the dims that grew.
    """

    is_view = True

    def forward(self, x: Any, shape: tuple[int, ...]) -> Any:
        self.shape_x = x.shape
        return broadcast_array(x, shape)

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
