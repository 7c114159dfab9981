"""Rows of the elementwise ops and the activations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import strategies as st

from specs import Elementwise, Spec
from strategies import Case, arrays, shapes
from tinygrad_edu.ops import activations as A, elementwise as E

inf, nan = math.inf, math.nan
INTEGERS = tuple(float(n) for n in range(-4, 5))
HALVES = tuple(n + 0.5 for n in range(-4, 4))
POSITIVE = (0.1, 4.0)
LN2, LN10 = math.log(2), math.log(10)

erf = np.vectorize(math.erf, otypes=[np.float64])


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def gelu(x: Any, approximate: str = "none") -> Any:
    if approximate == "tanh":
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1 + erf(x / math.sqrt(2)))


def power(x: Any, exponent: float) -> Any:
    return x**exponent


def elu(x: Any, alpha: float = 1.0) -> Any:
    return np.where(x > 0, x, alpha * np.expm1(x))


def glu(x: Any, dim: int) -> Any:
    a, b = np.split(x, 2, dim)
    return a * sigmoid(b)


@st.composite
def halves(draw: st.DrawFn) -> Case:
    """An array with an even side, and which."""
    shape = list(draw(shapes(min_dims=1, max_dims=3)))
    dim = draw(st.integers(0, len(shape) - 1))
    shape[dim] *= 2
    return Case((draw(arrays(tuple(shape))), dim))


def prelu(x: Any, weight: Any) -> Any:
    return np.where(x > 0, x, weight.reshape(-1, *(1,) * (x.ndim - 2)) * x)


@st.composite
def slopes(draw: st.DrawFn) -> Case:
    """An array and one slope, or one for each channel."""
    x = draw(arrays(shapes(min_dims=2), away_from=(0,)))
    return Case((x, draw(arrays((draw(st.sampled_from([1, x.shape[1]])),)))))


# fmt: off
UNARY = [
    Elementwise(E.neg, np.negative, torch="neg", exact=[(0.0, -0.0, -1, 0)]),
    Elementwise(
        E.abs, np.abs, kinks=(0,), torch="abs",
        exact=[(0.0, 0, 0, 0), (-0.0, 0, 0), (-2.0, 2, -1, 0)],
    ),
    Elementwise(E.sign, np.sign, kinks=(0,), torch="sign", exact=[(0.0, 0, 0), (nan, 0)]),
    Elementwise(E.positive, lambda x: x, torch="positive"),
    Elementwise(E.square, np.square, torch="square", exact=[(0.0, 0, 0, 2, 0)]),
    Elementwise(
        E.reciprocal, np.reciprocal, POSITIVE, torch="reciprocal",
        exact=[(0.0, inf, -inf), (-0.0, -inf, -inf)],
    ),
    Elementwise(
        E.sqrt, np.sqrt, POSITIVE, torch="sqrt",
        exact=[
            (0.0, 0, inf), (-0.0, -0.0, -inf), (4.0, 2, 0.25, -1 / 32, 3 / 256), (-1.0, nan, nan),
        ],
    ),
    Elementwise(
        E.rsqrt, lambda x: x**-0.5, POSITIVE, torch="rsqrt",
        exact=[(0.0, inf, -inf), (4.0, 0.5, -1 / 16, 3 / 128), (inf, 0, 0)],
    ),
    Elementwise(
        E.floor, np.floor, kinks=INTEGERS, torch="floor",
        exact=[(1.0, 1, 0), (-0.5, -1, 0)],
    ),
    Elementwise(
        E.ceil, np.ceil, kinks=INTEGERS, torch="ceil",
        exact=[(1.0, 1, 0), (-0.5, -0.0, 0)],
    ),
    Elementwise(E.trunc, np.trunc, kinks=INTEGERS, torch="trunc", exact=[(-0.5, -0.0, 0)]),
    Elementwise(
        E.round, np.round, kinks=HALVES, torch="round",
        exact=[(0.5, 0, 0), (1.5, 2, 0), (2.5, 2, 0), (-0.5, -0.0, 0)],
    ),
    Elementwise(
        E.exp, np.exp, torch="exp",
        exact=[(0.0, 1, 1, 1, 1), (-inf, 0, 0, 0), (inf, inf, inf), (nan, nan, nan)],
    ),
    Elementwise(E.exp2, np.exp2, torch="exp2", exact=[(3.0, 8, 8 * LN2, 8 * LN2**2, 8 * LN2**3)]),
    Elementwise(
        E.expm1, np.expm1, torch="expm1",
        exact=[(0.0, 0, 1, 1, 1), (-0.0, -0.0, 1), (2.0**-30, 2.0**-30 + 2.0**-61), (-inf, -1, 0)],
    ),
    Elementwise(
        E.log, np.log, POSITIVE, torch="log",
        exact=[(1.0, 0, 1, -1, 2), (0.0, -inf, inf, -inf), (-1.0, nan, -1), (inf, inf, 0)],
    ),
    Elementwise(
        E.log1p, np.log1p, (-0.9, 3), torch="log1p",
        exact=[
            (0.0, 0, 1, -1, 2), (-0.0, -0.0, 1), (-1.0, -inf, inf),
            (2.0**-30, 2.0**-30 - 2.0**-61),
        ],
    ),
    Elementwise(E.log2, np.log2, POSITIVE, torch="log2", exact=[(8.0, 3, 1 / (8 * LN2))]),
    Elementwise(E.log10, np.log10, POSITIVE, torch="log10", exact=[(1000.0, 3, 1 / (1000 * LN10))]),
    Elementwise(
        E.sin, np.sin, torch="sin",
        exact=[(0.0, 0, 1, 0, -1), (-0.0, -0.0, 1), (inf, nan, nan)],
    ),
    Elementwise(E.cos, np.cos, torch="cos", exact=[(0.0, 1, 0, -1, 0)]),
    Elementwise(
        E.tan, np.tan, (-1.3, 1.3), torch="tan",
        exact=[(0.0, 0, 1, 0, 2), (-0.0, -0.0, 1)],
    ),
    Elementwise(
        E.asin, np.arcsin, (-0.9, 0.9), torch="asin",
        exact=[(0.0, 0, 1, 0, 1), (1.0, math.pi / 2, inf)],
    ),
    Elementwise(
        E.acos, np.arccos, (-0.9, 0.9), torch="acos",
        exact=[(0.0, math.pi / 2, -1, 0, -1), (1.0, 0, -inf)],
    ),
    Elementwise(E.atan, np.arctan, torch="atan", exact=[(0.0, 0, 1, 0, -2), (inf, math.pi / 2, 0)]),
    Elementwise(E.sinh, np.sinh, torch="sinh", exact=[(0.0, 0, 1, 0, 1), (-0.0, -0.0, 1)]),
    Elementwise(E.cosh, np.cosh, torch="cosh", exact=[(0.0, 1, 0, 1, 0)]),
    Elementwise(
        E.tanh, np.tanh, torch="tanh",
        exact=[
            (0.0, 0, 1, 0, -2), (-0.0, -0.0, 1), (inf, 1, 0, 0), (-inf, -1, 0, 0),
            (nan, nan, nan),
        ],
    ),
    Elementwise(E.asinh, np.arcsinh, torch="asinh", exact=[(0.0, 0, 1, 0, -1), (-0.0, -0.0, 1)]),
    Elementwise(
        E.acosh, np.arccosh, (1.1, 4), torch="acosh",
        exact=[(1.0, 0, inf), (0.5, nan, nan)],
    ),
    Elementwise(
        E.atanh, np.arctanh, (-0.9, 0.9), torch="atanh",
        exact=[(0.0, 0, 1, 0, 2), (1.0, inf, inf)],
    ),
    Elementwise(
        E.erf, erf, torch="erf",
        exact=[(0.0, 0, 2 / math.sqrt(math.pi), 0), (inf, 1, 0), (-inf, -1, 0)],
    ),
    Elementwise(
        E.clamp, lambda x, min=None, max=None: np.clip(x, min, max), kinks=(-1, 1.5), torch="clamp",
        params={"min": st.sampled_from([None, -1.0]), "max": st.just(1.5)},
    ),
    Elementwise(
        E.clamp, lambda x, min, max: np.clip(x, min, max), kinks=(-1, 1.5), torch="clamp",
        params={"min": -1.0, "max": 1.5}, name="clamp-both",
        exact=[(-1.0, -1, 1, 0), (1.5, 1.5, 1, 0), (2.0, 1.5, 0, 0), (nan, nan, 1)],
    ),
    Elementwise(
        E.pow, power, POSITIVE, torch="pow", name="pow-number",
        params={"exponent": st.sampled_from([-1.5, -1, 0, 0.5, 1, 1.5, 2, 3])},
    ),
    Elementwise(
        E.pow, power, torch="pow", params={"exponent": 3}, name="pow-3",
        exact=[(0.0, 0, 0, 0, 6), (-1.0, -1, 3, -6, 6)],
    ),
    Elementwise(
        E.pow, power, torch="pow", params={"exponent": 2}, name="pow-2",
        exact=[(0.0, 0, 0, 2, 0), (-0.0, 0, 0, 2)],
    ),
    Elementwise(
        E.pow, power, torch="pow", params={"exponent": 0}, name="pow-0",
        exact=[(0.0, 1, 0, 0, 0), (nan, 1, 0)],
    ),
    Elementwise(
        E.pow, power, torch="pow", params={"exponent": 1}, name="pow-1",
        exact=[(0.0, 0, 1, 0, 0)],
    ),
]

# Quotients of these operands stay between 2 and 3 (-3 and -2): clear of the steps.
STEADY = ((2.5, 2.9), (1.05, 1.2))
STEADY_BELOW = ((-2.9, -2.5), (1.05, 1.2))

BINARY = [
    Elementwise(E.add, np.add, (-3, 3), (-3, 3), torch="add", exact=[((inf, -inf), nan, 1, 1)]),
    Elementwise(
        E.add, lambda x, y, alpha: x + alpha * y, (-3, 3), (-3, 3), torch="add",
        params={"alpha": 0.5}, name="add-alpha",
    ),
    Elementwise(E.sub, np.subtract, (-3, 3), (-3, 3), torch="sub", exact=[((0.0, 0.0), 0, 1, -1)]),
    Elementwise(
        E.sub, lambda x, y, alpha: x - alpha * y, (-3, 3), (-3, 3), torch="sub",
        params={"alpha": 0.5}, name="sub-alpha",
    ),
    Elementwise(
        E.mul, np.multiply, (-3, 3), (-3, 3), torch="mul",
        exact=[((0.0, inf), nan, inf, 0)],
    ),
    Elementwise(
        E.div, np.divide, (-3, 3), POSITIVE, torch="div",
        exact=[
            ((1.0, 0.0), inf, inf, -inf), ((0.0, 0.0), nan, inf, nan),
            ((-0.0, 2.0), -0.0, 0.5, 0),
        ],
    ),
    Elementwise(
        E.div, lambda x, y, rounding_mode: np.trunc(x / y), *STEADY_BELOW, torch="div",
        params={"rounding_mode": "trunc"}, name="div-trunc",
    ),
    Elementwise(E.floor_divide, np.floor_divide, *STEADY_BELOW),
    Elementwise(
        E.pow, np.power, POSITIVE, (-2, 2), torch="pow",
        exact=[
            ((0.0, 0.0), 1, 0, 0), ((0.0, 2.0), 0, 0, 0), ((0.0, 1.0), 0, 1, 0),
            ((2.0, 0.0), 1, 0, LN2), ((0.0, -1.0), inf, -inf, -inf), ((-2.0, 3.0), -8, 12, nan),
            ((-8.0, 0.5), nan, nan, nan),
        ],
    ),
    Elementwise(
        E.maximum, np.maximum, (-3, 3), (-3, 3), kinks=(0,), torch="maximum",
        exact=[
            ((1.0, 1.0), 1, 0.5, 0.5), ((2.0, 1.0), 2, 1, 0), ((nan, 1.0), nan),
            ((1.0, nan), nan),
        ],
    ),
    Elementwise(
        E.minimum, np.minimum, (-3, 3), (-3, 3), kinks=(0,), torch="minimum",
        exact=[
            ((1.0, 1.0), 1, 0.5, 0.5), ((2.0, 1.0), 1, 0, 1), ((nan, 1.0), nan),
            ((1.0, nan), nan),
        ],
    ),
    Elementwise(
        E.atan2, np.arctan2, (-2, 2), (0.2, 2), torch="atan2",
        exact=[
            ((0.0, 0.0), 0, 0, 0), ((-0.0, 1.0), -0.0, 1, 0), ((0.0, -1.0), math.pi, -1, 0),
            ((-0.0, -1.0), -math.pi, -1, 0), ((1.0, 0.0), math.pi / 2, 0, -1),
        ],
    ),
    Elementwise(
        E.hypot, np.hypot, (0.3, 3), (-3, -0.3), torch="hypot",
        exact=[
            ((3.0, 4.0), 5, 0.6, 0.8), ((0.0, 2.0), 2, 0, 1),
            ((3 * 2.0**120, 4 * 2.0**120), 5 * 2.0**120),
        ],
    ),
    Elementwise(
        E.logaddexp, np.logaddexp, (-3, 3), (-3, 3), torch="logaddexp",
        exact=[
            ((0.0, 0.0), LN2, 0.5, 0.5), ((1000.0, 1000.0), 1000 + LN2, 0.5, 0.5),
            ((-inf, 1.0), 1, 0, 1), ((-inf, -inf), -inf), ((inf, 0.0), inf, 1, 0),
        ],
    ),
    Elementwise(E.fmod, np.fmod, *STEADY, torch="fmod", exact=[((-5.0, 3.0), -2, 1, 1)]),
    Elementwise(
        E.remainder, np.remainder, *STEADY_BELOW, torch="remainder",
        exact=[((-5.0, 3.0), 1, 1, 2), ((5.0, -3.0), -1, 1, 2)],
    ),
    Elementwise(
        E.copysign, np.copysign, (-3, 3), (-3, 3), kinks=(0,), torch="copysign",
        exact=[((2.0, -0.0), -2, -1, 0), ((0.0, -1.0), -0.0, 0, 0)],
    ),
    Elementwise(
        E.xlogy, lambda x, y: x * np.log(y), (-3, 3), POSITIVE, torch="xlogy",
        exact=[
            ((0.0, 0.0), 0, 0, nan), ((0.0, nan), nan), ((2.0, 1.0), 0, 0, 2),
            ((2.0, 0.0), -inf, -inf, inf),
        ],
    ),
    Elementwise(
        E.lerp, lambda x, y, w: x + w * (y - x), (-3, 3), (-3, 3), (0, 1), torch="lerp"
    ),
    Elementwise(
        E.addcmul, lambda x, y, z, value: x + value * y * z, (-3, 3), (-3, 3), (-3, 3),
        torch="addcmul", params={"value": 0.5},
    ),
    Elementwise(
        E.addcdiv, lambda x, y, z, value: x + value * y / z, (-3, 3), (-3, 3), POSITIVE,
        torch="addcdiv", params={"value": 0.5},
    ),
]

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772

ACTIVATIONS = [
    Elementwise(
        E.sigmoid, sigmoid, torch="sigmoid",
        exact=[(0.0, 0.5, 0.25, 0, -0.125), (-1000.0, 0, 0), (inf, 1, 0)],
    ),
    Elementwise(
        A.logsigmoid, lambda x: np.log(sigmoid(x)), torch="nn.functional.logsigmoid",
        exact=[(0.0, -LN2, 0.5, -0.25, 0), (-1000.0, -1000, 1), (1000.0, 0, 0)],
    ),
    Elementwise(
        A.relu, lambda x: np.maximum(x, 0), kinks=(0,), torch="relu",
        exact=[(0.0, 0, 0, 0, 0), (-0.0, 0, 0, 0), (1.0, 1, 1, 0), (inf, inf, 1), (nan, nan)],
    ),
    Elementwise(
        A.relu6, lambda x: np.clip(x, 0, 6), (-2, 8), kinks=(0, 6), torch="nn.functional.relu6",
        exact=[(0.0, 0, 0, 0), (6.0, 6, 0, 0), (3.0, 3, 1, 0)],
    ),
    Elementwise(
        A.leaky_relu, lambda x, negative_slope: np.where(x > 0, x, negative_slope * x), kinks=(0,),
        torch="nn.functional.leaky_relu", params={"negative_slope": 0.1}, exact=[(0.0, 0, 0.1, 0)],
    ),
    Elementwise(
        A.threshold, lambda x, threshold, value: np.where(x > threshold, x, value), kinks=(0.5,),
        torch="nn.functional.threshold", params={"threshold": 0.5, "value": 2.0},
        exact=[(0.5, 2, 0, 0)],
    ),
    Elementwise(
        A.elu, elu, kinks=(0,), torch="nn.functional.elu", params={"alpha": 1.5},
        exact=[(0.0, 0, 1.5, 1.5, 1.5), (-1000.0, -1.5, 0), (1000.0, 1000, 1, 0)],
    ),
    Elementwise(
        A.selu, lambda x: SELU_SCALE * elu(x, SELU_ALPHA), kinks=(0,), torch="selu",
        exact=[(0.0, 0, SELU_SCALE * SELU_ALPHA), (1.0, SELU_SCALE, SELU_SCALE, 0)],
    ),
    Elementwise(
        A.celu, lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(x / alpha)), kinks=(0,),
        torch="celu", params={"alpha": 1.5}, exact=[(0.0, 0, 1, 1 / 1.5), (1000.0, 1000, 1, 0)],
    ),
    # The kinks of the next ones are where the slope is 0: what float32 leaves of it is rounding.
    Elementwise(
        A.silu, lambda x: x * sigmoid(x), torch="nn.functional.silu", kinks=(-1.2785,),
        exact=[(0.0, 0, 0.5, 0.5, 0), (-1000.0, -0.0, 0), (1000.0, 1000, 1, 0)],
    ),
    Elementwise(
        A.gelu, gelu, torch="nn.functional.gelu", kinks=(-0.7518,),
        exact=[(0.0, 0, 0.5, math.sqrt(2 / math.pi)), (-40.0, -0.0, 0, 0), (40.0, 40, 1, 0)],
    ),
    Elementwise(
        A.gelu, gelu, torch="nn.functional.gelu", params={"approximate": "tanh"}, name="gelu-tanh",
        kinks=(-0.7525,),
        exact=[(0.0, 0, 0.5, math.sqrt(2 / math.pi)), (-40.0, -0.0, 0, 0), (40.0, 40, 1, 0)],
    ),
    Elementwise(
        A.softplus, lambda x, beta: np.log1p(np.exp(beta * x)) / beta,
        torch="nn.functional.softplus", params={"beta": 1.5},
        exact=[(0.0, LN2 / 1.5, 0.5, 0.375), (1000.0, 1000, 1, 0), (-1000.0, 0, 0)],
    ),
    Elementwise(
        A.mish, lambda x: x * np.tanh(np.log1p(np.exp(x))), torch="nn.functional.mish",
        kinks=(-1.1924,),
        exact=[(0.0, 0, 0.6), (1000.0, 1000, 1, 0), (-1000.0, -0.0, 0)],
    ),
    Elementwise(
        A.softsign, lambda x: x / (1 + np.abs(x)), kinks=(0,), torch="nn.functional.softsign",
        exact=[(0.0, 0, 1, 0), (-1.0, -0.5, 0.25, 0.25)],
    ),
    Elementwise(
        A.hardtanh, lambda x: np.clip(x, -1, 1), kinks=(-1, 1), torch="nn.functional.hardtanh",
        exact=[(-1.0, -1, 0, 0), (1.0, 1, 0, 0), (0.5, 0.5, 1, 0), (nan, nan)],
    ),
    Spec(A.glu, glu, halves(), torch="nn.functional.glu"),
    Elementwise(
        A.softshrink, lambda x: np.where(np.abs(x) > 0.5, x - np.sign(x) / 2, 0), kinks=(-0.5, 0.5),
        torch="nn.functional.softshrink",
        exact=[(0.5, 0, 0, 0), (-0.5, 0, 0, 0), (2.0, 1.5, 1, 0), (nan, nan)],
    ),
    Elementwise(
        A.hardshrink, lambda x: np.where(np.abs(x) > 0.5, x, 0), kinks=(-0.5, 0.5),
        torch="nn.functional.hardshrink",
        exact=[(0.5, 0, 0), (-0.5, 0, 0), (2.0, 2, 1), (nan, nan)],
    ),
    Elementwise(A.tanhshrink, lambda x: x - np.tanh(x), torch="nn.functional.tanhshrink"),
    Spec(A.prelu, prelu, slopes(), torch="nn.functional.prelu"),
    Elementwise(
        A.hardswish, lambda x: x * np.clip(x + 3, 0, 6) / 6, (-5, 5), kinks=(-3, -1.5, 3),
        torch="nn.functional.hardswish",
        exact=[(-3.0, -0.0, 0), (3.0, 3, 1), (0.0, 0, 0.5, 1 / 3, 0)],
    ),
    Elementwise(
        A.hardsigmoid, lambda x: np.clip(x + 3, 0, 6) / 6, (-5, 5), kinks=(-3, 3),
        torch=lambda x: (x + 3).clamp(0, 6) / 6,  # its hardsigmoid has 1/6 in float32
        exact=[(-3.0, 0, 0), (3.0, 1, 0), (0.0, 0.5, 1 / 6, 0)],
    ),
]
# fmt: on

SPECS = UNARY + BINARY + ACTIVATIONS
