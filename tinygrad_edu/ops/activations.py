"""Activation functions. Their formulas and derivatives are in csrc/activations.h."""

from __future__ import annotations

from typing import Any

from .checks import check_dim, check_float, check_tensor
from .elementwise import clamp, sub, tanh
from .elementwise_core import formula, unary
from .where import where

_logsigmoid = formula("logsigmoid")
_leaky_relu = formula("leaky_relu")
_threshold = formula("threshold")
_elu = formula("elu")
_celu = formula("celu")
_gelu = formula("gelu")
_gelu_tanh = formula("gelu_tanh")
_softplus = formula("softplus")
_hardtanh = formula("hardtanh")


@unary("relu")
def relu(input: Any) -> Any:
    """out = max(x, 0). NaN stays NaN.

    Gradient: grad_output where out > 0, else 0 (0 at x = 0).
    """
    raise NotImplementedError


@unary("selu")
def selu(input: Any) -> Any:
    """out = 1.0507 (x where x > 0, else 1.6733 (e^x - 1)).

    Gradient: 1.0507 grad_output where x > 0, else 1.0507 * 1.6733 e^x grad_output.

    Reference: Klambauer et al. 2017, "Self-Normalizing Neural Networks", section 2.
    """
    raise NotImplementedError


@unary("silu")
def silu(input: Any) -> Any:
    """out = x sigmoid(x).

    Gradient: s (1 + x (1 - s)) grad_output, s = sigmoid(x).

    Reference: Elfwing et al. 2017, "Sigmoid-weighted linear units", section 2.
    """
    raise NotImplementedError


@unary("mish")
def mish(input: Any) -> Any:
    """out = x tanh(softplus(x)).

    Gradient: (t + x (1 - t^2) sigmoid(x)) grad_output, t = tanh(softplus(x)).

    Reference: Misra 2019, "Mish", equation 1.
    """
    raise NotImplementedError


@unary("softsign")
def softsign(input: Any) -> Any:
    """out = x / (1 + |x|).

    Gradient: grad_output / (1 + |x|)^2.
    """
    raise NotImplementedError


@unary("hardswish")
def hardswish(input: Any) -> Any:
    """out = x clamp(x + 3, 0, 6) / 6.

    Gradient: 0 where x <= -3, grad_output where x >= 3, else (x / 3 + 1/2) grad_output.

    Reference: Howard et al. 2019, "Searching for MobileNetV3", section 5.2.
    """
    raise NotImplementedError


@unary("hardsigmoid")
def hardsigmoid(input: Any) -> Any:
    """out = clamp(x + 3, 0, 6) / 6.

    Gradient: grad_output / 6 where -3 < x < 3, else 0.
    """
    raise NotImplementedError


def logsigmoid(input: Any) -> Any:
    """out = -ln(1 + e^-x), without overflow.

    Gradient: grad_output / (1 + e^x).
    """
    return _logsigmoid(input)


def leaky_relu(input: Any, negative_slope: float = 0.01) -> Any:
    """out = x where x > 0, else negative_slope x.

    Gradient: grad_output where x > 0, else negative_slope grad_output.
    """
    return _leaky_relu(input, float(negative_slope))


def threshold(input: Any, threshold: float, value: float) -> Any:
    """out = x where x > threshold, else value.

    Gradient: grad_output where x > threshold, else 0.
    """
    return _threshold(input, float(threshold), float(value))


def elu(input: Any, alpha: float = 1.0) -> Any:
    """out = x where x > 0, else alpha (e^x - 1).

    Gradient: grad_output where x > 0, else alpha e^x grad_output.

    Reference: Clevert et al. 2016, "Fast and Accurate Deep Network Learning by ELUs", equation 15.
    """
    return _elu(input, float(alpha))


def celu(input: Any, alpha: float = 1.0) -> Any:
    """out = x where x > 0, else alpha (e^(x / alpha) - 1).

    Raises:
        ValueError: alpha is 0.

    Gradient: grad_output where x > 0, else e^(x / alpha) grad_output.

    Reference: Barron 2017, "Continuously Differentiable Exponential Linear Units".
    """
    if alpha == 0:
        raise ValueError("celu: alpha must not be 0")
    return _celu(input, float(alpha))


def gelu(input: Any, approximate: str = "none") -> Any:
    """out = x Phi(x), Phi the normal distribution function; or its tanh approximation.

    Args:
        input: float tensor of any shape.
        approximate: "none", or "tanh" for x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).

    Raises:
        ValueError: approximate is neither "none" nor "tanh".

    Gradient: (Phi(x) + x phi(x)) grad_output.

    Reference: Hendrycks and Gimpel 2016, "Gaussian Error Linear Units", section 2.
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: approximate must be 'none' or 'tanh', got {approximate!r}")
    return _gelu(input) if approximate == "none" else _gelu_tanh(input)


def softplus(input: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """out = ln(1 + e^(beta x)) / beta; the identity where beta x > threshold.

    Gradient: sigmoid(beta x) grad_output; grad_output where beta x > threshold.
    """
    return _softplus(input, float(beta), float(threshold))


def hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    """out = x between min_val and max_val.

    Raises:
        ValueError: min_val exceeds max_val.

    Gradient: grad_output where min_val < x < max_val, else 0.
    """
    if min_val > max_val:
        raise ValueError(f"hardtanh: min_val must not exceed max_val, got {min_val} and {max_val}")
    return _hardtanh(input, float(min_val), float(max_val))


def relu6(input: Any) -> Any:
    """out = x between 0 and 6.

    Gradient: grad_output where 0 < x < 6, else 0.
    """
    return _hardtanh(input, 0.0, 6.0)


def softshrink(input: Any, lambd: float = 0.5) -> Any:
    """out = x - lambd where x > lambd, x + lambd where x < -lambd, else 0: x - clamp(x, -l, l).

    Raises:
        ValueError: lambd is negative.

    Gradient: grad_output where |x| > lambd, else 0.
    """
    if not lambd >= 0:
        raise ValueError(f"softshrink: lambd must not be negative, got {lambd}")
    return sub(input, clamp(input, -lambd, lambd))


def hardshrink(input: Any, lambd: float = 0.5) -> Any:
    """out = x where |x| > lambd, else 0. NaN stays NaN.

    Gradient: grad_output where |x| > lambd, else 0.
    """
    check_float("hardshrink", check_tensor("hardshrink", input))
    return where((input >= -lambd) & (input <= lambd), 0.0, input)


def tanhshrink(input: Any) -> Any:
    """out = x - tanh(x).

    Gradient: tanh(x)^2 grad_output.
    """
    return sub(input, tanh(input))


def prelu(input: Any, weight: Any) -> Any:
    """out = x where x > 0, else weight x.

    Args:
        input: float tensor (N, C, ...), or of any shape if weight has one element.
        weight: the slope, shape () or (1,), or (C,) with one for each channel.

    Raises:
        ValueError: weight has another shape.

    Gradient: grad_output where x > 0, else weight grad_output; to weight, the sum of x grad_output
    where x <= 0.

    Reference: He et al. 2015, "Delving Deep into Rectifiers", equation 1.
    """
    check_float("prelu", check_tensor("prelu", input))
    sizes, shape = check_tensor("prelu", weight, "weight").shape, input.shape
    channels = shape[1] if len(shape) > 1 else 1
    if sizes not in ((), (1,), (channels,)):
        raise ValueError(
            f"prelu: weight must have one element or one for each of {channels} channels, got "
            f"shape {sizes} for input {shape}"
        )
    slope = weight.reshape(-1, *(1,) * (len(shape) - 2)) if len(shape) else weight.reshape(())
    return where(input > 0, input, slope * input)


def glu(input: Any, dim: int = -1) -> Any:
    """out = a sigmoid(b), where a and b are the halves of the input along dim.

    Args:
        input: float tensor whose size along dim is even.
        dim: the dim to halve.

    Raises:
        ValueError: the size along dim is odd.
        IndexError: dim out of range.

    Gradient: sigmoid(b) grad_output to a, a sigmoid(b) (1 - sigmoid(b)) grad_output to b.

    Reference: Dauphin et al. 2017, "Language Modeling with Gated Convolutional Networks", section
    2.
    """
    check_float("glu", check_tensor("glu", input))
    if input.ndim == 0:
        raise ValueError("glu: a 0-d tensor has no halves")
    dim = check_dim("glu", dim, input.ndim)
    size = input.shape[dim]
    if size % 2:
        raise ValueError(f"glu: the size of dim {dim} must be even, got {size}")
    a, b = input.narrow(dim, 0, size // 2), input.narrow(dim, size // 2, size // 2)
    return a * b.sigmoid()


__all__ = [
    "celu", "elu", "gelu", "glu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh",
    "leaky_relu", "logsigmoid", "mish", "prelu", "relu", "relu6", "selu", "silu", "softplus",
    "softshrink", "softsign", "tanhshrink", "threshold",
]  # fmt: skip
