"""The primitives, through the elementwise ops: within the bounds that csrc/primitives.h states.

References: float64 NumPy for float32, the 80-bit long double for float64, where the machine has it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_edu import _C

HEADER = Path(__file__).parents[1] / "csrc" / "primitives.h"
LIBM = 1.0  # what glibc promises for the functions that we leave to it

erf = np.vectorize(math.erf, otypes=[np.float64])
REFERENCES: dict[str, Callable[..., Any]] = {
    "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1,
    "log": np.log, "log2": np.log2, "log10": np.log10, "log1p": np.log1p,
    "sin": np.sin, "cos": np.cos, "tan": np.tan,
    "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "atan2": np.arctan2,
    "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh,
    "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh,
    "erf": lambda x: erf(x.astype(np.float64)), "pow": np.power, "hypot": np.hypot,
}  # fmt: skip
EXACT: dict[str, Callable[..., Any]] = {
    "sqrt": np.sqrt, "abs": np.abs, "floor": np.floor, "ceil": np.ceil, "round": np.rint,
    "trunc": np.trunc, "fmod": np.fmod, "copysign": np.copysign,
    "maximum": np.maximum, "minimum": np.minimum,
}  # fmt: skip
BINARY = {"atan2", "pow", "hypot", "fmod", "copysign", "maximum", "minimum"}


def stated_bounds() -> dict[str, tuple[float, float]]:
    """The table in the header: {name: (float bound, double bound)}."""
    rows = re.findall(r"(\w+) +(\d+\.\d+) +(\d+\.\d+|libm)", HEADER.read_text())
    return {name: (float(f), LIBM if d == "libm" else float(d)) for name, f, d in rows}


BOUNDS = stated_bounds()


def operands(dtype: Any, count: int = 100_000) -> np.ndarray:
    """Numbers of every exponent, and more of them where functions are used."""
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2 ** (8 * np.dtype(dtype).itemsize), count, dtype=np.uint64)
    unsigned = np.uint32 if dtype == np.float32 else np.uint64
    anywhere = bits.astype(unsigned).view(dtype)
    anywhere = np.where(np.isnan(anywhere), dtype(1), anywhere)  # signalling NaNs among them
    ranges = [rng.uniform(-high, high, count) for high in (1, 3, 10, 100, 750)]
    small = rng.standard_normal(count) * 1e-3
    return np.concatenate([anywhere, *ranges, small]).astype(dtype)


def specials(dtype: Any) -> np.ndarray:
    info = np.finfo(dtype)
    positive = [0.0, info.smallest_subnormal, info.tiny / 2, info.tiny, 1e-3, 0.5, 1.0, 1.5, 2.0]
    positive += [2.5, 3.0, 88.7, 89.0, 103.9, 710.0, 745.0, 2.0**24, 2.0**53, info.max, np.inf]
    return np.array([*positive, *(-x for x in positive), np.nan]).astype(dtype)


def run(name: str, *xs: np.ndarray) -> np.ndarray:
    return _C.elementwise[name]["forward"](*xs)


def wide(dtype: Any) -> Any:
    if dtype == np.float32:
        return np.float64
    if np.finfo(np.longdouble).nmant < 63:
        pytest.skip("long double is no wider than double on this machine")
    return np.longdouble


def ulps(got: np.ndarray, true: np.ndarray) -> np.ndarray:
    """|got - true| in units of got's last place at `true`; 0 where both are the same NaN or inf."""
    info = np.finfo(got.dtype)
    with np.errstate(all="ignore"):
        rounded = true.astype(got.dtype)
        magnitude = np.maximum(np.abs(true), info.tiny)
        unit = np.exp2(np.floor(np.log2(magnitude)) - info.nmant)
        error = np.abs(got.astype(true.dtype) - true) / unit
        past_range = np.isinf(got) & (np.abs(true) > 0.9999999 * info.max) & (got * true > 0)
    error[past_range | (np.isinf(rounded) & (got == info.max * np.sign(true)))] = 0
    error[(got == rounded) & np.isinf(got) | np.isnan(got) & np.isnan(rounded)] = 0
    error[np.isnan(error)] = np.inf
    return error


@cache
def question(name: str, dtype: Any) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """Operands and true values, the same for every level."""
    libm = BOUNDS[name][dtype == np.float64] == LIBM
    x = operands(
        dtype, 2_000 if name == "erf" or libm else 100_000 if dtype == np.float32 else 10_000
    )
    xs = (x,)
    if name in BINARY:
        y = np.random.default_rng(1).permutation(x)
        xs = (x, np.where(np.arange(y.size) % 3 == 0, np.rint(y), y) if name == "pow" else y)
    with np.errstate(all="ignore"):
        return xs, REFERENCES[name](*(v.astype(wide(dtype)) for v in xs))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_error_bound(name: str, dtype: Any, level: str) -> None:
    xs, true = question(name, dtype)
    got = run(name, *xs)
    error = ulps(got, true)
    worst = int(error.argmax())
    assert error[worst] <= BOUNDS[name][dtype == np.float64], (
        f"{name}({', '.join(repr(v[worst]) for v in xs)}) = {got[worst]!r}, true {true[worst]!r}"
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", sorted(EXACT))
def test_exact(name: str, dtype: Any, level: str) -> None:
    x = operands(dtype, 20_000)
    xs = (x, np.random.default_rng(1).permutation(x)) if name in BINARY else (x,)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(run(name, *xs), EXACT[name](*xs))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", sorted({**REFERENCES, **EXACT}))
def test_special_values(name: str, dtype: Any, level: str) -> None:
    """NaN, infinities, the sign of zero, denormals and the ends of the range: as C and NumPy."""
    x = specials(dtype)
    xs = tuple(np.meshgrid(x, x)) if name in BINARY else (x,)
    got = run(name, *(np.ascontiguousarray(v) for v in xs))
    with np.errstate(all="ignore"):
        true = {**REFERENCES, **EXACT}[name](*(v.astype(wide(dtype)) for v in xs))
        error = ulps(got, true)
    bound = BOUNDS.get(name, (0.51, 0.51))[dtype == np.float64]
    for at in np.argwhere(~(error <= bound)):
        arguments = [float(v[tuple(at)]) for v in xs]
        pytest.fail(f"{name}{arguments} = {got[tuple(at)]}, expected {true[tuple(at)]}")
    if name not in ("maximum", "minimum"):  # of 0.0 and -0.0 either may be the larger
        zero = (got == 0) & (true == 0)
        np.testing.assert_array_equal(np.signbit(got[zero]), np.signbit(true[zero]))


def test_every_bound_is_tested() -> None:
    assert set(BOUNDS) == set(REFERENCES)
