"""formula_gradient: higher derivatives, inputs that depend on each other, no reference cycles."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg

F = tg.nn.functional


TARGET = tg.tensor([0, 2, 1, 1])

# Functions of x (4, 3) through fused backward kernels; the norms take parameters from x, too.
CASES: dict[str, Callable[[Any], Any]] = {
    "softmax": lambda x: F.softmax(x, 1).square(),
    "log_softmax": lambda x: F.log_softmax(x, 0).square(),
    "cross_entropy": lambda x: F.cross_entropy(x, TARGET, reduction="none"),
    "cross_entropy_mean": lambda x: F.cross_entropy(x, TARGET, label_smoothing=0.1),
    "nll_loss": lambda x: F.nll_loss(x.square(), TARGET),
    "layer_norm": lambda x: F.layer_norm(x, (3,), x[0], x[1]),
    "batch_norm": lambda x: F.batch_norm(x, None, None, x[2], x[1], True),
    "embedding": lambda x: F.embedding(TARGET, x, padding_idx=1).square(),
    "binary_cross_entropy": lambda x: F.binary_cross_entropy(x.sigmoid(), x.square()),
}
each_case = pytest.mark.parametrize("name", sorted(CASES))


def derivative(function: Any, x: Any, directions: list[Any]) -> Any:
    """The gradient of (... ((f . d1)' . d2)' ...), of order len(directions)."""
    leaf = tg.tensor(x, requires_grad=True)
    value = function(leaf)
    for direction in directions:
        (gradient,) = tg.autograd.grad(
            (value * tg.tensor(direction)).sum(), leaf, create_graph=True
        )
        value = gradient
    return value.detach().numpy()


@each_case
def test_third_order(name: str) -> None:
    """Against differences of the second.

    PyTorch 2.13 cannot be asked: in its second derivatives of the norms mean and variance are
    constants, so its third ones are wrong.
    """
    rng = np.random.default_rng(0)
    x, along, first, second = rng.uniform(0.2, 0.9, (4, 4, 3))
    seed = np.ones_like(CASES[name](tg.tensor(x)).numpy())
    step = 1e-5 * along
    above, below = (derivative(CASES[name], x + s, [seed, first]) for s in (step, -step))
    slope = ((above - below) * second).sum() / 2e-5
    third = derivative(CASES[name], x, [seed, first, second])
    np.testing.assert_allclose((third * along).sum(), slope, rtol=1e-5, atol=1e-7)


@each_case
def test_no_cycles(name: str) -> None:
    """With the garbage collector off, second derivatives leave nothing behind."""
    function = CASES[name]
    x = tg.tensor(np.random.default_rng(0).uniform(0.2, 0.9, (4, 3)), requires_grad=True)
    gc.collect()
    gc.disable()
    try:
        value = function(x)
        (first,) = tg.autograd.grad(value.sum(), x, create_graph=True)
        (second,) = tg.autograd.grad(first.square().sum(), x)
        alive = [weakref.ref(tensor) for tensor in (value, first, second)]
        del value, first, second
        assert [ref() for ref in alive] == [None] * 3
        assert gc.collect() == 0
    finally:
        gc.enable()
