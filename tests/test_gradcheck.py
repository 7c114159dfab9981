"""The checker checked: right gradients pass, wrong ones fail, and the message says why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.gradcheck import GradcheckError


def leaf(*shape: int, seed: int = 0) -> tg.Tensor:
    values = np.random.default_rng(seed).uniform(0.5, 2.0, shape)
    return tg.from_numpy(np.asarray(values)).requires_grad_()


def with_rule(forward: Callable[..., Any], backward: Callable[..., Any]) -> Callable[..., Any]:
    """An op from a forward on arrays and a rule (grad_output, *inputs) -> gradients."""

    class Op(tg.autograd.Function):
        def forward(self, *xs: Any) -> Any:
            self.save(*xs)
            return np.asarray(forward(*xs))

        def backward(self, grad_output: Any) -> Any:
            return backward(grad_output, *self.saved)

    return Op.apply


def square(x: Any) -> Any:
    return x * x


MISTAKES = [
    ("sign", with_rule(square, lambda g, x: g * x * -2), (leaf(3),), "sign"),
    ("factor", with_rule(square, lambda g, x: g * x), (leaf(3),), "a factor 2 is missing"),
    ("too large", with_rule(square, lambda g, x: g * x * 6), (leaf(3),), "3 times too large"),
    ("cut", with_rule(square, lambda g, x: g * 0), (leaf(3),), "no gradient arrives"),
    ("nan", with_rule(square, lambda g, x: g * float("nan")), (leaf(3),), "NaN"),
    ("kink", tg.relu, (tg.zeros(2, dtype=tg.float64, requires_grad=True),), "kink"),
    (
        "transposed",
        with_rule(lambda x: x * np.arange(9.0).reshape(3, 3), lambda g, x: g.T * tg.from_numpy(
            np.arange(9.0).reshape(3, 3).T.copy())),
        (leaf(3, 3),),
        "transposed",
    ),
    (
        "mean",
        with_rule(lambda x: (x * [1, 2, 4]).sum(), lambda g, x: tg.ones_like(x) * g * (7 / 3)),
        (leaf(3),),
        "mean",
    ),
    (
        "sum",
        with_rule(lambda x: (x * [1, 2, 4]).sum(), lambda g, x: tg.ones_like(x) * g * 7),
        (leaf(3),),
        "sum",
    ),
]  # fmt: skip


@pytest.mark.parametrize("name, fn, inputs, message", MISTAKES, ids=[m[0] for m in MISTAKES])
def test_mistake_is_named(name: str, fn: Any, inputs: Any, message: str) -> None:
    with pytest.raises(GradcheckError, match=message):
        tg.gradcheck(fn, inputs)


def test_message_names_input_element_and_values() -> None:
    fn = with_rule(lambda x, y: x * y, lambda g, x, y: (g * y, g * x * 1.5))
    x, y = leaf(2), leaf(2, seed=1)
    with pytest.raises(GradcheckError) as caught:
        tg.gradcheck(fn, (x, y))
    text = str(caught.value)
    element = int(np.abs(x.detach().numpy()).argmax())
    assert f"d output 0[{element}] / d input 1[{element}]" in text
    assert f"{1.5 * x[element].item():.6g}" in text and f"{x[element].item():.6g}" in text


def test_large_problem_is_explained() -> None:
    """Past the sizes that are always checked whole, the random direction finds it."""
    fn = with_rule(square, lambda g, x: g * x)
    with pytest.raises(GradcheckError, match="a factor 2"):
        tg.gradcheck(fn, leaf(5, 20))
    with pytest.raises(GradcheckError, match="along a random direction"):
        tg.gradcheck(fn, leaf(50, 20))


def test_small_error_is_found() -> None:
    """A derivative wrong by 1e-4 fails nearly always, and a right one never does."""
    wrong = with_rule(square, lambda g, x: g * x * (2 + 2e-4))
    caught = 0
    for seed in range(50):
        x = leaf(4, 8, seed=seed)
        assert tg.gradcheck(tg.tanh, x, seed=seed)
        try:
            tg.gradcheck(wrong, x, seed=seed)
        except GradcheckError:
            caught += 1
    assert caught >= 48


def test_second_order() -> None:
    class Half(tg.autograd.Function):
        """First derivative right, second wrong: the factor is a constant to the graph."""

        def forward(self, x: Any) -> Any:
            self.save(2 * x)
            return x * x

        def backward(self, grad_output: Any) -> Any:
            (factor,) = self.saved
            return grad_output * factor

    x = leaf(3)
    assert tg.gradcheck(Half.apply, x)
    with pytest.raises(GradcheckError):
        tg.gradcheck(Half.apply, x, order=2)
    assert tg.gradcheck(lambda x: x**3, x, order=3)
    assert tg.gradgradcheck(tg.mul, (leaf(3, 1), leaf(4)))


def test_several_outputs_and_constants() -> None:
    index = tg.tensor([0, 2, 1])

    def fn(x: Any, factor: float, y: Any) -> Any:
        return x * factor, (y * y).sum(), index, x.detach()

    assert tg.gradcheck(fn, (leaf(2, 3), 2.5, leaf(3)))


@pytest.mark.parametrize("shape", [(), (0,), (1,), (2, 0, 3)])
def test_small_shapes(shape: tuple[int, ...]) -> None:
    assert tg.gradcheck(tg.exp, leaf(*shape), order=2)


def test_leaves_the_caller_alone() -> None:
    x = leaf(3)
    before = x.detach().numpy().copy()
    tg.gradcheck(tg.exp, x)
    assert x.grad is None
    np.testing.assert_array_equal(x.detach().numpy(), before)


def test_refuses_float32() -> None:
    x = tg.ones(2, requires_grad=True)
    with pytest.raises(TypeError, match="float64, got float32 for input 0"):
        tg.gradcheck(tg.exp, x)
