"""Losses that compare element by element: compositions of elementwise ops and a reduction."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..autograd import Function, Tensor, wrap
from .activations import logsigmoid
from .checks import check_float, check_reduction, check_tensor
from .elementwise import sub
from .where import where


def _compared(op: str, input: Any, target: Any, reduction: Any, broadcast: bool) -> None:
    """Checks operands; where PyTorch broadcasts another shape, that is a warning."""
    check_float(op, check_tensor(op, input))
    check_tensor(op, target, "target")
    check_reduction(op, reduction)
    if input.array.shape == target.array.shape:
        return
    if not broadcast:
        raise ValueError(
            f"{op}: target must have input's shape {input.array.shape}, got {target.array.shape}"
        )
    try:
        np.broadcast_shapes(input.array.shape, target.array.shape)
    except ValueError:
        raise ValueError(
            f"{op}: input {input.array.shape} and target {target.array.shape} do not fit"
        ) from None
    warnings.warn(
        f"{op}: target has shape {target.array.shape} and input {input.array.shape}; they are "
        "broadcast against each other, which is rarely meant; give them one shape",
        UserWarning,
        stacklevel=3,
    )


def _reduced(losses: Any, reduction: str, weight: Any = None, by_weight: bool = False) -> Any:
    """The losses, weighted; their sum; or their mean, over the weights where by_weight."""
    if weight is not None:
        losses = losses * weight
    if reduction == "none":
        return losses
    if reduction == "sum":
        return losses.sum()
    if weight is not None and by_weight:
        return losses.sum() / weight.expand(losses.shape).sum()
    return losses.mean()


def mse_loss(
    input: Tensor, target: Tensor, *, reduction: str = "mean", weight: Tensor | None = None
) -> Any:
    """loss_i = (x_i - y_i)^2, and the mean of these.

    Args:
        input: float tensor x.
        target: tensor y of the same shape (another one broadcasts, with a warning).
        reduction: "mean", "sum" or "none".
        weight: factors for the losses; the mean then divides by their sum.

    Returns:
        Tensor of input's shape for "none", else 0-d.

    Raises:
        ValueError: shapes that do not broadcast; reduction unknown.
        TypeError: input is not a float tensor.

    Gradient: 2 (x - y) grad_output, divided by the number of elements for the mean.

    Reference: Legendre 1805, "Sur la Methode des moindres quarres".

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.nn.functional.mse_loss(tg.tensor([1.0, 2.0]), tg.tensor([1.0, 4.0]))
        tensor(2.)
    """
    _compared("mse_loss", input, target, reduction, broadcast=True)
    return _reduced(sub(input, target).square(), reduction, weight, by_weight=True)


def l1_loss(
    input: Tensor, target: Tensor, *, reduction: str = "mean", weight: Tensor | None = None
) -> Any:
    """loss_i = |x_i - y_i|, and the mean of these.

    Args:
        input: float tensor x.
        target: tensor y of the same shape (another one broadcasts, with a warning).
        reduction: "mean", "sum" or "none".
        weight: factors for the losses; the mean then divides by their sum.

    Returns:
        Tensor of input's shape for "none", else 0-d.

    Raises:
        ValueError: shapes that do not broadcast; reduction unknown.
        TypeError: input is not a float tensor.

    Gradient: sign(x - y) grad_output, 0 at x = y; divided by the number of elements for the mean.

    Reference: Laplace 1786, on the method of situation (least absolute deviations).

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.nn.functional.l1_loss(tg.tensor([1.0, 2.0]), tg.tensor([1.0, 4.0]))
        tensor(1.)
    """
    _compared("l1_loss", input, target, reduction, broadcast=True)
    return _reduced(sub(input, target).abs(), reduction, weight, by_weight=True)


def smooth_l1_loss(
    input: Tensor, target: Tensor, *, reduction: str = "mean", beta: float = 1.0
) -> Any:
    """loss_i = d^2 / (2 beta) where d < beta, else d - beta / 2, for d = |x_i - y_i|.

    Args:
        input: float tensor x.
        target: tensor y of the same shape (another one broadcasts, with a warning).
        reduction: "mean", "sum" or "none".
        beta: where the parabola ends, at least 0; 0 gives l1_loss.

    Returns:
        Tensor of input's shape for "none", else 0-d.

    Raises:
        ValueError: shapes that do not broadcast; beta negative; reduction unknown.
        TypeError: input is not a float tensor.

    Gradient: (x - y) / beta where d < beta, else sign(x - y), times grad_output.

    Reference: Girshick 2015, "Fast R-CNN", equation 3.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.nn.functional.smooth_l1_loss(tg.tensor([0.0, 0.0]), tg.tensor([1.0, 3.0]))
        tensor(1.5000)
    """
    _compared("smooth_l1_loss", input, target, reduction, broadcast=True)
    if not beta >= 0:
        raise ValueError(f"smooth_l1_loss: beta must not be negative, got {beta}")
    difference = sub(input, target)
    distance = difference.abs()
    if beta == 0:
        return _reduced(distance, reduction)
    parabola = difference.square() * (0.5 / beta)
    return _reduced(where(distance < beta, parabola, distance - 0.5 * beta), reduction)


def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Any:
    """loss_i = d^2 / 2 where d <= delta, else delta (d - delta / 2), for d = |x_i - y_i|.

    Args:
        input: float tensor x.
        target: tensor y of the same shape (another one broadcasts, with a warning).
        reduction: "mean", "sum" or "none".
        delta: where the parabola ends, above 0.
        weight: factors for the losses; the mean stays that over all elements.

    Returns:
        Tensor of input's shape for "none", else 0-d.

    Raises:
        ValueError: shapes that do not broadcast; delta not positive; reduction unknown.
        TypeError: input is not a float tensor.

    Gradient: x - y where d <= delta, else delta sign(x - y), times grad_output.

    Reference: Huber 1964, "Robust Estimation of a Location Parameter", section 3.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.nn.functional.huber_loss(tg.tensor([0.0, 0.0]), tg.tensor([1.0, 3.0]))
        tensor(1.5000)
    """
    _compared("huber_loss", input, target, reduction, broadcast=True)
    if not delta > 0:
        raise ValueError(f"huber_loss: delta must be positive, got {delta}")
    difference = sub(input, target)
    distance = difference.abs()
    parabola = difference.square() * 0.5
    losses = where(distance <= delta, parabola, (distance - 0.5 * delta) * delta)
    return _reduced(losses, reduction, weight)


class BinaryCrossEntropy(Function):
    """out = -y log x - (1 - y) log(1 - x), logarithms not below -100.

    grad_x = grad_output * (x - y) / max(x (1 - x), 1e-12), which is finite even at 0 and 1
    grad_y = grad_output * (log(1 - x) - log x)
    """

    def forward(self, x: Any, y: Any) -> Any:
        self.save(x, y)
        log_x, log_rest = _logs(wrap(x))
        return (-(wrap(y) * log_x) - (1 - wrap(y)) * log_rest).array

    def backward(self, grad_output: Any) -> Any:
        x, y = self.saved
        grad_x = grad_output * (x - y) / (x * (1 - x)).clamp(min=1e-12)
        if not self.needs_input_grad[1]:
            return grad_x
        log_x, log_rest = _logs(x)
        return grad_x, grad_output * (log_rest - log_x)


def _logs(x: Any) -> tuple[Any, Any]:
    """log x and log(1 - x), not below -100."""
    return x.log().clamp(min=-100), (-x).log1p().clamp(min=-100)


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str = "mean"
) -> Any:
    """loss_i = -y_i log x_i - (1 - y_i) log(1 - x_i), for probabilities x. Logarithms stop at -100.

    binary_cross_entropy_with_logits does the same for sigmoid(x), without loss of digits.

    Args:
        input: probabilities x in [0, 1], float.
        target: y of the same shape and dtype, usually in [0, 1].
        weight: factors that broadcast against the losses.
        reduction: "mean" (over all elements), "sum" or "none".

    Returns:
        Tensor of input's shape for "none", else 0-d.

    Raises:
        ValueError: target of another shape; input outside [0, 1]; reduction unknown.
        TypeError: input is not a float tensor.

    Gradient: (x - y) / max(x (1 - x), 1e-12) * weight * grad_output to x, (log(1 - x) - log x)
    likewise to y.

    Reference: Good 1952, "Rational Decisions", section 6.

    Example:
        >>> import tinygrad_edu as tg
        >>> x, y = tg.tensor([0.5, 1.0]), tg.tensor([1.0, 0.0])
        >>> tg.nn.functional.binary_cross_entropy(x, y, reduction="none")
        tensor([  0.6931, 100.0000])
    """
    op = "binary_cross_entropy"
    _compared(op, input, target, reduction, broadcast=False)
    check_float(op, target, "target")
    values = input.array
    if values.size and not (values.min() >= 0 and values.max() <= 1):
        raise ValueError(
            f"{op}: input must hold probabilities in [0, 1], got [{values.min()}, {values.max()}]; "
            "use binary_cross_entropy_with_logits for logits"
        )
    return _reduced(BinaryCrossEntropy.apply(input, target), reduction, weight)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Any:
    """loss_i = -p y_i log s_i - (1 - y_i) log(1 - s_i), s = sigmoid(x), p = pos_weight.

    Computed without overflow, as (1 - y) x - (1 + (p - 1) y) log s.

    Args:
        input: logits x, float.
        target: y of the same shape, usually in [0, 1].
        weight: factors that broadcast against the losses.
        reduction: "mean" (over all elements), "sum" or "none".
        pos_weight: factors of the positive part, broadcast against target: above 1 they raise
            recall.

    Returns:
        Tensor of input's shape for "none", else 0-d.

    Raises:
        ValueError: target of another shape; reduction unknown.
        TypeError: input is not a float tensor.

    Gradient: ((1 + (p - 1) y) s - p y) * weight * grad_output to x (sigmoid(x) - y without
    pos_weight).

    Reference: PyTorch, torch.nn.functional.binary_cross_entropy_with_logits.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.nn.functional.binary_cross_entropy_with_logits(tg.tensor([0.0]), tg.tensor([1.0]))
        tensor(0.6931)
    """
    op = "binary_cross_entropy_with_logits"
    _compared(op, input, target, reduction, broadcast=False)
    x: Any = input
    y: Any = target
    surprise = -logsigmoid(x)
    if pos_weight is not None:
        p: Any = check_tensor(op, pos_weight, "pos_weight")
        surprise = ((p - 1) * y + 1) * surprise
    return _reduced((1 - y) * x + surprise, reduction, weight)


__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "huber_loss",
    "l1_loss",
    "mse_loss",
    "smooth_l1_loss",
]
