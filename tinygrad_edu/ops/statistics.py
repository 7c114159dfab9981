"""Variance, norms, log-sum-exp and running sums. All but the running sum and the Euclidean norm are
compositions.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import autograd
from ..autograd import Function, Tensor, wrap
from ..backends import backend
from ..dtypes import get_default_dtype
from .checks import check_dim, check_float, check_tensor
from .comparison import eq
from .elementwise import abs, add, div, exp, log, mul, pow, sqrt, square, sub
from .elementwise_core import OPS
from .extremes import amax, amin
from .reduce import Reduction, check_reduced_dims, mean, sum
from .view import reshape
from .where import where


def var(
    input: Tensor,
    dim: Any = None,
    *,
    correction: float = 1,
    keepdim: bool = False,
    unbiased: bool | None = None,
) -> Any:
    """out = sum of (x - mean)^2 / (n - correction), over dim.

    Args:
        input: float tensor.
        dim: an int, a tuple of ints, or None for all dims.
        correction: 1 for the unbiased estimate, 0 for the mean square deviation.
        keepdim: whether the dims stay, with size 1.
        unbiased: the older spelling of correction: True for 1, False for 0.

    Returns:
        A tensor; NaN where n = correction.

    Gradient: 2 (x - mean) / (n - correction) * grad_output.
    """
    return var_mean(input, dim, correction=correction, keepdim=keepdim, unbiased=unbiased)[0]


def var_mean(
    input: Tensor,
    dim: Any = None,
    *,
    correction: float = 1,
    keepdim: bool = False,
    unbiased: bool | None = None,
) -> tuple[Any, Any]:
    """out = (var(x), mean(x)) over dim.

    Gradient: those of var and mean.
    """
    check_float("var", check_tensor("var", input))
    if unbiased is not None:
        correction = int(unbiased)
    dims = check_reduced_dims("var", dim, input.array.ndim)
    center = mean(input, dims, keepdim=True)
    count = math.prod(input.array.shape[d] for d in dims)
    squares = sum(square(sub(input, center)), dims, keepdim)
    freedom = max(count - correction, 0)
    spread = (
        div(squares, freedom)
        if freedom
        else mul(squares, math.nan if not count - correction else math.inf)
    )
    return spread, center if keepdim else reshape(center, spread.array.shape)


def std(
    input: Tensor,
    dim: Any = None,
    *,
    correction: float = 1,
    keepdim: bool = False,
    unbiased: bool | None = None,
) -> Any:
    """out = sqrt(var) over dim; see var.

    Gradient: (x - mean) / (n - correction) / out * grad_output; 0 where out = 0.
    """
    return _root(var(input, dim, correction=correction, keepdim=keepdim, unbiased=unbiased))


def _root(variance: Any) -> Any:
    """sqrt(variance), with gradient 0 where it is 0, as PyTorch's std."""
    zero = wrap(np.asarray(variance.array == 0))
    if not zero.array.any():
        return sqrt(variance)
    return where(zero, 0.0, sqrt(where(zero, 1.0, variance)))


def std_mean(
    input: Tensor,
    dim: Any = None,
    *,
    correction: float = 1,
    keepdim: bool = False,
    unbiased: bool | None = None,
) -> tuple[Any, Any]:
    """out = (std(x), mean(x)) over dim.

    Gradient: those of std and mean.
    """
    spread, center = var_mean(input, dim, correction=correction, keepdim=keepdim, unbiased=unbiased)
    return _root(spread), center


def logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Any:
    """out = log(sum of exp(x) over dim), without overflow: the largest x is taken out first.

    Gradient: softmax(x) * grad_output.
    """
    if check_tensor("logsumexp", input).array.dtype.kind != "f":
        input = autograd.engine_ops["cast"](input, get_default_dtype())
    dims = check_reduced_dims("logsumexp", dim, input.array.ndim)
    top = wrap(backend(input.array).full((), 0, input.array.dtype))
    if input.array.size:
        top = amax(wrap(input.array), dims, keepdim=True)
        top = where(wrap(np.asarray(np.isfinite(top.array))), top, 0.0)
    out = log(sum(exp(sub(input, top)), dims, keepdim))
    return add(out, reshape(top, out.array.shape) if input.array.size else top)


class EuclideanNorm(Reduction):
    """out = sqrt(sum of x^2 over dims).   grad_x = grad_output x / out; 0 where out = 0, as
    PyTorch.
    """

    def forward(self, x: Any, dims: tuple[int, ...], keepdim: bool) -> Any:
        squares = self.reduce("sum", OPS["square"].forward(x), dims, keepdim, 1.0)
        out = OPS["sqrt"].forward(squares)
        self.save(x, out)
        return out

    def backward(self, grad_output: Any) -> Any:
        x, out = self.saved
        zero = eq(out, 0.0)
        share = where(zero, 0.0, div(grad_output, where(zero, 1.0, out)))
        return mul(self.spread(share), x)


def norm(input: Tensor, p: Any = 2, dim: Any = None, keepdim: bool = False) -> Any:
    """out = (sum of |x|^p over dim)^(1/p); p = inf the largest |x|, -inf the smallest, 0 how many
    are not 0.

    Args:
        input: float tensor.
        p: any number, inf, -inf, or "fro" for 2.
        dim: an int, a tuple of ints, or None for all dims.
        keepdim: whether the dims stay, with size 1.

    Gradient: of p = 2: x / out * grad_output; 0 where out = 0.
    """
    check_float("norm", check_tensor("norm", input))
    dims = check_reduced_dims("norm", dim, input.array.ndim)
    if not isinstance(p, (int, float, np.number)) and p not in ("fro", None):
        raise TypeError(f"norm: p must be a number or 'fro', got {p!r}")
    p = 2.0 if p in ("fro", None) else float(p)
    if p == 2:
        return EuclideanNorm.apply(input, dims, keepdim)
    size = abs(input)
    if p == 1:
        return sum(size, dims, keepdim)
    if math.isinf(p):
        return amax(size, dims, keepdim) if p > 0 else amin(size, dims, keepdim)
    if p == 0:
        return sum(
            autograd.engine_ops["cast"](wrap(input.array != 0), input.array.dtype), dims, keepdim
        )
    return pow(sum(pow(size, p), dims, keepdim), 1 / p)


class CumSum(Function):
    """out_i = x_0 + ... + x_i along dim, or x_i + ... + x_last if `reverse`. grad_x = the sum from
    the other end.
    """

    def forward(self, x: Any, dim: int, reverse: bool) -> Any:
        self.dim, self.reverse = dim, reverse
        b = backend(x)
        out = b.empty_like(x)
        if reverse:
            b.cumsum(np.flip(x, dim), np.flip(out, dim), dim)
        else:
            b.cumsum(x, out, dim)
        return out

    def backward(self, grad_output: Any) -> Any:
        return CumSum.apply(grad_output, self.dim, not self.reverse)


def cumsum(input: Tensor, dim: int) -> Any:
    """out_i = input_0 + ... + input_i along dim; integers and bools as int64.

    Gradient: the sum of grad_output from the end: grad_input_i = grad_output_i + ... +
    grad_output_last.
    """
    dim = check_dim("cumsum", dim, check_tensor("cumsum", input).array.ndim)
    if input.array.dtype.kind != "f":
        values = input.array.astype(np.int64)
        return wrap(np.cumsum(values, axis=dim) if values.ndim else values)
    return CumSum.apply(input, dim, False) if input.array.ndim else reshape(input, ())


__all__ = ["cumsum", "logsumexp", "norm", "std", "std_mean", "var", "var_mean"]
