"""Comparisons, logic and tests of values. Results are bool tensors and have no gradient; NumPy
computes them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import autograd
from ..autograd import Tensor, wrap
from ..backends import backend
from .checks import check_broadcast, check_tensor
from .promotion import result_type

_COMPARABLE = (Tensor, bool, int, float, np.ndarray, np.generic)


def _operands(op: str, x: Any, y: Any) -> tuple[Any, Any]:
    as_tensor = autograd.engine_ops["as_tensor"]
    if not all(isinstance(v, _COMPARABLE) for v in (x, y)):
        raise TypeError(
            f"{op}: operands must be tensors, arrays or numbers, got {type(x).__name__} and "
            f"{type(y).__name__}"
        )
    dtype = result_type(*(v.array if isinstance(v, Tensor) else v for v in (x, y)))
    a, b = (as_tensor(v, dtype).array for v in (x, y))
    check_broadcast(op, a.shape, b.shape)
    return a, b


def _boolean(values: Any) -> Any:
    return wrap(np.asarray(values, dtype=bool))


def _comparison(name: str, function: Callable[..., Any], symbol: str) -> Any:
    def compare(input: Any, other: Any) -> Any:
        return _boolean(function(*_operands(name, input, other)))

    compare.__name__ = compare.__qualname__ = name
    compare.__doc__ = f"out = input {symbol} other, elementwise, as a bool tensor. Gradient: none."
    return compare


def _or_identity(compare: Callable[..., Any]) -> Any:
    """The operator of a comparison: what is no number leaves it to Python, for which a tensor
    equals only itself, so that `x == None` is False and `x in [None, x]` works.
    """

    def operator(input: Any, other: Any) -> Any:
        return compare(input, other) if isinstance(other, _COMPARABLE) else NotImplemented

    return operator


eq = _comparison("eq", np.equal, "==")
ne = _comparison("ne", np.not_equal, "!=")
eq_operator, ne_operator = _or_identity(eq), _or_identity(ne)
lt = _comparison("lt", np.less, "<")
le = _comparison("le", np.less_equal, "<=")
gt = _comparison("gt", np.greater, ">")
ge = _comparison("ge", np.greater_equal, ">=")
logical_and = _comparison("logical_and", np.logical_and, "and")
logical_or = _comparison("logical_or", np.logical_or, "or")
logical_xor = _comparison("logical_xor", np.logical_xor, "xor")


def _predicate(name: str, function: Callable[..., Any], what: str) -> Any:
    def test(input: Any) -> Any:
        return _boolean(function(check_tensor(name, input).array))

    test.__name__ = test.__qualname__ = name
    test.__doc__ = f"out = {what}, as a bool tensor. Gradient: none."
    return test


logical_not = _predicate("logical_not", np.logical_not, "whether input is zero")
isnan = _predicate("isnan", np.isnan, "whether input is NaN")
isinf = _predicate("isinf", np.isinf, "whether input is infinite")
isfinite = _predicate("isfinite", np.isfinite, "whether input is neither NaN nor infinite")
signbit = _predicate("signbit", np.signbit, "whether the sign bit is set (also for -0.0)")


def _bitwise(name: str, function: Callable[..., Any], symbol: str) -> Any:
    def combine(input: Any, other: Any) -> Any:
        a, b = _operands(name, input, other)
        if a.dtype.kind == "f":
            raise TypeError(f"{name}: operands must be integer or bool tensors, got {a.dtype}")
        return wrap(np.asarray(function(a, b)))

    combine.__name__ = combine.__qualname__ = name
    combine.__doc__ = f"out = input {symbol} other, bit by bit; integers and bools. Gradient: none."
    return combine


bitwise_and = _bitwise("bitwise_and", np.bitwise_and, "&")
bitwise_or = _bitwise("bitwise_or", np.bitwise_or, "|")
bitwise_xor = _bitwise("bitwise_xor", np.bitwise_xor, "^")


def bitwise_not(input: Any) -> Any:
    """out = ~input, bit by bit; the logical not of bools.

    Raises:
        TypeError: input is a float tensor.

    Gradient: none.
    """
    array = check_tensor("bitwise_not", input).array
    if array.dtype.kind == "f":
        raise TypeError(f"bitwise_not: input must be an integer or bool tensor, got {array.dtype}")
    return wrap(np.asarray(np.invert(array)))


def isclose(
    input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Any:
    """out = |input - other| <= atol + rtol |other|, as a bool tensor. Gradient: none."""
    check_tensor("isclose", input)
    a, b = _operands("isclose", input, other)
    return _boolean(np.isclose(a, b, rtol=rtol, atol=atol, equal_nan=equal_nan))


def allclose(
    input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> bool:
    """Whether |input - other| <= atol + rtol |other| everywhere."""
    return bool(isclose(input, other, rtol, atol, equal_nan).array.all())


def equal(input: Any, other: Any) -> bool:
    """Whether both tensors have the same shape and the same values (NaN is not equal to itself)."""
    a, b = check_tensor("equal", input).array, check_tensor("equal", other, "other").array
    return a.shape == b.shape and bool((a == b).all())


def nan_to_num(
    input: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Any:
    """out = input with NaN replaced by nan, +inf by posinf, -inf by neginf (by default the largest
    finite values).

    Gradient: grad_output where input is finite, else 0.
    """
    array = check_tensor("nan_to_num", input).array
    if array.dtype.kind != "f":
        return input.clone()
    finite = _boolean(np.isfinite(array))
    replaced = backend(array).empty_like(array)
    np.copyto(replaced, np.nan_to_num(array, nan=nan, posinf=posinf, neginf=neginf))
    return autograd.engine_ops["where"](finite, input, wrap(replaced))


__all__ = [
    "allclose", "bitwise_and", "bitwise_not", "bitwise_or", "bitwise_xor", "eq", "equal", "ge",
    "gt", "isclose", "isfinite", "isinf", "isnan", "le", "logical_and", "logical_not",
    "logical_or", "logical_xor", "lt", "nan_to_num", "ne", "signbit",
]  # fmt: skip
