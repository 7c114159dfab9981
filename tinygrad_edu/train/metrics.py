"""Metrics: functions of a batch's outputs and targets whose mean over samples is the data set's."""

from __future__ import annotations

from collections.abc import Callable

from ..ops.creation import arange
from ..tensor import Tensor

Metric = Callable[[Tensor, Tensor], float]


def accuracy(logits: Tensor, targets: Tensor) -> float:
    """The share of samples whose largest logit is the target's: mean(argmax(logits) == targets).

    Args:
        logits: (N, C), or (N, C, ...) with targets (N, ...).
        targets: class indices (N,).

    Returns:
        A number in 0..1.

    Example:
        >>> import tinygrad_edu as tg
        >>> accuracy(tg.tensor([[1.0, 2.0], [3.0, 0.0]]), tg.tensor([1, 1]))
        0.5
    """
    check(logits, targets, "accuracy")
    return (logits.argmax(1) == targets).float().mean().item()


def top_k(k: int) -> Metric:
    """The metric: the share of samples whose target is among the k largest logits.

    A tie counts for the target.

    Example:
        >>> import tinygrad_edu as tg
        >>> top_k(2)(tg.tensor([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0]]), tg.tensor([1, 2]))
        0.5
    """
    if k < 1:
        raise ValueError(f"top_k: k must be at least 1, got {k}")

    def metric(logits: Tensor, targets: Tensor) -> float:
        check(logits, targets, "top_k")
        if logits.ndim != 2:
            raise ValueError(f"top_k: needs logits (N, C), got {tuple(logits.shape)}")
        samples, classes = logits.shape
        own = logits[arange(samples), targets].unsqueeze(1)  # (N, 1)
        not_larger = (logits <= own).sum(1)  # itself included; 0 where the logit is NaN
        return (not_larger > classes - k).float().mean().item()

    metric.__name__ = f"top_{k}"
    return metric


def check(logits: Tensor, targets: Tensor, name: str) -> None:
    """Raise unless there is one target for each row of logits."""
    if logits.ndim < 2 or logits.shape[:1] + logits.shape[2:] != targets.shape:
        raise ValueError(
            f"{name}: needs logits (N, C, ...) and targets (N, ...), "
            f"got {tuple(logits.shape)} and {tuple(targets.shape)}"
        )
