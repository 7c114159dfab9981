"""embedding: kernels, padding, options, errors, PyTorch; index_bounds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from strategies import LAYOUTS
from tinygrad_edu import _C

F = tg.nn.functional


@pytest.mark.parametrize("dtype", [np.dtype("f4"), np.dtype("f8")], ids=str)
def test_kernels(level: str, dtype: Any) -> None:
    constants = _C.constants()
    columns, task = constants["scatter_columns"], constants["row_task_elements"]
    rng = np.random.default_rng(0)
    threads = _C.num_threads()
    sizes = [(3, 1, 5), (4, 7, 0), (4, 0, 3), (50, columns, task // columns + 1)]
    sizes += [(9, n, task // n + 1) for n in (columns - 1, columns + 1, 3 * columns)]
    try:
        for rows, width, count in sizes:
            table = rng.normal(size=(rows, width)).astype(dtype)
            index = rng.integers(0, rows, count)
            g = rng.integers(-8, 8, (count, width)).astype(dtype)
            expected = np.zeros((rows, width))
            np.add.at(expected, index, g)
            for n in (1, 2):
                _C.set_num_threads(n)
                for layout in LAYOUTS.values():
                    out = np.empty((count, width), dtype)
                    _C.embedding(layout(table), index, out)
                    np.testing.assert_array_equal(out, table[index])
                for padding in (-1, 1):
                    grad = np.full((rows, width), np.nan, dtype)
                    _C.embedding_backward(g, index, grad, padding)
                    kept = np.arange(rows)[:, None] != padding
                    np.testing.assert_array_equal(grad, np.where(kept, expected, 0))
    finally:
        _C.set_num_threads(threads)


def test_kernels_follow_no_index_out_of_bounds(level: str) -> None:
    """Python checks indices first; this is what happens if they are written after that."""
    table, index = np.ones((3, 2)), np.array([0, 3, -1, 2**62])
    out = np.empty((4, 2))
    _C.embedding(table, index, out)
    np.testing.assert_array_equal(out, [[1, 1], [0, 0], [0, 0], [0, 0]])
    _C.embedding_backward(np.ones((4, 2)), index, table, -1)
    np.testing.assert_array_equal(table, [[1, 1], [0, 0], [0, 0]])


def test_index_bounds(level: str) -> None:
    rng = np.random.default_rng(0)
    bounds = np.empty(2, np.int64)
    for shape in [(), (1,), (17,), (3, 4, 5), (2, 0)]:
        index = np.asarray(rng.integers(-(2**40), 2**40, shape))
        for layout in LAYOUTS.values():
            _C.index_bounds(layout(index), bounds)
            expected = [index.min(), index.max()] if index.size else [0, -1]
            np.testing.assert_array_equal(bounds, expected)


def test_padding_gets_no_gradient_of_any_order() -> None:
    table = tg.ones(3, 2, dtype=tg.float64, requires_grad=True)
    out = F.embedding(tg.tensor([[0, 1], [1, 2]]), table, padding_idx=-2)
    assert out.shape == (2, 2, 2)
    (grad,) = tg.autograd.grad((out * out).sum(), table, create_graph=True)
    np.testing.assert_array_equal(grad.detach().numpy(), [[2, 2], [0, 0], [2, 2]])
    (second,) = tg.autograd.grad(grad.sum(), table)
    np.testing.assert_array_equal(second.numpy(), [[2, 2], [0, 0], [2, 2]])


def test_errors() -> None:
    table = tg.zeros(3, 2)
    for wrong in (3, -1, 2**40):
        with pytest.raises(
            IndexError, match=rf"indices must lie in \[0, 2\] for 3 rows, got {wrong}"
        ):
            F.embedding(tg.tensor([0, wrong]), table)
    with pytest.raises(TypeError, match=r"input must be int64, got float32; use \.long\(\)"):
        F.embedding(tg.zeros(2), table)
    with pytest.raises(ValueError, match=r"weight must be a matrix \(V, D\), got shape \(3,\)"):
        F.embedding(tg.tensor([0]), tg.zeros(3))
    with pytest.raises(TypeError, match="weight must be a float tensor, got int64"):
        F.embedding(tg.tensor([0]), tg.tensor([[1]]))
    with pytest.raises(IndexError, match=r"padding_idx must lie in \[-3, 2\], got 3"):
        F.embedding(tg.tensor([0]), table, padding_idx=3)
    with pytest.raises(NotImplementedError, match="sparse gradients are not supported"):
        F.embedding(tg.tensor([0]), table, sparse=True)
    assert F.embedding(tg.zeros(0, dtype=tg.int64), tg.zeros(0, 4)).shape == (0, 4)


def test_index_written_between_forward_and_backward() -> None:
    table, index = tg.ones(3, 2, requires_grad=True), tg.tensor([0, 1])
    out = F.embedding(index, table)
    index.fill_(99)
    with pytest.raises(RuntimeError, match="changed in place"):
        out.sum().backward()


@pytest.mark.parity
@pytest.mark.parametrize(
    "options",
    [
        {"padding_idx": 2},
        {"scale_grad_by_freq": True},
        {"max_norm": 1.0},
        {"max_norm": 2.0, "norm_type": 1.0},
    ],
    ids=str,
)
def test_parity(options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    values, index = rng.normal(size=(7, 4)), rng.integers(0, 7, (3, 5))
    ours, theirs = tg.tensor(values, requires_grad=True), torch.tensor(values, requires_grad=True)
    out = F.embedding(tg.tensor(index), ours, **options)
    expected = torch.nn.functional.embedding(torch.tensor(index), theirs, **options)
    g = rng.normal(size=out.shape)
    out.backward(tg.tensor(g))
    expected.backward(torch.tensor(g))
    for a, b in ((out, expected), (ours, theirs), (ours.grad, theirs.grad)):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-12, atol=1e-12)
