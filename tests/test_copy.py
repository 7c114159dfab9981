"""The kernels that move elements: copy, fill, take, put, where; every level, every storage."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tinygrad_edu import _C

TILE = _C.constants()["copy_tile"]
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def storages(shape: tuple[int, ...], dtype: Any) -> Iterator[np.ndarray]:
    """Arrays of one shape in every order of dims, with gaps, and backward."""
    rng = np.random.default_rng(5)
    for order in itertools.permutations(range(len(shape))):
        memory = rng.standard_normal([shape[d] for d in order]).astype(dtype)
        yield np.asarray(memory).transpose(np.argsort(order)) if shape else np.array(1.5, dtype)
    if shape:
        gaps = rng.standard_normal([2 * n for n in shape]).astype(dtype)
        yield gaps[tuple(slice(1, None, 2) for _ in shape)]
        backward = rng.standard_normal(shape).astype(dtype)
        yield backward[tuple(slice(None, None, -1) for _ in shape)]


COPIED = [(), (1,), (7,), (0, 4), (3, 5), (TILE - 1, TILE + 1), (2 * TILE, 17), (17, 1, 33),
          (3, 70, 9), (300, 301), (2, 3, 20, 21)]  # fmt: skip


@each_dtype
@pytest.mark.parametrize("shape", COPIED, ids=str)
def test_copy_between_storages(level: str, shape: tuple[int, ...], dtype: Any) -> None:
    for x in [*storages(shape, dtype), np.broadcast_to(dtype(2), shape)]:
        for out in storages(shape, dtype):
            _C.copy(x, out)
            np.testing.assert_array_equal(out, x)
            _C.fill(out, 2.5)
            assert (out == 2.5).all()


def test_copy_leaves_gaps_alone(level: str) -> None:
    memory = np.zeros((40, 40), np.float32)
    _C.copy(np.ones((13, 13), np.float32).T, memory[1:40:3, 1:40:3])
    assert memory.sum() == 13 * 13


ITEMS = [(10, ()), (10, (4,)), (50, (3, 5)), (1000, (64,)), (5, (0,)), (40_000, ()), (3000, (33,))]


@each_dtype
@pytest.mark.parametrize("rows, item", ITEMS, ids=str)
@pytest.mark.parametrize("count", [0, 1, 7, 2000])
def test_take_and_put(level: str, rows: int, item: tuple[int, ...], count: int, dtype: Any) -> None:
    """Items at offsets; put in order, so that of equal offsets the last holds, or is added last."""
    rng = np.random.default_rng(6)
    index = rng.integers(0, rows, count)
    values = rng.standard_normal((count, *item)).astype(dtype)
    memory = rng.standard_normal((rows, *item)).astype(dtype)
    for x in (memory, np.asfortranarray(memory), np.repeat(memory, 2, axis=-1)[..., ::2]):
        if x.shape != memory.shape:
            continue
        offsets = index * (x.strides[0] // x.itemsize)
        first = np.lib.stride_tricks.as_strided(x, item, x.strides[1:])
        out = np.empty((count, *item), dtype)
        _C.take(first, offsets, out)
        np.testing.assert_array_equal(out, x[index])
        expected = x.copy()
        np.add.at(expected, index, values)
        _C.put(values, offsets, first, True)
        np.testing.assert_array_equal(x, expected)
        for j, row in enumerate(index):
            expected[row] = values[j]
        _C.put(values, offsets, first, False)
        np.testing.assert_array_equal(x, expected)


@each_dtype
@pytest.mark.parametrize(
    "shape", [(), (1,), (15,), (16, 17), (3, 40, 41), (0, 2), (400, 300)], ids=str
)
def test_where(level: str, shape: tuple[int, ...], dtype: Any) -> None:
    rng = np.random.default_rng(8)
    mask = np.asarray(rng.random(shape) < 0.5)
    one = np.broadcast_to(dtype(np.nan), shape)
    for x in storages(shape, dtype):
        for y in (*storages(shape, dtype), one):
            out = np.empty_like(x)
            _C.where(mask, x, y, out)
            np.testing.assert_array_equal(out, np.where(mask, x, y))
            _C.where(mask, y, x, out)
            np.testing.assert_array_equal(out, np.where(mask, y, x))
