"""Losses as modules: each holds the options of the `functional` function of that name."""

from __future__ import annotations

from ..tensor import Tensor
from . import functional as F
from .module import Module


class Loss(Module):
    """Base of the losses: checks and holds `reduction`.

    Args:
        reduction: "mean", "sum" or "none".
    """

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(
                f"{type(self).__name__}: reduction must be 'mean', 'sum' or 'none', "
                f"got {reduction!r}"
            )
        self.reduction = reduction


class WeightedLoss(Loss):
    """A loss with an optional constant weight, a buffer, so that it moves with the module."""

    weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)


class MSELoss(Loss):
    """mean((input - target)^2).

    Args:
        reduction: "mean", "sum" or "none".

    Example:
        >>> tg.nn.MSELoss()(tg.tensor([1.0, 2.0]), tg.tensor([1.0, 4.0])).item()
        2.0
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(input, target, reduction=self.reduction)


class L1Loss(Loss):
    """mean(|input - target|).

    Args:
        reduction: "mean", "sum" or "none".

    Example:
        >>> tg.nn.L1Loss()(tg.tensor([1.0, 2.0]), tg.tensor([1.0, 4.0])).item()
        1.0
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.l1_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(Loss):
    """mean of d^2 / (2 beta) where d = |input - target| < beta, of d - beta / 2 elsewhere.

    Args:
        reduction: "mean", "sum" or "none".
        beta: where the parabola meets the line; 0 gives L1Loss.

    Example:
        >>> tg.nn.SmoothL1Loss()(tg.tensor([1.0, 2.0]), tg.tensor([1.0, 4.0])).item()
        0.75
    """

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(Loss):
    """mean of d^2 / 2 where d = |input - target| < delta, of delta (d - delta / 2) elsewhere.

    Args:
        reduction: "mean", "sum" or "none".
        delta: where the parabola meets the line.

    Example:
        >>> tg.nn.HuberLoss()(tg.tensor([1.0, 2.0]), tg.tensor([1.0, 4.0])).item()
        0.75
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class CrossEntropyLoss(WeightedLoss):
    """mean of -log softmax(input)[target], the classes in dimension 1.

    Args:
        weight: (C,), a weight for each class.
        ignore_index: a target that counts for nothing.
        reduction: "mean", "sum" or "none".
        label_smoothing: share of the target spread evenly over all classes, in [0, 1].

    Example:
        >>> loss = tg.nn.CrossEntropyLoss()
        >>> round(loss(tg.zeros(1, 4), tg.tensor([2])).item(), 4)  # log 4
        1.3863
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class NLLLoss(WeightedLoss):
    """mean of -input[target], the input being log-probabilities, the classes in dimension 1.

    Args:
        weight: (C,), a weight for each class.
        ignore_index: a target that counts for nothing.
        reduction: "mean", "sum" or "none".

    Example:
        >>> tg.nn.NLLLoss()(tg.tensor([[-0.5, -2.0]]), tg.tensor([1])).item()
        2.0
    """

    def __init__(
        self, weight: Tensor | None = None, ignore_index: int = -100, reduction: str = "mean"
    ) -> None:
        super().__init__(weight, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.nll_loss(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )


class BCELoss(WeightedLoss):
    """mean of -(target log input + (1 - target) log(1 - input)), the input in [0, 1].

    Each logarithm is kept above -100, so that the loss stays finite.

    Args:
        weight: a factor for each value, broadcast against the input.
        reduction: "mean", "sum" or "none".

    Example:
        >>> round(tg.nn.BCELoss()(tg.tensor([0.5]), tg.tensor([1.0])).item(), 4)  # log 2
        0.6931
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy(input, target, weight=self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(WeightedLoss):
    """BCELoss of sigmoid(input), computed without overflow.

    Args:
        weight: a factor for each value, broadcast against the input.
        reduction: "mean", "sum" or "none".
        pos_weight: a factor for the positive part of each class.

    Example:
        >>> round(tg.nn.BCEWithLogitsLoss()(tg.tensor([0.0]), tg.tensor([1.0])).item(), 4)  # log 2
        0.6931
    """

    pos_weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(weight, reduction)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            input,
            target,
            weight=self.weight,
            reduction=self.reduction,
            pos_weight=self.pos_weight,
        )
