"""Elementwise functions of one and two tensors. Their formulas and derivatives are in
csrc/elementwise.h.

Operands broadcast against each other as in NumPy, and are promoted as in PyTorch
(ops/promotion.py); functions that leave the integers turn integer tensors into the default float
dtype first. Of two operands one may be a Python number. Results are dense, with the dims in memory
in the order of the largest operand's.

The body of a decorated function is never run: the decorator makes the function from the formula of
that name.
"""

from __future__ import annotations

import builtins
from typing import Any

from .. import autograd
from ..autograd import Tensor
from .checks import check_tensor
from .division import FloorDivide, integer_quotient
from .elementwise_core import binary, formula, unary


@unary("neg")
def neg(input: Any) -> Any:
    """out = -x.

    Gradient: grad_x = -grad_output.
    """
    raise NotImplementedError


@unary("abs")
def abs(input: Any) -> Any:
    """out = |x|.

    Gradient: grad_x = sign(x) grad_output; 0 at x = 0.
    """
    raise NotImplementedError


@unary("sign")
def sign(input: Any) -> Any:
    """out = -1, 0 or 1 by the sign of x.

    Gradient: grad_x = 0.
    """
    raise NotImplementedError


@unary("square")
def square(input: Any) -> Any:
    """out = x^2.

    Gradient: grad_x = 2 x grad_output.
    """
    raise NotImplementedError


@unary("reciprocal")
def reciprocal(input: Any) -> Any:
    """out = 1 / x.

    Gradient: grad_x = -out^2 grad_output.
    """
    raise NotImplementedError


@unary("sqrt")
def sqrt(input: Any) -> Any:
    """out = sqrt(x); NaN where x < 0.

    Gradient: grad_x = grad_output / (2 out); +inf at x = 0.
    """
    raise NotImplementedError


@unary("rsqrt")
def rsqrt(input: Any) -> Any:
    """out = 1 / sqrt(x).

    Gradient: grad_x = -out^3 grad_output / 2.
    """
    raise NotImplementedError


@unary("floor")
def floor(input: Any) -> Any:
    """out = the largest integer <= x.

    Gradient: grad_x = 0.
    """
    raise NotImplementedError


@unary("ceil")
def ceil(input: Any) -> Any:
    """out = the smallest integer >= x.

    Gradient: grad_x = 0.
    """
    raise NotImplementedError


@unary("trunc")
def trunc(input: Any) -> Any:
    """out = x without its fraction.

    Gradient: grad_x = 0.
    """
    raise NotImplementedError


@unary("exp")
def exp(input: Any) -> Any:
    """out = e^x.

    Gradient: grad_x = out grad_output.
    """
    raise NotImplementedError


@unary("exp2")
def exp2(input: Any) -> Any:
    """out = 2^x.

    Gradient: grad_x = ln(2) out grad_output.
    """
    raise NotImplementedError


@unary("expm1")
def expm1(input: Any) -> Any:
    """out = e^x - 1, exact near 0.

    Gradient: grad_x = (out + 1) grad_output.
    """
    raise NotImplementedError


@unary("log")
def log(input: Any) -> Any:
    """out = ln x; -inf at 0, NaN where x < 0.

    Gradient: grad_x = grad_output / x.
    """
    raise NotImplementedError


@unary("log1p")
def log1p(input: Any) -> Any:
    """out = ln(1 + x), exact near 0.

    Gradient: grad_x = grad_output / (1 + x).
    """
    raise NotImplementedError


@unary("log2")
def log2(input: Any) -> Any:
    """out = the logarithm of x to base 2.

    Gradient: grad_x = grad_output / (x ln 2).
    """
    raise NotImplementedError


@unary("log10")
def log10(input: Any) -> Any:
    """out = the logarithm of x to base 10.

    Gradient: grad_x = grad_output / (x ln 10).
    """
    raise NotImplementedError


@unary("sin")
def sin(input: Any) -> Any:
    """out = sin x, x in radians.

    Gradient: grad_x = cos(x) grad_output.
    """
    raise NotImplementedError


@unary("cos")
def cos(input: Any) -> Any:
    """out = cos x, x in radians.

    Gradient: grad_x = -sin(x) grad_output.
    """
    raise NotImplementedError


@unary("tan")
def tan(input: Any) -> Any:
    """out = tan x, x in radians.

    Gradient: grad_x = (1 + out^2) grad_output.
    """
    raise NotImplementedError


@unary("sinh")
def sinh(input: Any) -> Any:
    """out = (e^x - e^-x) / 2.

    Gradient: grad_x = cosh(x) grad_output.
    """
    raise NotImplementedError


@unary("cosh")
def cosh(input: Any) -> Any:
    """out = (e^x + e^-x) / 2.

    Gradient: grad_x = sinh(x) grad_output.
    """
    raise NotImplementedError


@unary("tanh")
def tanh(input: Any) -> Any:
    """out = (e^x - e^-x) / (e^x + e^-x).

    Gradient: grad_x = (1 - out^2) grad_output.
    """
    raise NotImplementedError


@unary("asin")
def asin(input: Any) -> Any:
    """out = the angle in [-pi/2, pi/2] whose sine is x.

    Gradient: grad_x = grad_output / sqrt(1 - x^2).
    """
    raise NotImplementedError


@unary("acos")
def acos(input: Any) -> Any:
    """out = the angle in [0, pi] whose cosine is x.

    Gradient: grad_x = -grad_output / sqrt(1 - x^2).
    """
    raise NotImplementedError


@unary("atan")
def atan(input: Any) -> Any:
    """out = the angle in (-pi/2, pi/2) whose tangent is x.

    Gradient: grad_x = grad_output / (1 + x^2).
    """
    raise NotImplementedError


@unary("asinh")
def asinh(input: Any) -> Any:
    """out = ln(x + sqrt(x^2 + 1)).

    Gradient: grad_x = grad_output / sqrt(x^2 + 1).
    """
    raise NotImplementedError


@unary("acosh")
def acosh(input: Any) -> Any:
    """out = ln(x + sqrt(x^2 - 1)); NaN where x < 1.

    Gradient: grad_x = grad_output / sqrt(x^2 - 1).
    """
    raise NotImplementedError


@unary("atanh")
def atanh(input: Any) -> Any:
    """out = ln((1 + x) / (1 - x)) / 2.

    Gradient: grad_x = grad_output / (1 - x^2).
    """
    raise NotImplementedError


@unary("erf")
def erf(input: Any) -> Any:
    """out = 2/sqrt(pi) times the integral of e^(-t^2) from 0 to x.

    Gradient: grad_x = 2/sqrt(pi) e^(-x^2) grad_output.
    """
    raise NotImplementedError


@unary("sigmoid")
def sigmoid(input: Any) -> Any:
    """out = 1 / (1 + e^-x).

    Gradient: grad_x = out (1 - out) grad_output.
    """
    raise NotImplementedError


@binary("atan2")
def atan2(input: Any, other: Any) -> Any:
    """out = the angle of the point (other, input) in (-pi, pi].

    Gradient: grad_input = other grad_output / (input^2 + other^2), grad_other = -input
    grad_output / (input^2 + other^2); 0 at the origin.
    """
    raise NotImplementedError


@binary("hypot")
def hypot(input: Any, other: Any) -> Any:
    """out = sqrt(input^2 + other^2), without overflow on the way.

    Gradient: grad_input = input / out grad_output, grad_other = other / out grad_output.
    """
    raise NotImplementedError


@binary("logaddexp")
def logaddexp(input: Any, other: Any) -> Any:
    """out = ln(e^input + e^other), without overflow.

    Gradient: grad_input = grad_output / (1 + e^(other - input)), grad_other = grad_output / (1
    + e^(input - other)).
    """
    raise NotImplementedError


@binary("fmod")
def fmod(input: Any, other: Any) -> Any:
    """out = input - other trunc(input / other): the remainder with the sign of input.

    Gradient: grad_input = grad_output, grad_other = -trunc(input / other) grad_output.
    """
    raise NotImplementedError


@binary("remainder")
def remainder(input: Any, other: Any) -> Any:
    """out = input - other floor(input / other): the remainder with the sign of other.

    Gradient: grad_input = grad_output, grad_other = -floor(input / other) grad_output.
    """
    raise NotImplementedError


@binary("copysign")
def copysign(input: Any, other: Any) -> Any:
    """out = |input| with the sign of other.

    Gradient: grad_input = sign(input) sign(other) grad_output, 0 at input = 0; grad_other = 0.
    """
    raise NotImplementedError


@binary("xlogy")
def xlogy(input: Any, other: Any) -> Any:
    """out = input ln(other), and 0 where input = 0.

    Gradient: grad_input = ln(other) grad_output, grad_other = input / other grad_output.
    """
    raise NotImplementedError


@binary("maximum")
def maximum(input: Any, other: Any) -> Any:
    """out = the larger of input and other; NaN where either is.

    Gradient: grad_output goes to the larger one; half to each at a tie.
    """
    raise NotImplementedError


@binary("minimum")
def minimum(input: Any, other: Any) -> Any:
    """out = the smaller of input and other; NaN where either is.

    Gradient: grad_output goes to the smaller one; half to each at a tie.
    """
    raise NotImplementedError


# ---- arithmetic ----------------------------------------------------------------------------------


@binary("add")
def add_operator(x: Any, y: Any) -> Any:
    """out = x + y. Gradient: grad_output for both."""
    raise NotImplementedError


@binary("sub")
def sub_operator(x: Any, y: Any) -> Any:
    """out = x - y. Gradient: grad_output and -grad_output."""
    raise NotImplementedError


@binary("mul")
def mul(input: Any, other: Any) -> Any:
    """out = input * other.

    Gradient: grad_input = other grad_output, grad_other = input grad_output.
    """
    raise NotImplementedError


@binary("div")
def div_operator(x: Any, y: Any) -> Any:
    """out = x / y. Gradient: grad_x = grad_output / y, grad_y = -(x / y) / y grad_output."""
    raise NotImplementedError


@binary("pow")
def pow_operator(x: Any, y: Any) -> Any:
    """out = x^y, both tensors."""
    raise NotImplementedError


def add(input: Any, other: Any, *, alpha: float = 1) -> Any:
    """out = input + alpha * other.

    Gradient: grad_input = grad_output, grad_other = alpha grad_output.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.add(tg.tensor([1.0, 2.0]), 10)
        tensor([11., 12.])
    """
    return add_operator(input, other if alpha == 1 else mul(other, alpha))


def sub(input: Any, other: Any, *, alpha: float = 1) -> Any:
    """out = input - alpha * other.

    Gradient: grad_input = grad_output, grad_other = -alpha grad_output.
    """
    return sub_operator(input, other if alpha == 1 else mul(other, alpha))


def rsub(input: Any, other: Any) -> Any:
    """out = other - input.

    Gradient: grad_input = -grad_output, grad_other = grad_output.
    """
    return sub_operator(other, input)


def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """out = input / other, rounded toward zero ("trunc") or down ("floor") if asked.

    Raises:
        ValueError: rounding_mode is none of these.

    Gradient: grad_input = grad_output / other, grad_other = -(input / other) / other grad_output; 0
    where rounded.
    """
    if rounding_mode is None:
        return div_operator(input, other)
    if rounding_mode not in ("trunc", "floor"):
        raise ValueError(
            f"div: rounding_mode must be None, 'trunc' or 'floor', got {rounding_mode!r}"
        )
    dtype = autograd.engine_ops["result_type"](input, other)
    x, y = (autograd.engine_ops["as_tensor"](v, dtype) for v in (input, other))
    if dtype.kind != "f":
        return integer_quotient(x.array, y.array, rounding_mode)
    return trunc(div_operator(x, y)) if rounding_mode == "trunc" else FloorDivide.apply(x, y)


def floor_divide(input: Any, other: Any) -> Any:
    """out = floor(input / other).

    Gradient: 0.
    """
    return div(input, other, rounding_mode="floor")


def pow(input: Any, exponent: Any) -> Any:
    """out = input^exponent; either may be a Python number.

    Gradient: grad_input = exponent input^(exponent - 1) grad_output, 0 where exponent = 0;
    grad_exponent = out ln(input) grad_output, 0 where input = 0 and exponent >= 0.
    """
    if isinstance(input, Tensor) and isinstance(exponent, (int, float)):
        if exponent == 2:
            return square(input) if input.array.dtype.kind != "b" else mul(input, 1)
        if exponent == 1:
            return mul(input, 1)
        if exponent == 0.5:
            return sqrt(input)
        if input.array.dtype.kind == "f" or isinstance(exponent, float):
            return _pow_scalar(input, float(exponent))
    return pow_operator(input, exponent)


_pow_scalar = formula("pow_scalar")


def rpow(input: Any, base: Any) -> Any:
    """out = base^input.

    Gradient: grad_input = out ln(base) grad_output.
    """
    return pow_operator(base, input)


_round = formula("round")


def round(input: Any, *, decimals: int = 0) -> Any:
    """out = input to `decimals` places, halves to the even neighbour.

    Gradient: grad_input = 0.
    """
    check_tensor("round", input)
    if input.array.dtype.kind != "f":
        return input.clone()
    if decimals == 0:
        return _round(input)
    scale = 10.0**decimals
    return div_operator(_round(mul(input, scale)), scale)


_clamp = formula("clamp")


def clamp(input: Any, min: Any = None, max: Any = None) -> Any:
    """out = input between min and max, each a number, a tensor or None. NaN stays NaN.

    Gradient: grad_output where min <= input <= max, else 0.

    Raises:
        ValueError: if both bounds are None.
    """
    check_tensor("clamp", input)
    if min is None and max is None:
        raise ValueError("clamp: at least one of min and max must be given")
    if isinstance(min, Tensor) or isinstance(max, Tensor):
        bounded = input if min is None else maximum(input, min)
        return bounded if max is None else minimum(bounded, max)
    if input.array.dtype.kind != "f" and not isinstance(min, float) and not isinstance(max, float):
        bounded = input if min is None else maximum(input, min)
        return bounded if max is None else minimum(bounded, max)
    upper = float("inf") if max is None else float(max)
    lower = float("-inf") if min is None else builtins.min(float(min), upper)
    return _clamp(input, lower, upper)


clip = clamp


def lerp(input: Any, end: Any, weight: Any) -> Any:
    """out = input + weight (end - input).

    Gradient: grad_input = (1 - weight) grad_output, grad_end = weight grad_output, grad_weight =
    (end - input) grad_output.
    """
    return add_operator(input, mul(weight, sub_operator(end, input)))


def addcmul(input: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Any:
    """out = input + value tensor1 tensor2.

    Gradient: grad_output, value tensor2 grad_output, value tensor1 grad_output.
    """
    return add(input, mul(*_as_result(input, tensor1, tensor2)), alpha=value)


def addcdiv(input: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Any:
    """out = input + value tensor1 / tensor2.

    Gradient: grad_output, value / tensor2 grad_output, -value tensor1 / tensor2^2 grad_output.
    """
    return add(input, div_operator(*_as_result(input, tensor1, tensor2)), alpha=value)


def _as_result(input: Any, tensor1: Any, tensor2: Any) -> tuple[Any, Any]:
    """Both factors in the dtype of the sum with input, or integers would overflow before it."""
    result_type, as_tensor = (autograd.engine_ops[op] for op in ("result_type", "as_tensor"))
    dtype = result_type(input, tensor1, tensor2)
    return as_tensor(tensor1, dtype), as_tensor(tensor2, dtype)


def positive(input: Any) -> Any:
    """out = input itself.

    Gradient: grad_output.
    """
    return check_tensor("positive", input)


autograd.engine_ops["add"] = add_operator
autograd.engine_ops["mul"] = mul

__all__ = [
    "abs", "acos", "acosh", "add", "addcdiv", "addcmul", "asin", "asinh", "atan", "atan2",
    "atanh", "ceil", "clamp", "clip", "copysign", "cos", "cosh", "div", "erf", "exp", "exp2",
    "expm1", "floor", "floor_divide", "fmod", "hypot", "lerp", "log", "log1p", "log2", "log10",
    "logaddexp", "maximum", "minimum", "mul", "neg", "positive", "pow", "reciprocal",
    "remainder", "round", "rsqrt", "sigmoid", "sign", "sin", "sinh", "sqrt", "square", "sub",
    "tan", "tanh", "trunc", "xlogy",
]  # fmt: skip
