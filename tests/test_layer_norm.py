"""layer_norm: kernels at every level and size, threads, offsets, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from specs_norms import layer_norm as reference
from strategies import LAYOUTS
from tinygrad_edu import _C

F = tg.nn.functional


def gradients(g: Any, x: Any, weight: Any, eps: float) -> tuple[Any, Any, Any]:
    """The formulas of csrc/layer_norm.cpp in float64."""
    centred = x - x.mean(1, keepdims=True)
    rstd = 1 / np.sqrt((centred**2).mean(1, keepdims=True) + eps)
    xhat = centred * rstd
    h = g if weight is None else g * weight
    share = (h * xhat).mean(1, keepdims=True)
    grad_x = rstd * (h - h.mean(1, keepdims=True) - xhat * share)
    return grad_x, (g * xhat).sum(0), g.sum(0)


def run(g: Any, x: Any, weight: Any, bias: Any) -> tuple[Any, ...]:
    """The kernels' results, the same for one and two threads."""
    results = []
    threads = _C.num_threads()
    try:
        for n in (1, 2):
            _C.set_num_threads(n)
            out, grad_x = np.empty_like(x), np.empty_like(x)
            mean, rstd = np.empty(len(x), x.dtype), np.empty(len(x), x.dtype)
            grad_weight, grad_bias = np.empty(x.shape[1], x.dtype), np.empty(x.shape[1], x.dtype)
            _C.layer_norm(x, weight, bias, out, mean, rstd, 1e-5)
            _C.layer_norm_backward(g, x, weight, mean, rstd, grad_x, grad_weight, grad_bias)
            results.append((out, grad_x, grad_weight, grad_bias))
    finally:
        _C.set_num_threads(threads)
    for first, second in zip(*results, strict=True):
        np.testing.assert_array_equal(first, second)
    return results[0]


@pytest.mark.parametrize("dtype", [np.dtype("f4"), np.dtype("f8")], ids=str)
def test_kernels(level: str, dtype: Any) -> None:
    constants = _C.constants()
    width = constants["row_vector_bytes"] // dtype.itemsize
    chunk, chunks = constants["norm_chunk_rows"], constants["norm_chunks"]
    task = constants["row_task_elements"]
    rows = [(n, 5) for n in (chunk - 1, chunk, chunk + 1, chunk * chunks, chunk * chunks + 1)]
    widths = [(3, n) for n in (width - 1, width, width + 1, 4 * width + 3)]
    tolerance = (
        {"rtol": 1e-4, "atol": 1e-4} if dtype.itemsize == 4 else {"rtol": 1e-9, "atol": 1e-11}
    )
    rng = np.random.default_rng(0)
    for shape in [(1, 3), *rows, *widths, (task // 64 + 1, 64), (2, task + 1)]:
        x, g = (rng.normal(size=shape).astype(dtype) for _ in range(2))
        for affine in (True, False):
            weight = bias = None
            if affine:
                weight, bias = (rng.normal(size=shape[1]).astype(dtype) for _ in range(2))
            out, *grads = run(g, x, weight, bias)
            wide = [None if a is None else a.astype("f8") for a in (g, x, weight, bias)]
            expected = reference(wide[1], shape[1:], wide[2], wide[3])
            np.testing.assert_allclose(out, expected, **tolerance)
            scale = max(1.0, shape[0] ** 0.5)
            for got, wanted in zip(grads, gradients(*wide[:3], 1e-5), strict=True):
                np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=tolerance["atol"] * scale)


def test_an_offset_costs_few_digits() -> None:
    """The variance is taken around the mean, so 1000 + x normalises as exactly as it can."""
    x = np.random.default_rng(0).normal(size=(4, 64))
    shifted = (x + 1000).astype("f4")
    out = F.layer_norm(tg.tensor(shifted), (64,)).numpy()
    np.testing.assert_allclose(out, reference(shifted.astype("f8"), (64,)), atol=1e-4)


def test_small_rows() -> None:
    """One element becomes 0, two become -1 and 1, all equal ones 0; the gradients vanish."""
    for row, expected in (([3.0], [0.0]), ([1.0, 3.0], [-1.0, 1.0]), ([2.0] * 5, [0.0] * 5)):
        x = tg.tensor([row], dtype=tg.float64, requires_grad=True)
        out = F.layer_norm(x, (len(row),))
        out.backward(tg.tensor([np.arange(1.0, len(row) + 1)]))
        np.testing.assert_allclose(out.detach().numpy(), [expected], atol=1e-5)
        if len(row) < 3:
            np.testing.assert_allclose(x.grad.numpy(), 0, atol=1e-4)


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_layouts(layout: str) -> None:
    rng = np.random.default_rng(0)
    x, weight, bias = rng.normal(size=(3, 4, 5)), rng.normal(size=(4, 5)), rng.normal(size=(4, 5))
    tensors = [tg.from_numpy(LAYOUTS[layout](a)) for a in (x, weight, bias)]
    out = F.layer_norm(tensors[0], (4, 5), *tensors[1:])
    assert out.is_contiguous()
    np.testing.assert_allclose(out.numpy(), reference(x, (4, 5), weight, bias), rtol=1e-12)


def test_no_rows() -> None:
    x, weight = tg.zeros(0, 3, requires_grad=True), tg.ones(3, requires_grad=True)
    F.layer_norm(x, (3,), weight).sum().backward()
    assert x.grad.shape == (0, 3)
    np.testing.assert_array_equal(weight.grad.numpy(), np.zeros(3))


def test_only_what_needs_a_gradient_gets_one() -> None:
    x, bias = tg.ones(2, 3), tg.zeros(3, requires_grad=True)
    F.layer_norm(x, 3, None, bias).sum().backward()
    np.testing.assert_array_equal(bias.grad.numpy(), [2.0, 2.0, 2.0])


def test_errors() -> None:
    x = tg.zeros(2, 3)
    with pytest.raises(ValueError, match=r"must end with normalized_shape \(4,\).* got \(2, 3\)"):
        F.layer_norm(x, (4,))
    with pytest.raises(ValueError, match="must not be empty"):
        F.layer_norm(x, ())
    with pytest.raises(ValueError, match=r"weight must have normalized_shape \(3,\), got \(2,\)"):
        F.layer_norm(x, (3,), tg.ones(2))
    with pytest.raises(ValueError, match=r"bias must have normalized_shape \(3,\), got \(2, 3\)"):
        F.layer_norm(x, (3,), None, tg.ones(2, 3))
    with pytest.raises(TypeError, match="one dtype, got input float32, weight float64"):
        F.layer_norm(x, (3,), tg.ones(3, dtype=tg.float64))
    with pytest.raises(TypeError, match="input must be a float tensor, got int64"):
        F.layer_norm(tg.tensor([[1, 2]]), (2,))
