"""Reductions: kernels at every level and thread count, and what rows of specs cannot say."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import _C

CONSTANTS = _C.constants()
BLOCK, COLUMNS, TASK = (CONSTANTS[f"reduce_{name}"] for name in ("block", "columns", "task"))
KERNELS = {"sum": np.sum, "prod": np.prod, "amax": np.max, "amin": np.min}

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def around(size: int) -> list[int]:
    return [size - 1, size, size + 1]


SHAPES = [
    (),
    (1,),
    (3, 0),
    (0, 3),
    *[(n,) for n in (2, 17, *around(COLUMNS), *around(BLOCK), *around(2 * TASK))],
    *[(5, n) for n in (1, 3, *around(COLUMNS), *around(BLOCK // 4), *around(BLOCK // 2))],
    *[(n, 5) for n in (2, *around(64), 129)],
    *[(70, n) for n in around(COLUMNS)],
    (2, 3, 5, 7),
    (4, 1, 49),
    (3, 70, 65),
    (900, 160),
]


def storages(shape: tuple[int, ...], dtype: Any) -> Iterator[np.ndarray]:
    """One shape in memory of every kind."""
    x = np.asarray(np.random.default_rng(3).standard_normal(shape), dtype)
    yield x
    if x.ndim and x.size < 100_000:
        yield np.asfortranarray(x)
        yield np.repeat(x, 2, axis=-1)[..., ::2]
        yield x[::-1]
        yield np.moveaxis(np.moveaxis(x, 0, -1).copy(), -1, 0)
        yield np.broadcast_to(x[:1], shape) if shape[0] else x


def run(kernel: str, x: np.ndarray, dims: tuple[int, ...]) -> np.ndarray:
    out = np.full([1 if d in dims else n for d, n in enumerate(x.shape)], np.nan, x.dtype)
    getattr(_C, kernel)(x, out, *([1.0] if kernel == "sum" else []))
    return out


def bound(x: np.ndarray, dims: tuple[int, ...]) -> Any:
    """The error of a sum that csrc/reduce.cpp promises, and of the reference's rounding."""
    count = math.prod(x.shape[d] for d in dims)
    steps = 64 + 8 + math.log2(max(count / 64, 1)) + 1
    return steps * np.finfo(x.dtype).eps * np.abs(x.astype(np.float64)).sum(dims, keepdims=True)


@each_dtype
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_kernels_agree_with_numpy(level: str, shape: tuple[int, ...], dtype: Any) -> None:
    for x in storages(shape, dtype):
        wide = x.astype(np.float64)
        for count in range(x.ndim + 1):
            for dims in itertools.combinations(range(x.ndim), count):
                error = np.abs(run("sum", x, dims) - wide.sum(dims, keepdims=True))
                assert (error <= bound(x, dims)).all()
                if not any(shape[d] == 0 for d in dims):
                    for kernel in ("amax", "amin"):
                        expected = KERNELS[kernel](x, axis=dims, keepdims=True)
                        np.testing.assert_array_equal(run(kernel, x, dims), expected)
                near_one = np.asarray(1 + x * dtype(1e-5))
                expected = near_one.astype(np.float64).prod(dims, keepdims=True)
                tolerance = (x.size + 1) * np.finfo(dtype).eps
                np.testing.assert_allclose(run("prod", near_one, dims), expected, rtol=tolerance)


@pytest.mark.parametrize("dims", [(0,), (1,), (0, 1)])
@pytest.mark.parametrize("place", [(0, 0), (3, 5), (39, 69)])
def test_nan_and_infinity_win(level: str, dims: tuple[int, ...], place: tuple[int, int]) -> None:
    x = np.random.default_rng(0).standard_normal((40, 70)).astype(np.float32)
    x[7] = np.inf
    x[:, 9] = -np.inf
    for _ in range(2):
        for kernel in ("amax", "amin"):
            expected = KERNELS[kernel](x, axis=dims, keepdims=True)
            np.testing.assert_array_equal(run(kernel, x, dims), expected)
        x[place] = np.nan


@pytest.mark.parametrize("shape, dims", [
    ((3 * TASK + 5,), (0,)), ((700, 300), (0,)), ((700, 300), (1,)), ((700, 300), (0, 1)),
    ((64, 32, 7, 7), (0, 2, 3)), ((3, 200_000), (1,)), ((200_000, 3), (0,)),
])  # fmt: skip
def test_bits_do_not_depend_on_threads(
    level: str, threads: Any, shape: tuple[int, ...], dims: tuple[int, ...]
) -> None:
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    results = []
    for count in (1, 2, 3):
        threads(count)
        results.append([run(kernel, x, dims).tobytes() for kernel in KERNELS])
    assert results[0] == results[1] == results[2]


def test_long_sums_stay_exact() -> None:
    x = tg.full((10_000_000,), 0.1)
    assert abs(x.sum().item() - 1_000_000) < 1.0  # one addition after another is off by 87,000


@each_dtype
@pytest.mark.parametrize("name", ["argmax", "argmin"])
@pytest.mark.parametrize("shape", [
    (1,), (5,), (100,), (300,), (2 * TASK + 9,), (3, 7), (64, 10), (10, 64), (70, 33, 5),
    (2, 5, 9, 64), (0, 3),
], ids=str)  # fmt: skip
def test_winners(level: str, shape: tuple[int, ...], name: str, dtype: Any) -> None:
    """The first of equal ones; the first NaN, if there is one."""
    rng = np.random.default_rng(2)
    values = [
        rng.standard_normal(shape),
        rng.integers(0, 3, shape),
        np.where(rng.random(shape) < 0.05, np.nan, rng.standard_normal(shape)),
        np.where(rng.random(shape) < 0.7, -np.inf, np.inf),
    ]
    for value in values:
        x = value.astype(dtype)
        for stored in (x, np.asfortranarray(x), x[::-1], np.repeat(x, 2, axis=-1)[..., ::2]):
            for dim in range(x.ndim):
                if x.shape[dim] == 0:
                    continue
                out = np.empty([1 if d == dim else n for d, n in enumerate(shape)], dtype)
                index = np.empty(out.shape, np.int64)
                getattr(_C, name)(stored, out, index, dim)
                expected = getattr(np, name)(stored, axis=dim, keepdims=True)
                np.testing.assert_array_equal(index, expected)
                np.testing.assert_array_equal(out, np.take_along_axis(stored, expected, dim))


@each_dtype
def test_running_sums(level: str, dtype: Any) -> None:
    strips = [(3, n) for n in around(CONSTANTS["cumsum_strip"])]
    for shape in ((1,), (70,), *strips, (65, 3), (4, 70, 66), (0, 3), (3, 0)):
        x = np.random.default_rng(4).standard_normal(shape).astype(dtype)
        for stored in (x, np.asfortranarray(x), x[::-1]):
            for dim in range(x.ndim):
                out = np.empty_like(stored)
                _C.cumsum(stored, out, dim)
                expected = np.cumsum(stored.astype(np.float64), axis=dim)
                np.testing.assert_allclose(out, expected, rtol=1e-6, atol=1e-6)


# ---- ops ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "int64"])
def test_integers_are_summed_as_int64(dtype: str) -> None:
    x = tg.tensor([[1, 0], [1, 1]], dtype=dtype)
    assert x.sum().dtype == tg.int64 and x.sum().item() == 3
    assert x.prod(0).dtype == tg.int64 and x.prod(0).tolist() == [1, 0]
    assert x.sum(dtype=tg.float32).dtype == tg.float32
    assert x.amax().dtype == x.dtype
    with pytest.raises(TypeError, match="mean: input must be a float tensor"):
        x.mean()
    assert x.mean(dtype=tg.float64).item() == 0.75


def test_empty_reductions() -> None:
    x = tg.zeros(0, 3)
    assert x.sum().item() == 0 and x.prod(0).tolist() == [1, 1, 1]
    assert math.isnan(x.mean().item())
    assert x.amax(1).shape == (0,)
    for op in (x.max, x.amin, x.argmax):
        with pytest.raises(IndexError, match="no extreme of no elements"):
            op()
    with pytest.raises(IndexError, match="no extreme"):
        x.max(dim=0)
    assert bool(x.all()) and not bool(x.any())


def test_zero_dims() -> None:
    x = tg.tensor(3.0, requires_grad=True)
    for y in (x.sum(), x.sum(0), x.mean(-1), x.amax(), x.max(0).values, x.prod(), x.cumsum(0)):
        assert y.shape == () and y.item() == 3
    assert x.max(0).indices.item() == 0 and x.argmax().item() == 0
    with pytest.raises(IndexError, match="sum: dim must be in"):
        x.sum(1)


def test_ties() -> None:
    """amax and max() share the gradient; max(dim) gives it to the first."""
    x = tg.tensor([[2.0, 5.0, 5.0], [1.0, 1.0, 1.0]], requires_grad=True)
    (grad,) = tg.autograd.grad(x.amax(1).sum(), x)
    np.testing.assert_allclose(grad.array, [[0, 0.5, 0.5], [1 / 3, 1 / 3, 1 / 3]])
    (grad,) = tg.autograd.grad(x.max(), x)
    assert grad.tolist() == [[0, 0.5, 0.5], [0, 0, 0]]
    values, indices = x.max(1)
    assert indices.tolist() == [1, 0]
    assert not indices.requires_grad
    (grad,) = tg.autograd.grad(values.sum(), x)
    assert grad.tolist() == [[0, 1, 0], [1, 0, 0]]
    assert x.max(dim=1).values.tolist() == [5, 1]


@pytest.mark.parametrize("x", [[1.0, 2.0, 3.0], [0.0, 2.0, 3.0], [0.0, 2.0, 0.0], [0.0, 0.0, 0.0]])
def test_products_with_zeros(x: list[float]) -> None:
    """First and second derivatives are exact, however many zeros there are."""
    t = tg.tensor(x, dtype=tg.float64, requires_grad=True)
    (grad,) = tg.autograd.grad(t.prod(), t, create_graph=True)
    n = len(x)
    others = [math.prod(x[:i] + x[i + 1 :]) for i in range(n)]
    np.testing.assert_allclose(grad.array, others)
    for i in range(n):
        (row,) = tg.autograd.grad(grad[i], t, retain_graph=True)
        pairs = [math.prod(x[k] for k in range(n) if k not in (i, j)) for j in range(n)]
        np.testing.assert_allclose(row.array, [0 if j == i else pairs[j] for j in range(n)])


def test_max_of_two_tensors() -> None:
    x, y = tg.tensor([1.0, 5.0]), tg.tensor([3.0, 2.0])
    assert tg.max(x, y).tolist() == [3, 5] and tg.min(x, y).tolist() == [1, 2]


def test_channels_last_is_reduced_in_place() -> None:
    x = tg.randn(4, 8, 5, 5).contiguous(memory_format="channels_last")
    exact = x.array.sum((0, 2, 3), dtype=np.float64)
    scale = np.abs(x.array).sum((0, 2, 3)).max()  # what rounding errors are relative to
    np.testing.assert_allclose(x.sum((0, 2, 3)).array, exact, rtol=0, atol=1e-6 * scale)


def test_norm_at_zero_has_gradient_zero() -> None:
    x = tg.zeros(3, requires_grad=True)
    (grad,) = tg.autograd.grad(x.norm(), x)
    assert grad.tolist() == [0, 0, 0]


def test_logsumexp_of_large_and_infinite() -> None:
    assert tg.tensor([1000.0, 1000.0]).logsumexp(0).item() == pytest.approx(1000 + math.log(2))
    assert tg.tensor([-math.inf, -math.inf]).logsumexp(0).item() == -math.inf
    assert tg.tensor([math.inf, 1.0]).logsumexp(0).item() == math.inf
    assert tg.zeros(0, 2).logsumexp(0).tolist() == [-math.inf, -math.inf]


def test_errors_name_the_op() -> None:
    x = tg.zeros(2, 3)
    with pytest.raises(IndexError, match=r"sum: dim must be in \[-2, 1\], got 2"):
        x.sum(2)
    with pytest.raises(ValueError, match="mean: a dim appears more than once"):
        x.mean((0, -2))
    with pytest.raises(TypeError, match="amax: dim must be an int"):
        x.amax(1.0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="sum: input must be a Tensor"):
        tg.sum([1, 2])  # type: ignore[arg-type]


def test_std_of_equal_values_has_gradient_zero():
    x = tg.ones(2, 3, requires_grad=True)
    (tg.std(x, 1).sum() + tg.std_mean(x)[0]).backward()
    assert (x.grad == 0).all()


def test_logsumexp_of_one_number_and_of_integers():
    assert tg.logsumexp(tg.tensor(1.5), 0).item() == 1.5
    assert tg.logsumexp(tg.tensor([0, 0]), 0).dtype == tg.float32


def test_unbiased_is_another_spelling_of_correction():
    x = tg.tensor([1.0, 3.0])
    assert x.var(unbiased=False).item() == 1 and x.var(0, unbiased=True).item() == 2
    assert tg.std(x, unbiased=False).item() == tg.std_mean(x, unbiased=False)[0].item() == 1
    with pytest.raises(TypeError, match="norm: p must be a number"):
        x.norm("nuc")
    with pytest.raises(IndexError, match="stride: .*5"):
        x.stride(5)
