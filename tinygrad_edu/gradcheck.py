"""Gradients against finite differences: the check without which no gradient here is believed.

For f: R^n -> R^m, a direction v and a cotangent u, the gradient under test claims that
u . (J v) = (u J) . v. The left side is a central difference of the scalar u . f along v, the right
side one backward pass; so one random v and one random u test all of J for two forward passes. A
wrong derivative slips through only when its error happens to be nearly orthogonal to both. Small
problems are also checked entry by entry, and that is how a failure is explained.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .gradients import grad
from .ops.convert import from_numpy
from .tensor import Tensor

_FULL = 256  # entries of the Jacobian up to which it is checked whole
_DIAGNOSED = 20_000  # entries up to which a failure is explained


class GradcheckError(AssertionError):
    """A gradient that finite differences do not confirm."""


def gradcheck(
    fn: Callable[..., Any],
    inputs: Tensor | Sequence[Any],
    *,
    eps: float = 1e-6,
    atol: float = 1e-6,
    rtol: float = 1e-6,
    order: int = 1,
    seed: int = 0,
) -> bool:
    """Checks fn's gradients: u . (f(x + eps v) - f(x - eps v)) / (2 eps) = (u J) . v.

    Args:
        fn: called as fn(*inputs); returns a Tensor or several. It must be deterministic.
        inputs: Tensors and plain arguments. Float64 Tensors that require a gradient are checked.
        eps: step of the central difference.
        atol: allowed absolute error.
        rtol: allowed error relative to the sizes of the gradients that enter.
        order: 2 checks the gradient's own gradient as well (`gradgradcheck`).
        seed: of the random direction and cotangent.

    Returns:
        True.

    Raises:
        GradcheckError: names input, element, analytic and numeric value and, where it can be told,
            the kind of mistake.
        TypeError: an input that requires a gradient is not float64.

    Reference:
        Griewank and Walther 2008, "Evaluating Derivatives", 2nd ed., section 3.2.

    Example:
        >>> import tinygrad_edu as tg
        >>> x = tg.tensor([0.5, -1.0], dtype=tg.float64, requires_grad=True)
        >>> tg.gradcheck(tg.tanh, x)
        True
    """
    arguments, checked = _inputs(inputs)
    problem = _Problem(fn, arguments, checked)
    rng = np.random.default_rng(seed)
    scalar = problem.project(rng)
    _check_direction(problem, scalar, rng, eps, atol, rtol)
    if problem.entries <= _FULL:
        _check_entries(problem, eps, atol, rtol)
    if order >= 2:
        gradgradcheck(fn, inputs, eps=eps, atol=atol, rtol=rtol, order=order - 1, seed=seed)
    return True


def gradgradcheck(
    fn: Callable[..., Any],
    inputs: Tensor | Sequence[Any],
    *,
    eps: float = 1e-6,
    atol: float = 1e-6,
    rtol: float = 1e-6,
    order: int = 1,
    seed: int = 0,
) -> bool:
    """Checks second derivatives: `gradcheck` of g(x, u) = u J(x), where u counts as an input.

    Args and Raises are those of `gradcheck`.

    Example:
        >>> import tinygrad_edu as tg
        >>> x = tg.tensor([0.5, -1.0], dtype=tg.float64, requires_grad=True)
        >>> tg.gradgradcheck(tg.tanh, x)
        True
    """
    arguments, checked = _inputs(inputs)
    rng = np.random.default_rng(seed + 1)
    cotangents = [
        from_numpy(np.asarray(rng.standard_normal(out.shape))).requires_grad_()
        for out in _outputs(fn, arguments)
        if out.requires_grad
    ]
    count = len(arguments)

    def first_gradient(*both: Any) -> tuple[Any, ...]:
        outs = [out for out in _outputs(fn, both[:count]) if out.requires_grad]
        wanted = [both[i] for i in checked]
        grads = grad(outs, wanted, both[count:], create_graph=True, allow_unused=True)
        return tuple(g for g in grads if g is not None)

    if not cotangents:
        return True
    together = [*arguments, *cotangents]
    return gradcheck(
        first_gradient, together, eps=eps, atol=atol, rtol=rtol, order=order, seed=seed
    )


def _inputs(inputs: Any) -> tuple[list[Any], list[int]]:
    """The arguments as a list, and the positions of those to check."""
    arguments = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    checked = [i for i, x in enumerate(arguments) if isinstance(x, Tensor) and x.requires_grad]
    for i in checked:
        if arguments[i].dtype != np.float64:
            raise TypeError(
                f"gradcheck: finite differences need float64, got {arguments[i].dtype} for "
                f"input {i}; create it with dtype=tg.float64"
            )
    return arguments, checked


def _outputs(fn: Callable[..., Any], arguments: Sequence[Any]) -> list[Any]:
    result = fn(*arguments)
    results = result if isinstance(result, (tuple, list)) else [result]
    return [out for out in results if isinstance(out, Tensor) and out.array.dtype.kind == "f"]


class _Problem:
    """f, its inputs as leaves of their own, and its Jacobian from both sides."""

    def __init__(self, fn: Callable[..., Any], arguments: list[Any], checked: list[int]):
        self.fn, self.arguments, self.checked = fn, list(arguments), checked
        for i in checked:  # detached: the caller's graph and gradients stay as they are
            self.arguments[i] = arguments[i].detach().requires_grad_()
        # Outputs that require no gradient, beside others that do, make no claim.
        outs = _outputs(fn, self.arguments)
        self.claims = [o for o, out in enumerate(outs) if out.requires_grad] or range(len(outs))
        self.outs = [outs[o] for o in self.claims]
        self.sizes = [self.arguments[i].array.size for i in checked]
        self.entries = sum(self.sizes) * sum(out.array.size for out in self.outs)

    def values(self, steps: Sequence[Any]) -> list[np.ndarray]:
        """f with the checked inputs moved by `steps`, one array or 0 each."""
        moved = list(self.arguments)
        for i, step in zip(self.checked, steps, strict=True):
            moved[i] = from_numpy(np.asarray(moved[i].array + step)).requires_grad_()
        outs = _outputs(self.fn, moved)
        return [np.array(outs[o].array) for o in self.claims]

    def project(self, rng: np.random.Generator) -> list[np.ndarray]:
        """A random cotangent; 0 for outputs that do not depend on the inputs."""
        return [
            np.asarray(rng.standard_normal(out.shape)) if out.requires_grad else np.zeros(out.shape)
            for out in self.outs
        ]

    def vjp(self, cotangents: Sequence[np.ndarray]) -> list[np.ndarray]:
        """u J, one array per checked input."""
        wanted = [self.arguments[i] for i in self.checked]
        pairs = [
            (out, from_numpy(np.array(u)))
            for out, u in zip(self.outs, cotangents, strict=True)
            if out.requires_grad
        ]
        if not pairs:
            return [np.zeros(x.shape) for x in wanted]
        outs, us = zip(*pairs, strict=True)
        grads = grad(outs, wanted, us, retain_graph=True, allow_unused=True)
        for i, x, g in zip(self.checked, wanted, grads, strict=True):
            if g is not None and g.shape != x.shape:
                raise GradcheckError(
                    f"gradcheck: the gradient of input {i} has shape {g.shape}, the input {x.shape}"
                )
        return [
            np.zeros(x.shape) if g is None else np.array(g.array)
            for g, x in zip(grads, wanted, strict=True)
        ]


def _check_direction(
    problem: _Problem,
    cotangents: list[np.ndarray],
    rng: np.random.Generator,
    eps: float,
    atol: float,
    rtol: float,
) -> None:
    direction = [
        np.asarray(rng.standard_normal(problem.arguments[i].shape)) for i in problem.checked
    ]
    plus = problem.values([eps * v for v in direction])
    minus = problem.values([-eps * v for v in direction])
    difference = [(p - m) / (2 * eps) for p, m in zip(plus, minus, strict=True)]
    gradients = problem.vjp(cotangents)
    numeric, size = _dot(cotangents, difference)
    analytic, other_size = _dot(gradients, direction)
    # Rounding of f itself, magnified by 1 / eps, is no fault of the gradient.
    noise = _dot(cotangents, plus)[1] * np.finfo(np.float64).eps / eps
    if abs(numeric - analytic) <= atol + rtol * max(size, other_size) + 4 * noise:
        return
    if problem.entries <= _DIAGNOSED:
        _check_entries(problem, eps, atol, rtol)
    raise GradcheckError(
        f"gradcheck: along a random direction the gradient gives {analytic:.9g}, "
        f"finite differences {numeric:.9g}"
    )


def _dot(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> tuple[float, float]:
    """The sum of products, and the sum of their sizes."""
    products = [x * y for x, y in zip(a, b, strict=True)]
    return float(sum(p.sum() for p in products)), float(sum(np.abs(p).sum() for p in products))


def _check_entries(problem: _Problem, eps: float, atol: float, rtol: float) -> None:
    """The whole Jacobian, entry by entry."""
    value = problem.values([0.0] * len(problem.checked))
    for j, i in enumerate(problem.checked):
        for o, out in enumerate(problem.outs):
            entry = _Entries(
                f"input {i}", f"output {problem.claims[o]}", problem.arguments[i].shape, out.shape
            )
            noise = 4 * np.abs(value[o]).max(initial=0.0) * np.finfo(np.float64).eps / eps
            entry.difference(problem, j, o, value[o].ravel(), eps)
            entry.differentiate(problem, j, o)
            entry.compare(atol + noise, rtol)


class _Entries:
    """One block of the Jacobian, d output / d input, from both sides: (output size, input size)."""

    def __init__(self, x: str, y: str, x_shape: tuple[int, ...], y_shape: tuple[int, ...]):
        self.x, self.y, self.x_shape, self.y_shape = x, y, x_shape, y_shape
        size = math.prod(y_shape), math.prod(x_shape)
        self.numeric, self.analytic = np.zeros(size), np.zeros(size)
        self.bend = np.zeros(size)  # difference of the two one-sided slopes: large at a kink

    def difference(self, problem: _Problem, j: int, o: int, value: np.ndarray, eps: float) -> None:
        """Column by column: one input element moved both ways."""
        steps: list[Any] = [0.0] * len(problem.checked)
        for column in range(self.numeric.shape[1]):
            step = np.zeros(self.numeric.shape[1])
            step[column] = eps
            steps[j] = step.reshape(self.x_shape)
            plus = problem.values(steps)[o].ravel()
            steps[j] = -steps[j]
            minus = problem.values(steps)[o].ravel()
            self.numeric[:, column] = (plus - minus) / (2 * eps)
            self.bend[:, column] = (plus - 2 * value + minus) / eps

    def differentiate(self, problem: _Problem, j: int, o: int) -> None:
        """Row by row: one backward pass from one output element."""
        if not problem.outs[o].requires_grad:
            return
        for row in range(self.analytic.shape[0]):
            cotangents = [np.zeros(out.shape) for out in problem.outs]
            cotangents[o].reshape(-1)[row] = 1.0
            self.analytic[row] = problem.vjp(cotangents)[j].ravel()

    def compare(self, atol: float, rtol: float) -> None:
        numeric, analytic = self.numeric, self.analytic
        error = np.abs(numeric - analytic)
        wrong = ~(error <= atol + rtol * np.maximum(np.abs(numeric), np.abs(analytic)))
        if not wrong.any():
            return
        worst = int(np.where(wrong, np.nan_to_num(error, nan=np.inf), -1.0).argmax())
        row, column = np.unravel_index(worst, error.shape)
        element = [int(k) for k in np.unravel_index(column, self.x_shape)]
        at = [int(k) for k in np.unravel_index(row, self.y_shape)]
        cause = self.cause(wrong)
        raise GradcheckError(
            f"gradcheck: d {self.y}{at} / d {self.x}{element}: the gradient says "
            f"{analytic[row, column]:.9g}, finite differences {numeric[row, column]:.9g} "
            f"({int(wrong.sum())} of {wrong.size} entries are wrong)"
            + (f"; {cause}" if cause else "")
        )

    def cause(self, wrong: np.ndarray) -> str:
        """What kind of mistake the block looks like, or ""."""
        numeric, analytic = self.numeric, self.analytic
        if np.isnan(analytic).any():
            return "the gradient is NaN: look for 0 * inf"
        if np.abs(self.bend[wrong]).min() > 0.1 * np.abs(numeric - analytic)[wrong].min():
            return "the function has a kink here: check away from it, and test the kink itself"
        if not analytic.any():
            return "no gradient arrives: a path is cut by detach, or a rule returns None"
        if _agree(analytic, -numeric):
            return "the sign is wrong"
        return self.factor(wrong) or self.transposition() or self.spread()

    def factor(self, wrong: np.ndarray) -> str:
        """All wrong entries off by the same factor."""
        share = wrong & (np.abs(self.numeric) > 1e-3)
        ratio = self.analytic[share] / self.numeric[share]
        factor = float(np.median(ratio)) if ratio.size else 0.0
        if abs(factor) < 1e-6 or not np.allclose(ratio, factor, rtol=1e-3):
            return ""
        whole = round(1 / factor)
        if abs(factor) < 1 and abs(factor * whole - 1) < 1e-3:
            return f"a factor {whole} is missing (or one of {whole} uses is counted)"
        return f"the gradient is {factor:.4g} times too large"

    def transposition(self) -> str:
        """Square matrices transposed, in the input's gradient or in the use of grad_output."""
        for shape, axis, what in (
            ((*self.y_shape, -1), -2, "reads grad_output transposed"),
            ((-1, *self.x_shape), -1, "is transposed"),
        ):
            square = self.y_shape if shape[-1] == -1 else self.x_shape
            if len(square) >= 2 and square[-1] == square[-2]:
                turned = self.analytic.reshape(shape).swapaxes(axis, axis - 1)
                if _agree(turned.reshape(self.analytic.shape), self.numeric):
                    return f"the gradient {what} (in the last two dims)"
        return ""

    def spread(self) -> str:
        """Every input element got the mean or the sum of what the elements should get."""
        if self.numeric.shape[1] < 2:
            return ""
        if _agree(self.analytic, self.numeric.mean(1, keepdims=True)):
            return "every element gets their mean: a gradient is averaged that should not be"
        if _agree(self.analytic, self.numeric.sum(1, keepdims=True)):
            return "every element gets their sum: a gradient is summed that was not broadcast"
        return ""


def _agree(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.allclose(a, b, rtol=1e-4, atol=1e-5))
