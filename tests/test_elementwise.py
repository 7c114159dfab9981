"""The elementwise machinery: every op, element, level and thread count gives the same numbers.

Which numbers is the business of test_gradients.py; here is what its references cannot see: that the
text printed by the tracing lane is the kernel's formula, and that a result never depends on where
its element stands, on strides, or on how the work is cut.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from strategies import LAYOUTS
from tinygrad_edu import _C

TABLE = _C.elementwise
PARAMETERS = (0.75, 2.5)  # a and b, where an op has them
CONSTANTS = _C.constants()
BLOCK, CHUNK = CONSTANTS["elementwise_block"], CONSTANTS["elementwise_chunk"]

each_op = pytest.mark.parametrize("name", sorted(TABLE))
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def operands(name: str, shape: Any, dtype: Any) -> list[np.ndarray]:
    rng = np.random.default_rng(7)
    return [rng.uniform(-3, 3, shape).astype(dtype) for _ in range(TABLE[name]["arity"])]


def parameters(name: str) -> tuple[float, ...]:
    return PARAMETERS[: TABLE[name]["parameters"]]


# What the text of a formula means.
LANGUAGE: dict[str, Any] = {
    "fabs": np.abs, "sqrt": np.sqrt, "rint": np.rint, "floor": np.floor, "ceil": np.ceil,
    "trunc": np.trunc, "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log": np.log,
    "log1p": np.log1p, "log2": np.log2, "log10": np.log10, "sin": np.sin, "cos": np.cos,
    "tan": np.tan, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "asin": np.arcsin,
    "acos": np.arccos, "atan": np.arctan, "asinh": np.arcsinh, "acosh": np.arccosh,
    "atanh": np.arctanh, "erf": np.vectorize(math.erf, otypes=[np.float64]), "pow": np.power,
    "atan2": np.arctan2, "hypot": np.hypot, "fmod": np.fmod, "copysign": np.copysign,
    "where": np.where,
}  # fmt: skip


def evaluate(text: str, **names: Any) -> Any:
    with np.errstate(all="ignore"):
        return eval(text, {"__builtins__": {}}, {**LANGUAGE, **names})


@each_op
def test_text_is_the_kernel(name: str) -> None:
    """Forward and every first derivative, evaluated from their text, are the kernels'."""
    record = TABLE[name]
    xs = operands(name, 501, np.float64)
    names = dict(zip("xy", xs, strict=False)) | dict(zip("ab", PARAMETERS, strict=True))
    out = record["forward"](*xs, *parameters(name))
    np.testing.assert_allclose(out, evaluate(record["text"], **names), rtol=1e-12, atol=1e-13)
    names["out"] = out
    for gradient in record["grads"]:
        saved = [names[v] if v in gradient["reads"] else None for v in ("x", "y", "out")]
        got = gradient["orders"][0](np.ones(501), (*saved, *parameters(name)))
        expected = np.broadcast_to(evaluate(gradient["text"], **names), got.shape)
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-13)


@each_op
@each_dtype
def test_position_does_not_matter(name: str, dtype: Any, level: str) -> None:
    """f(x)[i] = f(x[i]), bit for bit, for a count that leaves a partial vector."""
    xs = operands(name, 37, dtype)
    whole = TABLE[name]["forward"](*xs, *parameters(name))
    for i in range(37):
        single = TABLE[name]["forward"](*(x[i : i + 1].copy() for x in xs), *parameters(name))
        np.testing.assert_array_equal(single, whole[i : i + 1])


@each_op
@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_storage_does_not_matter(name: str, layout: str) -> None:
    xs = operands(name, (3, 5, 7, 4), np.float32)
    expected = TABLE[name]["forward"](*xs, *parameters(name))
    got = TABLE[name]["forward"](*(LAYOUTS[layout](x) for x in xs), *parameters(name))
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(
    "count", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, CHUNK - 1, CHUNK, 2 * CHUNK + 5]
)
@pytest.mark.parametrize("step", [1, 2, -1])
def test_cut_does_not_matter(count: int, step: int) -> None:
    """Around every block size, contiguous and not, with one thread and with two: the same bits."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal(2 * count + 1).astype(np.float32)[::step][:count]
    y = rng.standard_normal(count).astype(np.float32)
    threads = _C.num_threads()
    try:
        results = []
        for n in (1, 2):
            _C.set_num_threads(n)
            results.append((TABLE["tanh"]["forward"](x), TABLE["atan2"]["forward"](x, y)))
    finally:
        _C.set_num_threads(threads)
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)
    dense = x.copy()
    np.testing.assert_array_equal(results[0][0], TABLE["tanh"]["forward"](dense))
    np.testing.assert_array_equal(results[0][1], TABLE["atan2"]["forward"](dense, y))


@pytest.mark.parametrize("shapes", [
    ((5, 1), (1, 7)), ((4, 1, 6), (3, 1)), ((2, 300), (300,)), ((2, 300), (2, 1)),
    ((), (3, 2)), ((0, 3), (1, 3)), ((1,), (1, 1)),
])  # fmt: skip
@each_dtype
def test_broadcast(shapes: Any, dtype: Any) -> None:
    rng = np.random.default_rng(5)
    x, y = (np.asarray(rng.standard_normal(shape)).astype(dtype) for shape in shapes)
    np.testing.assert_array_equal(TABLE["add"]["forward"](x, y), x + y)
    np.testing.assert_array_equal(TABLE["div"]["forward"](y, x), y / x)


def test_result_keeps_the_order_in_memory() -> None:
    x = LAYOUTS["channels_last"](np.zeros((2, 3, 4, 5), np.float32))
    assert TABLE["exp"]["forward"](x).strides == x.strides
    assert TABLE["add"]["forward"](x, np.zeros((3, 1, 1), np.float32)).strides == x.strides


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8], ids=str)
@pytest.mark.parametrize("name", ["abs", "ceil", "floor", "neg", "relu", "sign", "square", "trunc"])
def test_integers_stay_integers(name: str, dtype: Any) -> None:
    values = np.array([0, 1, 3, 250]).astype(dtype)
    expected = {"neg": np.negative, "sign": np.sign, "square": np.square}.get(name, np.copy)(values)
    out = getattr(tg, name)(tg.from_numpy(values))
    assert out.dtype == dtype and out.tolist() == expected.tolist()
    if dtype != np.uint8:
        negative = getattr(tg, name)(tg.tensor(-3, dtype=dtype))
        assert negative.item() == {"abs": 3, "neg": 3, "relu": 0, "sign": -1, "square": 9}.get(
            name, -3
        )
    with pytest.raises(TypeError, match=f"{name}: .*bool"):
        getattr(tg, name)(tg.tensor([True]))


def test_rounded_division() -> None:
    x = tg.tensor([7, -7, 7, -7])
    y = tg.tensor([2, 2, -2, -2])
    assert (x // y).tolist() == [3, -4, -4, 3]
    assert tg.div(x, y, rounding_mode="trunc").tolist() == [3, -3, -3, 3]
    assert (tg.tensor(2**60 + 1) // 1).item() == 2**60 + 1
    with pytest.raises(ZeroDivisionError, match="div"):
        x // 0
    with pytest.raises(TypeError, match="div: .*bool"):
        tg.tensor(True) // tg.tensor(True)
    inf = float("inf")
    quotient = tg.tensor([1.0, 1.0, inf, 1.0, -1.0]) // tg.tensor([0.1, -inf, 2.0, 0.0, 3.0])
    np.testing.assert_array_equal(quotient.array, np.array([9.0, -1.0, np.nan, inf, -1.0]))
    z = tg.ones(3, requires_grad=True)
    (z // 2).sum().backward()
    assert z.grad.tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match=r"floor_divide: .*\(3,\).*\(2,\)"):
        z // tg.ones(2)


def test_products_of_small_integers_do_not_overflow_before_they_are_added() -> None:
    x = tg.tensor([200], dtype=tg.uint8)
    assert tg.addcmul(tg.tensor([1.0]), x, x).item() == 40001
    assert (tg.tensor([True, False]) ** 2).tolist() == [1, 0]


def test_clamp_with_crossed_bounds_gives_the_upper() -> None:
    assert tg.tensor([-9.0, 0.0, 9.0]).clamp(0.5, -0.5).tolist() == [-0.5, -0.5, -0.5]


def test_what_is_no_number_is_unequal() -> None:
    x = tg.ones(2)
    assert (x == None) is False and (x != "1") is True and x in [None, x]  # noqa: E711
    with pytest.raises(TypeError, match="eq"):
        tg.eq(x, None)
