"""The product kernel: every path of it is exact on small integers, whatever the strides, the level
and the number of threads; and what the public functions refuse. Values and gradients on drawn
shapes are rows of specs_matmul.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

import tinygrad_edu as tg
from strategies import LAYOUTS, broadcastable, layouts
from tinygrad_edu import _C
from tinygrad_edu.nn.functional import linear

C = _C.constants()
KC, NC = C["matmul_kc"], C["matmul_nc"]
GRAIN = C["matmul_grain"]  # multiply-adds to a task

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def integers(shape: tuple[int, ...], dtype: Any, seed: int = 0) -> np.ndarray:
    """Small integers: every order of summation gives the exact sum."""
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(dtype)


def kernel(
    x: np.ndarray, y: np.ndarray, bias: Any = None, out: Any = None, relu: bool = False
) -> np.ndarray:
    """The kernel's x @ y; with `out`, added to it."""
    accumulate = out is not None
    if out is None:
        batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
        out = np.full((*batch, x.shape[-2], y.shape[-1]), np.nan, x.dtype)
    _C.matmul(x, y, bias, out, accumulate, relu)
    return out


def around(*sizes: int) -> list[int]:
    return sorted({n + d for n in sizes for d in (-1, 0, 1) if n + d > 0})


@each_dtype
def test_heights_and_widths(level: str, dtype: Any) -> None:
    """Every height of a panel, and widths around every register and tile."""
    for m in range(1, 31):
        for n in [*around(8, 16, 32, 64), 2, 40]:
            x, y = integers((m, 5), dtype), integers((5, n), dtype, 1)
            np.testing.assert_array_equal(kernel(x, y), x @ y, err_msg=f"{m} x {n}")


@each_dtype
@pytest.mark.parametrize("k", [*around(KC, 2 * KC), 3 * KC + 5])
def test_depth_in_blocks(level: str, dtype: Any, k: int) -> None:
    """Sums over several blocks of k; bias and relu come after the last only."""
    x, y, bias = integers((17, k), dtype), integers((k, 35), dtype, 1), integers((35,), dtype, 2)
    np.testing.assert_array_equal(kernel(x, y, bias), x @ y + bias)
    np.testing.assert_array_equal(kernel(x, y, bias, relu=True), np.maximum(x @ y + bias, 0))


@each_dtype
@pytest.mark.parametrize("x_layout", sorted(LAYOUTS))
@pytest.mark.parametrize("y_layout", sorted(LAYOUTS))
def test_large_in_any_storage(level: str, dtype: Any, x_layout: str, y_layout: str) -> None:
    """Sizes at which both operands are packed."""
    x, y = integers((300, 270), dtype), integers((270, 290), dtype, 1)
    expected = x @ y
    got = kernel(LAYOUTS[x_layout](x), LAYOUTS[y_layout](y))
    np.testing.assert_array_equal(got, expected)


@each_dtype
@pytest.mark.parametrize("n", around(NC))
def test_wide(level: str, dtype: Any, n: int) -> None:
    """More columns than one block of B has, read in place and packed."""
    y = integers((9, n), dtype, 1)
    for m in (15, 260):
        x = integers((m, 9), dtype)
        np.testing.assert_array_equal(kernel(x, y), x @ y)
        np.testing.assert_array_equal(kernel(x, np.asfortranarray(y)), x @ y)


@each_dtype
@pytest.mark.parametrize("layout", sorted(LAYOUTS))
@pytest.mark.parametrize("n, k", [(1, 1), (1, 40_000), (70, 33), (2100, 3), (130, 17_000)])
def test_vectors(level: str, dtype: Any, layout: str, n: int, k: int) -> None:
    """A vector on either side, its sum in chunks where it is long."""
    x, y = integers((1, k), dtype), integers((k, n), dtype, 1)
    expected = x @ y
    np.testing.assert_array_equal(kernel(LAYOUTS[layout](x), LAYOUTS[layout](y)), expected)
    np.testing.assert_array_equal(kernel(LAYOUTS[layout](y.T), LAYOUTS[layout](x.T)), expected.T)


@each_dtype
@pytest.mark.parametrize("m", [2, 3, 4, 5, 8, 31, 32, 33])
def test_few_rows(level: str, dtype: Any, m: int) -> None:
    """A few rows times a long transposed weight: dot products, nothing packed."""
    for k in (32 * m - 1, 32 * m, 32 * m + 7):
        x, weight = integers((m, k), dtype), integers((37, k), dtype, 1)
        np.testing.assert_array_equal(kernel(x, weight.T), x @ weight.T)
        np.testing.assert_array_equal(kernel(weight, x.T), weight @ x.T)


@given(st.data())
def test_any_strides(data: st.DataObject) -> None:
    """Batches, bias, accumulation, relu and an output with strides, all drawn at once; nothing
    outside the output is written.
    """
    draw = data.draw
    m, n, k = (draw(st.sampled_from([0, 1, 2, 7, 15, 33])) for _ in range(3))
    batch_x, batch_y = draw(broadcastable(2, max_dims=2, max_side=3))
    batch = np.broadcast_shapes(batch_x, batch_y)
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    x = LAYOUTS[draw(layouts)](integers((*batch_x, m, k), dtype))
    y = LAYOUTS[draw(layouts)](integers((*batch_y, k, n), dtype, 1))
    out = LAYOUTS[draw(layouts)](integers((*batch, m, n), dtype, 2))
    bias_shape = draw(st.sampled_from([None, (n,), (m, 1), (1, 1), (*batch, m, n)]))
    bias = None if bias_shape is None else integers(bias_shape, dtype, 3)
    relu = draw(st.booleans())
    expected = out + np.matmul(x, y) + (0 if bias is None else bias)
    memory = out if out.base is None else out.base
    outside = memory.copy()
    kernel(x, y, bias, out, relu)
    np.testing.assert_array_equal(out, np.maximum(expected, 0) if relu else expected)
    out[...] = 0
    changed = memory.copy()
    memory[...] = outside
    out[...] = 0
    np.testing.assert_array_equal(memory, changed)


SHAPES = [
    ((700, 300), (300, 500)),  # blocks
    ((40, 64, 64), (40, 64, 48)),  # batches, several to a task
    ((1, 3000), (3000, 2500)),  # a vector
    ((3, 500, 64), (64, 40)),  # a batch that is one tall matrix
]


@each_dtype
@pytest.mark.parametrize("x_shape, y_shape", SHAPES)
def test_threads_change_nothing(
    threads: None, level: str, dtype: Any, x_shape: tuple[int, ...], y_shape: tuple[int, ...]
) -> None:
    """Bit for bit."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=x_shape).astype(dtype), rng.normal(size=y_shape).astype(dtype)
    assert x.size // x_shape[-1] * x_shape[-1] * y_shape[-1] > 2 * GRAIN
    results = []
    for count in (1, 2, 3):
        _C.set_num_threads(count)
        results.append(kernel(x, y))
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])
    np.testing.assert_allclose(results[0], x @ y, rtol=1e-3, atol=1e-3)


def test_denormals_are_zero_here_and_nowhere_else(level: str) -> None:
    tiny = np.full((20, 20), 1e-40, np.float32)
    np.testing.assert_array_equal(kernel(tiny, np.ones((20, 20), np.float32)), 0)
    assert (tg.tensor([1e-40]) * 1).item() != 0


def test_special_values(level: str) -> None:
    x = np.ones((20, 3), np.float32)
    x[1, 2], x[2, 0] = np.inf, np.nan
    out = kernel(x, np.ones((3, 40), np.float32), relu=True)
    assert np.isposinf(out[1]).all()
    assert np.isnan(out[2]).all()
    np.testing.assert_array_equal(np.delete(out, (1, 2), axis=0), 3)


def test_integers() -> None:
    x = tg.tensor([[1, 2], [3, 4]])
    assert (x @ x).tolist() == [[7, 10], [15, 22]]
    assert (x @ x).dtype == tg.int64
    assert tg.addmm(x, x, x, alpha=2).tolist() == [[15, 22], [33, 48]]


def test_operators_take_arrays() -> None:
    x, y = np.ones((2, 3), np.float32), tg.ones(3, 2)
    for out in (x @ y, y.mT @ x.T):
        assert isinstance(out, tg.Tensor)
        assert out.tolist() == [[3, 3], [3, 3]]


def test_weight_gradient_is_one_sum() -> None:
    """A weight shared by a batch gets its gradient without a batch of gradients in between."""
    x = tg.ones(64, 32, 64)
    weight = tg.ones(32, 64, requires_grad=True)
    loss = linear(x, weight).sum()
    tg.reset_peak_memory()
    before = tg.memory_stats()["peak"]
    loss.backward()
    assert weight.grad.tolist() == [[64 * 32] * 64] * 32
    assert tg.memory_stats()["peak"] - before < 64 * 32 * 64 * 4 / 2


def test_only_what_a_gradient_reads_is_kept() -> None:
    x, weight = tg.ones(4, 3), tg.ones(2, 3, requires_grad=True)
    out = linear(x, weight)
    weight.data *= 2
    with tg.no_grad():
        weight.mul_(2)  # grad_weight reads x alone
    out.sum().backward()
    assert weight.grad.tolist() == [[4, 4, 4]] * 2


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: tg.ones(2, 3) @ tg.ones(4, 5), ValueError,
         r"matmul: inner dimensions must match, got (2, 3) @ (4, 5)"),
        (lambda: tg.ones(2, 1, 3) @ tg.ones(3, 3, 4), ValueError,
         r"matmul: batch dimensions must broadcast, got (2, 1, 3) @ (3, 3, 4)"),
        (lambda: tg.ones(()) @ tg.ones(3), ValueError,
         "matmul: input must have at least 1 dim, got a 0-d tensor; use mul"),
        (lambda: tg.ones(3) @ tg.ones(3).double(), TypeError,
         "matmul: all tensors must have one dtype"),
        (lambda: tg.ones(3) @ 2, TypeError, "matmul: other must be a Tensor, got int"),
        (lambda: tg.ones(3).bool() @ tg.ones(3).bool(), TypeError,
         "matmul: not defined for bool tensors"),
        (lambda: tg.mm(tg.ones(3), tg.ones(3, 3)), ValueError,
         "mm: input must have 2 dim(s), got shape (3,)"),
        (lambda: tg.bmm(tg.ones(2, 3, 3), tg.ones(1, 3, 3)), ValueError,
         "bmm: batch sizes must be equal"),
        (lambda: tg.addmm(tg.ones(3), tg.ones(2, 2), tg.ones(2, 2)), ValueError,
         "addmm: input must broadcast to (2, 2), got shape (3,)"),
        (lambda: tg.outer(tg.ones(3, 1), tg.ones(3)), ValueError,
         "outer: input must have 1 dim(s), got shape (3, 1)"),
        (lambda: linear(tg.ones(64, 3, 32, 32), tg.ones(256, 100)), ValueError,
         "linear: inner dimensions must match, got (64, 3, 32, 32) @ (100, 256); "
         "Linear expects 100 features in the last dimension"),
        (lambda: linear(tg.ones(4, 3), tg.ones(2, 3), tg.ones(3)), ValueError,
         "linear: bias must have shape (2,), as weight has 2 rows, got (3,)"),
    ],
)  # fmt: skip
def test_errors(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as raised:
        call()
    assert str(raised.value).startswith(text)
