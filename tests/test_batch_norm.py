"""batch_norm: kernels in both memory orders, running statistics, errors, PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from specs_norms import batch_norm as reference, per_channel
from strategies import LAYOUTS
from tinygrad_edu import _C

F = tg.nn.functional
ORDERS = ("contiguous", "channels_last")


def gradients(g: Any, x: Any, weight: Any, eps: float) -> tuple[Any, Any, Any]:
    """The formulas of csrc/batch_norm.cpp in float64, for the batch's own statistics."""
    others = (0, *range(2, x.ndim))
    centred = x - x.mean(others, keepdims=True)
    rstd = 1 / np.sqrt((centred**2).mean(others, keepdims=True) + eps)
    xhat = centred * rstd
    grad_x = g - g.mean(others, keepdims=True) - xhat * (g * xhat).mean(others, keepdims=True)
    return per_channel(weight, x) * rstd * grad_x, (g * xhat).sum(others), g.sum(others)


def run(g: Any, x: Any, weight: Any, bias: Any, last: bool) -> tuple[Any, ...]:
    """The kernels' results in training, the same for one and two threads."""
    results = []
    threads = _C.num_threads()
    try:
        for n in (1, 2):
            _C.set_num_threads(n)
            mean, var, grad_weight, grad_bias = np.empty((4, x.shape[1]), x.dtype)
            out, grad_x = np.empty_like(x), np.empty_like(x)
            grads = (grad_x, grad_weight, grad_bias)
            _C.batch_norm_stats(x, mean, var, last)
            _C.batch_norm(x, weight, bias, mean, var, out, last, 1e-5)
            _C.batch_norm_backward(g, x, weight, mean, var, *grads, True, last, 1e-5)
            results.append((out, *grads))
    finally:
        _C.set_num_threads(threads)
    for first, second in zip(*results, strict=True):
        np.testing.assert_array_equal(first, second)
    return results[0]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dtype", [np.dtype("f4"), np.dtype("f8")], ids=str)
def test_kernels(level: str, dtype: Any, order: str) -> None:
    constants = _C.constants()
    width, task = constants["row_vector_bytes"] // dtype.itemsize, constants["row_task_elements"]
    channels = [(3, n, 5) for n in (1, width - 1, width, width + 1)]
    planes = [(3, 2, n) for n in (width - 1, width, width + 1)]
    chunks = [(task // 32, 4, 7), (task // 8 - 1, 8, 1), (task // 8 + 1, 8, 1), (2, 3, task + 1)]
    rng = np.random.default_rng(0)
    for shape in [(2, 3, 1, 1), (2, 3, 4, 5), *channels, *planes, *chunks]:
        x, g = (LAYOUTS[order](rng.normal(size=shape).astype(dtype)) for _ in range(2))
        weight, bias = (rng.normal(size=shape[1]).astype(dtype) for _ in range(2))
        out, *grads = run(g, x, weight, bias, order == "channels_last")
        wide = [a.astype("f8") for a in (g, x, weight, bias)]
        error = 1e-4 if dtype.itemsize == 4 else 1e-10
        expected = reference(wide[1], None, None, *wide[2:])
        np.testing.assert_allclose(out, expected, rtol=error, atol=error)
        count = x.size / shape[1]
        for got, wanted in zip(grads, gradients(*wide[:3], 1e-5), strict=True):
            np.testing.assert_allclose(got, wanted, rtol=error, atol=error * count**0.5)


@pytest.mark.parametrize("order", ORDERS)
def test_an_offset_costs_few_digits(order: str) -> None:
    """Deviations are summed around the mean of each chunk, and chunks are joined around theirs."""
    rng = np.random.default_rng(0)
    x = LAYOUTS[order]((rng.normal(size=(64, 8, 20, 20)) + 1000).astype("f4"))
    mean, var = np.empty((2, 8), "f4")
    _C.batch_norm_stats(x, mean, var, order == "channels_last")
    np.testing.assert_allclose(mean, x.astype("f8").mean((0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(var, x.astype("f8").var((0, 2, 3)), rtol=1e-4)


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_layouts(layout: str) -> None:
    """The same values and gradients in any memory, and channels-last stays channels-last."""
    rng = np.random.default_rng(0)
    x, g = rng.normal(size=(2, 2, 3, 4, 5))
    leaf = tg.from_numpy(LAYOUTS[layout](x)).requires_grad_()
    weight = tg.tensor(rng.normal(size=3))
    out = F.batch_norm(leaf, None, None, weight, training=True)
    out.backward(tg.tensor(g))
    expected = reference(x, None, None, weight.numpy())
    np.testing.assert_allclose(out.detach().numpy(), expected, rtol=1e-9, atol=1e-12)
    grad_x, _, _ = gradients(g, x, weight.numpy(), 1e-5)
    np.testing.assert_allclose(leaf.grad.numpy(), grad_x, rtol=1e-9, atol=1e-12)
    if layout in ORDERS:
        assert out.stride() == leaf.stride()


def test_running_statistics() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, 3, 5))
    mean, var = tg.tensor([1.0, 2.0, 3.0]).double(), tg.ones(3, dtype=tg.float64)
    F.batch_norm(tg.tensor(x), mean, var, training=True, momentum=0.25)
    np.testing.assert_allclose(
        mean.numpy(), 0.75 * np.array([1, 2, 3]) + 0.25 * x.mean((0, 2)), rtol=1e-12
    )
    np.testing.assert_allclose(var.numpy(), 0.75 + 0.25 * x.var((0, 2), ddof=1), rtol=1e-12)
    before = mean.numpy().copy()
    F.batch_norm(tg.tensor(x), mean, var, training=False)
    np.testing.assert_array_equal(mean.numpy(), before)
    assert not mean.requires_grad


def test_no_samples() -> None:
    mean, var = tg.zeros(3), tg.ones(3)
    x = tg.zeros(0, 3, 4, requires_grad=True)
    for training in (True, False):
        assert F.batch_norm(x, mean, var, training=training).shape == (0, 3, 4)
    np.testing.assert_array_equal(var.numpy(), np.ones(3))


def test_errors() -> None:
    x, three = tg.zeros(2, 3), tg.zeros(3)
    with pytest.raises(ValueError, match=r"input must be \(N, C\) or \(N, C, \.\.\.\), got \(3,\)"):
        F.batch_norm(three, three, three)
    with pytest.raises(ValueError, match="are needed unless training=True"):
        F.batch_norm(x, None, None)
    with pytest.raises(ValueError, match="must be given together"):
        F.batch_norm(x, three, None)
    with pytest.raises(
        ValueError, match=r"more than one value for each channel, got input \(1, 3\)"
    ):
        F.batch_norm(tg.zeros(1, 3), three, three, training=True)
    with pytest.raises(ValueError, match=r"weight must have shape \(3,\), .*\(2, 3\), got \(2,\)"):
        F.batch_norm(x, three, three, tg.ones(2))
    with pytest.raises(TypeError, match="running_mean float64"):
        F.batch_norm(x, three.double(), three)


@pytest.mark.parity
@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 5), (2, 3, 4, 5)])
def test_parity_of_running_statistics(shape: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    ours = [tg.zeros(3, dtype=tg.float64), tg.ones(3, dtype=tg.float64)]
    theirs = [torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)]
    for _ in range(3):
        x = rng.normal(size=shape)
        F.batch_norm(tg.tensor(x), *ours, training=True)
        torch.nn.functional.batch_norm(torch.tensor(x), *theirs, training=True)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12)
