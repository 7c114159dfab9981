"""Losses that compare element by element: edges, broadcasting, weights, errors, PyTorch."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg

F = tg.nn.functional
BROADCASTING = ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"]
STRICT = ["binary_cross_entropy", "binary_cross_entropy_with_logits"]


def gradient(loss: Any, x: Any, y: Any, **options: Any) -> Any:
    leaf = tg.tensor(x, requires_grad=True)
    loss(leaf, tg.tensor(y), reduction="sum", **options).backward()
    return leaf.grad.numpy()


def test_kinks() -> None:
    """0 at x = y; both sides agree where the parabola ends."""
    x, y = [1.0, 2.0, 0.0], [1.0, 1.0, 1.0]
    np.testing.assert_array_equal(gradient(F.l1_loss, x, y), [0, 1, -1])
    np.testing.assert_array_equal(gradient(F.smooth_l1_loss, x, y), [0, 1, -1])
    np.testing.assert_array_equal(gradient(F.huber_loss, x, y), [0, 1, -1])
    assert F.smooth_l1_loss(tg.tensor([3.0]), tg.tensor([0.0]), beta=0).item() == 3.0
    leaf = tg.tensor([1.0], requires_grad=True)
    (first,) = tg.autograd.grad(F.smooth_l1_loss(leaf, tg.tensor([1.0])), leaf, create_graph=True)
    assert tg.autograd.grad(first, leaf)[0].item() == 1.0


def test_certain_probabilities() -> None:
    """Logarithms stop at -100 and the gradient at 1e12."""
    x, y = tg.tensor([0.0, 1.0, 0.0, 1.0], requires_grad=True), tg.tensor([0.0, 1.0, 1.0, 0.0])
    losses = F.binary_cross_entropy(x, y, reduction="none")
    losses.sum().backward()
    np.testing.assert_array_equal(losses.detach().numpy(), [0, 0, 100, 100])
    np.testing.assert_allclose(x.grad.numpy(), [0, 0, -1e12, 1e12], rtol=1e-6)


def test_large_logits() -> None:
    x, y = [1e4, -1e4, 1e4, -1e4], [1.0, 0.0, 0.0, 1.0]
    losses = F.binary_cross_entropy_with_logits(tg.tensor(x), tg.tensor(y), reduction="none")
    np.testing.assert_array_equal(losses.numpy(), [0, 0, 1e4, 1e4])
    np.testing.assert_array_equal(gradient(F.binary_cross_entropy_with_logits, x, y), [0, 0, 1, -1])


@pytest.mark.parametrize("name", BROADCASTING)
def test_other_shapes_warn(name: str) -> None:
    loss = getattr(F, name)
    with pytest.warns(UserWarning, match=rf"{name}: target has shape \(4,\) and input \(4, 1\)"):
        out = loss(tg.zeros(4, 1), tg.ones(4), reduction="none")
    assert out.shape == (4, 4)
    with pytest.raises(ValueError, match=r"input \(2,\) and target \(3,\) do not fit"):
        loss(tg.zeros(2), tg.zeros(3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loss(tg.zeros(4), tg.ones(4))


def test_the_warning_points_to_the_caller() -> None:
    with pytest.warns(UserWarning) as caught:
        F.mse_loss(tg.zeros(4, 1), tg.ones(4))
    assert caught[0].filename == __file__


@pytest.mark.parametrize("name", STRICT)
def test_other_shapes_are_errors(name: str) -> None:
    with pytest.raises(ValueError, match=r"target must have input's shape \(4, 1\), got \(4,\)"):
        getattr(F, name)(tg.zeros(4, 1), tg.ones(4))


@pytest.mark.parametrize("name", BROADCASTING + STRICT)
def test_arguments(name: str) -> None:
    loss = getattr(F, name)
    with pytest.raises(ValueError, match="reduction must be 'none', 'mean' or 'sum', got 'avg'"):
        loss(tg.zeros(2), tg.zeros(2), reduction="avg")
    with pytest.raises(TypeError, match="input must be a float tensor, got int64"):
        loss(tg.tensor([1]), tg.tensor([1]))
    with pytest.raises(TypeError, match="target must be a Tensor, got float"):
        loss(tg.zeros(2), 1.0)
    assert np.isnan(loss(tg.zeros(0), tg.zeros(0)).item())
    assert loss(tg.zeros(0), tg.zeros(0), reduction="sum").item() == 0.0


def test_values_out_of_range() -> None:
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match=r"input must hold probabilities in \[0, 1\], got"):
            F.binary_cross_entropy(tg.tensor([0.5, wrong]), tg.zeros(2))
    with pytest.raises(ValueError, match="beta must not be negative, got -1"):
        F.smooth_l1_loss(tg.zeros(2), tg.zeros(2), beta=-1.0)
    with pytest.raises(ValueError, match="delta must be positive, got 0"):
        F.huber_loss(tg.zeros(2), tg.zeros(2), delta=0.0)


@pytest.mark.parity
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "huber_loss", *STRICT])
def test_parity_of_weights(name: str, reduction: str) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x, y, weight = rng.uniform(0.05, 0.95, (3, 4, 5))
    options: dict[str, Any] = {"weight": weight}
    if name == "binary_cross_entropy_with_logits":
        options["pos_weight"] = rng.uniform(0.5, 3, 5)
    results = []
    for library, functional in ((tg, F), (torch, torch.nn.functional)):
        leaf = library.tensor(x, requires_grad=True)
        given = {key: library.tensor(value) for key, value in options.items()}
        out = getattr(functional, name)(leaf, library.tensor(y), reduction=reduction, **given)
        out.sum().backward()
        results.append((out.detach().numpy(), leaf.grad.numpy()))
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-13)
