"""cross_entropy and nll_loss: kernels, special values, ignored rows, errors, PyTorch."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from specs_cross_entropy import cross_entropy as reference
from strategies import LAYOUTS
from tinygrad_edu import _C
from tinygrad_edu.ops.cross_entropy import REDUCTIONS

F = tg.nn.functional
INF, NAN = float("inf"), float("nan")


def run(x: Any, target: Any, weight: Any, reduction: str, smoothing: float) -> tuple[Any, Any]:
    """Value and gradient by the kernels, the same for one and two threads."""
    results = []
    threads = _C.num_threads()
    try:
        for n in (1, 2):
            _C.set_num_threads(n)
            code = REDUCTIONS.index(reduction)
            out = np.empty(target.shape if reduction == "none" else (), x.dtype)
            stats = np.empty((2, *target.shape), x.dtype)
            total = np.empty((), x.dtype)
            _C.cross_entropy(x, target, weight, out, stats, total, -100, code, smoothing)
            grad = np.empty_like(x)
            g = np.ones_like(out)
            _C.cross_entropy_backward(
                g, x, target, weight, stats, total, grad, -100, code, smoothing
            )
            results.append((out, grad))
    finally:
        _C.set_num_threads(threads)
    for first, second in zip(*results, strict=True):
        np.testing.assert_array_equal(first, second)
    return results[0]


@pytest.mark.parametrize("dtype", [np.dtype("f4"), np.dtype("f8")], ids=str)
def test_kernels(level: str, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    width = _C.constants()["row_vector_bytes"] // dtype.itemsize
    task = _C.constants()["row_task_elements"]
    rows = [(5, n) for n in (1, width - 1, width, width + 1)]
    columns = [(2, 3, n) for n in (width - 1, width, width + 1)]
    tolerance = (
        {"rtol": 3e-5, "atol": 3e-5} if dtype.itemsize == 4 else {"rtol": 1e-11, "atol": 1e-11}
    )
    for shape in [*rows, *columns, (2, 3, 4, 5), (task // 40, 50)]:
        x = (rng.normal(size=shape) * 3).astype(dtype)
        target = rng.integers(0, shape[1], (shape[0], *shape[2:]))
        target.flat[1] = -100
        options = itertools.product((None, rng.uniform(0.1, 2, shape[1])), REDUCTIONS, (0.0, 0.1))
        for weight, reduction, smoothing in options:
            cast = None if weight is None else weight.astype(dtype)
            expected = reference(x.astype("f8"), target, weight, smoothing, reduction)
            grads = []
            for layout in LAYOUTS if x.size < 1000 else ("contiguous",):
                out, grad = run(LAYOUTS[layout](x), target, cast, reduction, smoothing)
                np.testing.assert_allclose(out, expected, **tolerance)
                grads.append(grad)
                assert not np.moveaxis(grad, 1, -1)[target == -100].any()
            for grad in grads[1:]:
                np.testing.assert_allclose(grad, grads[0], **tolerance)
            np.testing.assert_allclose(grads[0].sum(1), 0, atol=1e-5)


@pytest.mark.parametrize("dtype", [tg.float32, tg.float64], ids=str)
def test_large_logits_lose_no_digits(level: str, dtype: Any) -> None:
    x = tg.tensor([[1e4, 1e4 - 1, 1e4 - 2]], dtype=dtype, requires_grad=True)
    y = tg.tensor([[2.0, 1.0, 0.0]], dtype=dtype, requires_grad=True)
    losses = [F.cross_entropy(logits, tg.tensor([1])) for logits in (x, y)]
    assert losses[0].item() == losses[1].item()
    for loss in losses:
        loss.backward()
    np.testing.assert_array_equal(x.grad.numpy(), y.grad.numpy())


def test_infinite_and_nan_logits() -> None:
    x = tg.tensor([[-INF, 0.0], [0.0, -INF], [INF, 0.0], [NAN, 0.0], [-INF, -INF]])
    losses = F.cross_entropy(x, tg.tensor([1, 1, 0, 1, 0]), reduction="none").numpy()
    np.testing.assert_array_equal(losses, [0.0, INF, NAN, NAN, NAN])


def test_no_rows() -> None:
    for loss in (F.cross_entropy, F.nll_loss):
        x, target = tg.zeros(0, 3, requires_grad=True), tg.zeros(0, dtype=tg.int64)
        assert np.isnan(loss(x, target).item())
        assert loss(x, target, reduction="sum").item() == 0.0
        assert loss(x, target, reduction="none").shape == (0,)
        loss(x, target, reduction="sum").backward()
        assert x.grad.shape == (0, 3)


def test_all_ignored() -> None:
    x = tg.zeros(2, 3, requires_grad=True)
    target = tg.tensor([7, 7])
    assert np.isnan(F.cross_entropy(x, target, ignore_index=7).item())
    loss = F.cross_entropy(x, target, ignore_index=7, reduction="sum")
    loss.backward()
    assert loss.item() == 0.0
    assert not x.grad.numpy().any()


@pytest.mark.parametrize("loss", [F.cross_entropy, F.nll_loss])
def test_labels_out_of_range(loss: Any) -> None:
    name = loss.__name__
    for wrong in (3, -1, -101, 2**40):
        with pytest.raises(
            IndexError, match=rf"{name}: targets must lie in \[0, 2\] .* got {wrong}"
        ):
            loss(tg.zeros(2, 3), tg.tensor([0, wrong]))
    with pytest.raises(IndexError, match="ignore_index=5, got -100"):
        loss(tg.zeros(2, 3), tg.tensor([5, -100]), ignore_index=5)
    assert loss(tg.zeros(2, 3), tg.tensor([0, 5]), ignore_index=5).item() >= 0


@pytest.mark.parametrize("loss", [F.cross_entropy, F.nll_loss])
def test_errors(loss: Any) -> None:
    x, target = tg.zeros(2, 3), tg.tensor([0, 1])
    with pytest.raises(
        ValueError, match=r"input \(2, 3\) needs target classes of shape \(2,\), got"
    ):
        loss(x, tg.tensor([0, 1, 2]))
    with pytest.raises(
        ValueError, match=r"input \(2, 3\) needs target classes of shape \(2,\), got"
    ):
        loss(x, tg.tensor([[0], [1]]))
    with pytest.raises(TypeError, match=r"target must be int64, got int32; use \.long\(\)"):
        loss(x, target.int())
    with pytest.raises(TypeError, match="input must be a float tensor, got int64"):
        loss(target, target)
    with pytest.raises(ValueError, match="reduction must be 'none', 'mean' or 'sum', got 'max'"):
        loss(x, target, reduction="max")
    with pytest.raises(ValueError, match=r"weight must have shape \(3,\), .* got \(2,\)"):
        loss(x, target, tg.ones(2))
    with pytest.raises(TypeError, match="one dtype, got input float32, weight float64"):
        loss(x, target, tg.ones(3, dtype=tg.float64))
    with pytest.raises(ValueError, match="got a 0-d tensor"):
        loss(tg.tensor(1.0), tg.tensor(0))


def test_errors_of_cross_entropy() -> None:
    x = tg.zeros(2, 3)
    with pytest.raises(ValueError, match=r"label_smoothing must lie in \[0, 1\], got 1.5"):
        F.cross_entropy(x, tg.tensor([0, 1]), label_smoothing=1.5)
    with pytest.raises(
        ValueError, match=r"probabilities must have input's shape \(2, 3\), got \(2,\)"
    ):
        F.cross_entropy(x, tg.zeros(2))
    with pytest.raises(TypeError, match="one dtype"):
        F.cross_entropy(x, tg.zeros(2, 3, dtype=tg.float64))


@pytest.mark.parametrize("loss", [F.cross_entropy, F.nll_loss])
def test_targets_written_between_forward_and_backward(loss: Any) -> None:
    """An error where the engine sees the write; never an access out of bounds."""
    x = tg.zeros(2, 3, requires_grad=True)
    target = tg.tensor([0, 1])
    out = loss(x, target)
    target.fill_(10**9)
    with pytest.raises(RuntimeError, match="changed in place"):
        out.backward()
    shared = np.array([0, 1])
    out = loss(x, tg.from_numpy(shared))
    shared[:] = 10**9
    out.backward()
    assert not x.grad.numpy().any()


@pytest.mark.parity
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_parity_of_extreme_logits(reduction: str) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8, 5)) * 1e4
    x[0, 1], x[1, 2], x[2, 0] = -INF, INF, NAN
    x[3] = -INF
    for rows in (slice(0, 8), slice(4, 8), slice(0, 1)):
        for smoothing in (0.0, 0.1):
            target = rng.integers(0, 5, 8)[rows]
            ours = tg.tensor(x[rows], requires_grad=True)
            theirs = torch.tensor(x[rows], requires_grad=True)
            options = {"reduction": reduction, "label_smoothing": smoothing}
            loss = F.cross_entropy(ours, tg.tensor(target), **options)
            expected = torch.nn.functional.cross_entropy(theirs, torch.tensor(target), **options)
            loss.sum().backward()
            expected.sum().backward()
            np.testing.assert_allclose(
                loss.detach().numpy(), expected.detach().numpy(), rtol=1e-12, atol=1e-12
            )
            np.testing.assert_allclose(
                ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-12, atol=1e-12
            )


@pytest.mark.parametrize("reduction", ["sum", "mean", "none"])
def test_second_derivatives_of_ignored_rows_are_zero(reduction):
    x = tg.randn(3, 4, dtype=tg.float64, requires_grad=True)
    for targets, ignored in (([1, 3, 0], [1]), ([3, 3, 3], [0, 1, 2])):
        loss = F.cross_entropy(x, tg.tensor(targets), ignore_index=3, reduction=reduction)
        (first,) = tg.autograd.grad(loss.sum(), x, create_graph=True)
        (second,) = tg.autograd.grad((first * x.detach()).sum(), x)
        assert (second[ignored] == 0).all()
        assert len(ignored) == 3 or (second[[0, 2]] != 0).any()
