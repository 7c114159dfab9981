"""The gradient of a fused backward kernel.

A fused kernel computes a gradient in one sweep, from values that the forward pass kept. To be
differentiated itself, its rule states the same mathematics once more as a formula of ordinary ops,
and `formula_gradient` differentiates that. So every order is there, and only those who ask for
second derivatives pay for them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..autograd import Tensor
from ..grad_mode import enable_grad, is_grad_enabled
from ..gradients import grad
from .broadcast import Expand
from .convert import detach, make_leaf


def formula_gradient(
    formula: Callable[..., tuple[Any, ...]],
    inputs: Sequence[Tensor | None],
    grad_outputs: Sequence[Tensor | None],
) -> tuple[Tensor | None, ...]:
    """The gradient with respect to each input of formula(*inputs), None for inputs that need none.

    Args:
        formula: Tensors to a tuple of Tensors.
        inputs: as a Function reads them from `saved`; None where an optional one was left out.
        grad_outputs: one for each value of the formula, or None where no gradient arrived.
    """
    recorded = is_grad_enabled()
    # Stand-ins, so that the walk stops here even where one input was computed from another.
    stand_ins = [x if x is None or x.node is None else _stand_in(x, recorded) for x in inputs]
    wanted = [x for x in stand_ins if x is not None and x.node is not None]
    with enable_grad():
        results = formula(*stand_ins)
    pairs = [
        (result, gradient)
        for result, gradient in zip(results, grad_outputs, strict=True)
        if gradient is not None and result is not None and result.node is not None
    ]
    if not wanted or not pairs:
        return (None,) * len(inputs)
    outputs, gradients = zip(*pairs, strict=True)
    found = iter(grad(outputs, wanted, gradients, create_graph=recorded, allow_unused=True))
    return tuple(next(found) if x is not None and x.node is not None else None for x in stand_ins)


def _stand_in(x: Tensor, recorded: bool) -> Any:
    """x as a new node: on x's graph where the gradient is recorded, else a leaf."""
    with enable_grad():
        return Expand.apply(x, x.array.shape) if recorded else make_leaf(detach(x))
