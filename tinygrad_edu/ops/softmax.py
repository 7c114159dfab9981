"""softmax and log_softmax along one dim. Kernels: csrc/softmax.cpp."""

from __future__ import annotations

from typing import Any

from ..autograd import Function, Tensor
from ..backends import backend
from .checks import check_dim, check_float, check_tensor
from .convert import cast
from .elementwise import neg


class Softmax(Function):
    """out_i = exp(x_i) / sum_j exp(x_j).

    grad_x = out * (grad_output - sum(grad_output * out))
    """

    def forward(self, x: Any, dim: int) -> Any:
        b = backend(x)
        out = b.empty_like(x)
        b.softmax(x, out, dim)
        self.save(out)
        self.dim = dim
        return out

    def backward(self, grad_output: Any) -> Any:
        (out,) = self.saved
        return SoftmaxBackward.apply(grad_output, out, self.dim)


class SoftmaxBackward(Function):
    """out = y * (g - sum(g * y)), for y = softmax(x).

    grad_g = y * (grad_output - sum(grad_output * y)): the Jacobian of softmax is symmetric.
    grad_y = grad_output * (g - sum(g * y)) - g * sum(grad_output * y)
    """

    def forward(self, g: Any, y: Any, dim: int) -> Any:
        b = backend(y)
        out = b.empty_like(y)
        b.softmax_backward(g, y, out, dim)
        self.save(g, y)
        self.dim = dim
        return out

    def backward(self, grad_output: Any) -> Any:
        g, y = self.saved
        along = {"dim": self.dim, "keepdim": True}
        grad_y = grad_output * (g - (g * y).sum(**along)) - g * (grad_output * y).sum(**along)
        return SoftmaxBackward.apply(grad_output, y, self.dim), grad_y


class LogSoftmax(Function):
    """out_i = x_i - log sum_j exp(x_j).

    grad_x = grad_output - exp(out) * sum(grad_output)
    """

    def forward(self, x: Any, dim: int) -> Any:
        b = backend(x)
        out = b.empty_like(x)
        b.log_softmax(x, out, dim)
        self.save(out)
        self.dim = dim
        return out

    def backward(self, grad_output: Any) -> Any:
        (out,) = self.saved
        return LogSoftmaxBackward.apply(grad_output, out, self.dim)


class LogSoftmaxBackward(Function):
    """out = g - exp(y) * sum(g), for y = log_softmax(x).

    grad_g = grad_output - sum(grad_output * exp(y))
    grad_y = -grad_output * exp(y) * sum(g)
    """

    def forward(self, g: Any, y: Any, dim: int) -> Any:
        b = backend(y)
        out = b.empty_like(y)
        b.log_softmax_backward(g, y, out, dim)
        self.save(g, y)
        self.dim = dim
        return out

    def backward(self, grad_output: Any) -> Any:
        g, y = self.saved
        weighted = grad_output * y.exp()
        grad_g = grad_output - weighted.sum(self.dim, keepdim=True)
        return grad_g, -weighted * g.sum(self.dim, keepdim=True)


def _checked(op: str, input: Any, dim: Any, dtype: Any) -> tuple[Any, int]:
    """The input in the wanted dtype, and the dim counted from 0."""
    check_tensor(op, input)
    if dtype is not None:
        input = cast(input, dtype)
    check_float(op, input)
    return input, check_dim(op, dim, input.array.ndim)


def softmax(input: Tensor, dim: int, dtype: Any = None) -> Any:
    """out_i = exp(x_i) / sum_j exp(x_j) along dim: positive numbers that add up to 1.

    Computed with the maximum subtracted, so that no exponential overflows. Exponentials below the
    smallest normal number are exactly 0.

    Args:
        input: float tensor of any shape.
        dim: the dim to normalise.
        dtype: convert to this dtype first.

    Returns:
        Tensor of input's shape and dtype, or of dtype. A row of -inf, or one with +inf or NaN, is
        NaN.

    Raises:
        TypeError: input is not a float tensor.
        IndexError: dim out of range.

    Gradient: out * (grad_output - sum(grad_output * out)); keeps out.

    Reference: Bridle 1990, "Probabilistic Interpretation of Feedforward Classification Network
    Outputs".

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.softmax(tg.tensor([0.0, 0.0]), dim=0)
        tensor([0.5000, 0.5000])
    """
    x, dim = _checked("softmax", input, dim, dtype)
    return _on_rows(Softmax, x, dim)


def log_softmax(input: Tensor, dim: int, dtype: Any = None) -> Any:
    """out_i = x_i - log sum_j exp(x_j) along dim: log of softmax, exact where softmax underflows.

    Args:
        input: float tensor of any shape.
        dim: the dim to normalise.
        dtype: convert to this dtype first.

    Returns:
        Tensor of input's shape and dtype, or of dtype. A row of -inf, or one with +inf or NaN, is
        NaN.

    Raises:
        TypeError: input is not a float tensor.
        IndexError: dim out of range.

    Gradient: grad_output - exp(out) * sum(grad_output); keeps out.

    Reference: Blanchard, Higham and Higham 2021, "Accurately computing the log-sum-exp and softmax
    functions", section 2.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.log_softmax(tg.tensor([1000.0, 0.0]), dim=0)
        tensor([    0., -1000.])
    """
    x, dim = _checked("log_softmax", input, dim, dtype)
    return _on_rows(LogSoftmax, x, dim)


def softmin(input: Tensor, dim: int, dtype: Any = None) -> Any:
    """out_i = exp(-x_i) / sum_j exp(-x_j) along dim: softmax of -input, whose docstring has more.

    Gradient: out * (sum(grad_output * out) - grad_output).
    """
    return softmax(neg(check_tensor("softmin", input)), dim, dtype)


def _on_rows(function: type[Function], x: Any, dim: int) -> Any:
    """The function along dim; a 0-d tensor counts as a row of one element, as in PyTorch."""
    return function.apply(x, dim) if x.array.ndim else function.apply(x.reshape(1), 0).reshape(())


__all__ = ["log_softmax", "softmax", "softmin"]
