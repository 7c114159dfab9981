"""Learning-rate schedules: each is one formula for the rate after t calls of `step`, applied to all
groups.

The formulas are closed: they start from each group's `initial_lr` and need nothing from the step
before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from .optimizer import Optimizer


class LRScheduler:
    """The base: counts steps in `last_epoch` and sets each group's "lr" to `rate(initial_lr,
    last_epoch)`.

    Args:
        optimizer: whose rates are set.
        last_epoch: steps already made, less one; -1 to begin (then each group's "initial_lr" is its
            present "lr").

    Raises:
        TypeError: `optimizer` is not an Optimizer.
        ValueError: last_epoch > -1 and a group has no "initial_lr".
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(
                f"{type(self).__name__}: needs an Optimizer, got {type(optimizer).__name__}"
            )
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise ValueError(
                    f"{type(self).__name__}: group {i} has no 'initial_lr' to resume from"
                )
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self.step()

    def rate(self, base_lr: float, group: int) -> float:
        """The rate of group number `group` after `self.last_epoch` steps."""
        raise NotImplementedError

    def step(self) -> None:
        """Moves one step on; call it after `optimizer.step()`."""
        self.last_epoch += 1
        for i, (group, base_lr) in enumerate(
            zip(self.optimizer.param_groups, self.base_lrs, strict=True)
        ):
            group["lr"] = self.rate(base_lr, i)

    def get_last_lr(self) -> list[float]:
        """The rate of each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser and functions."""
        return {k: v for k, v in vars(self).items() if k not in ("optimizer", "lr_lambdas")}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continues from what `state_dict` returned; load the optimiser's state as well."""
        vars(self).update(state_dict)


class LambdaLR(LRScheduler):
    """lr = initial_lr * lr_lambda(t).

    Args:
        optimizer: whose rates are set.
        lr_lambda: a function of the step count, or one for each group.
        last_epoch: see LRScheduler.

    Example:
        >>> import tinygrad_edu as tg
        >>> optimizer = tg.optim.SGD([tg.zeros(1, requires_grad=True)], lr=0.5)
        >>> scheduler = tg.optim.lr_scheduler.LambdaLR(optimizer, lambda t: 1 / (1 + t))
        >>> scheduler.step()
        >>> scheduler.get_last_lr()
        [0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        groups = len(optimizer.param_groups)
        self.lr_lambdas = [lr_lambda] * groups if callable(lr_lambda) else list(lr_lambda)
        if len(self.lr_lambdas) != groups:
            raise ValueError(f"LambdaLR: expects {groups} functions, got {len(self.lr_lambdas)}")
        super().__init__(optimizer, last_epoch)

    def rate(self, base_lr: float, group: int) -> float:
        return base_lr * self.lr_lambdas[group](self.last_epoch)


class StepLR(LRScheduler):
    """lr = initial_lr * gamma^floor(t / step_size).

    Args:
        optimizer: whose rates are set.
        step_size: steps between two reductions, >= 1.
        gamma: the factor of a reduction.
        last_epoch: see LRScheduler.
    """

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        if step_size < 1:
            raise ValueError(f"StepLR: step_size must be >= 1, got {step_size}")
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, base_lr: float, group: int) -> float:
        return float(base_lr * self.gamma ** (self.last_epoch // self.step_size))


class CosineAnnealingLR(LRScheduler):
    """lr = eta_min + (initial_lr - eta_min) * (1 + cos(pi * t / T_max)) / 2.

    Args:
        optimizer: whose rates are set.
        T_max: steps from the highest rate to the lowest, >= 1.
        eta_min: the lowest rate.
        last_epoch: see LRScheduler.

    Reference:
        Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017,
        equation 5.
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        if T_max < 1:
            raise ValueError(f"CosineAnnealingLR: T_max must be >= 1, got {T_max}")
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def rate(self, base_lr: float, group: int) -> float:
        return _cosine(base_lr, self.eta_min, self.last_epoch / self.T_max)


class OneCycleLR(LRScheduler):
    """Up from max_lr / div_factor to max_lr, then down to max_lr / div_factor / final_div_factor,
    along cosines.

    Args:
        optimizer: whose rates are set.
        max_lr: the highest rate, or one for each group.
        total_steps: length of the cycle.
        pct_start: the share of it that goes up, in [0, 1].
        div_factor: max_lr over the first rate.
        final_div_factor: the first rate over the last.
        last_epoch: see LRScheduler.

    Raises:
        ValueError: a setting is out of range, or `step` was called more than total_steps times.

    Reference:
        Smith and Topin, "Super-convergence: very fast training of neural networks using large
        learning rates", 2019.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int,
        pct_start: float = 0.3,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        last_epoch: int = -1,
    ) -> None:
        groups = len(optimizer.param_groups)
        self.max_lrs = [max_lr] * groups if isinstance(max_lr, int | float) else list(max_lr)
        if len(self.max_lrs) != groups:
            raise ValueError(
                f"OneCycleLR: expects {groups} values of max_lr, got {len(self.max_lrs)}"
            )
        if total_steps < 1 or not 0 <= pct_start <= 1:
            raise ValueError(
                "OneCycleLR: needs total_steps >= 1 and pct_start in [0, 1], "
                f"got {total_steps} and {pct_start}"
            )
        self.total_steps, self.pct_start = total_steps, pct_start
        self.div_factor, self.final_div_factor = div_factor, final_div_factor
        super().__init__(optimizer, last_epoch)

    def rate(self, base_lr: float, group: int) -> float:
        if self.last_epoch > self.total_steps:  # one rate past the last step is computed, not used
            raise ValueError(
                f"OneCycleLR: step was called more than total_steps = {self.total_steps} times"
            )
        top = self.max_lrs[group]
        first = top / self.div_factor
        turn = self.pct_start * self.total_steps - 1
        if self.last_epoch <= turn:
            return _cosine(first, top, self.last_epoch / turn if turn > 0 else 1.0)
        down = (self.last_epoch - turn) / ((self.total_steps - 1 - turn) or 1)
        return _cosine(top, first / self.final_div_factor, down)


def _cosine(start: float, end: float, share: float) -> float:
    """From start to end along half a cosine wave, `share` of the way."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
