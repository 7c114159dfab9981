"""Stochastic gradient descent, with momentum, dampening, Nesterov's momentum and weight decay."""

from __future__ import annotations

from ..backends import backend
from ..tensor import Tensor
from .optimizer import Group, Optimizer, Params, check_not_negative


class SGD(Optimizer):
    """p = p - lr * d, where d is the gradient or, with momentum, a decaying sum of gradients.

    With g = grad + weight_decay * p (grad negated to maximise):
    b = momentum * b + (1 - dampening) * g, the first b being g;
    d = b, or g + momentum * b with Nesterov's momentum, or g without momentum.

    Args:
        params: Tensors, or dicts {"params": Tensors, ...} with settings of their own.
        lr: the step length, >= 0.
        momentum: how much of the last step is kept, >= 0.
        dampening: how much less the gradient counts in the sum.
        weight_decay: the factor of the L2 penalty, >= 0.
        nesterov: look ahead along the momentum; needs momentum > 0 and dampening = 0.
        maximize: ascend instead of descend.

    Raises:
        ValueError: a setting is out of range, or there is no parameter.
        TypeError: a parameter is not a Tensor.

    Reference:
        Sutskever, Martens, Dahl and Hinton, "On the importance of initialization and momentum in
        deep learning", ICML 2013, section 2.

    Example:
        >>> import tinygrad_edu as tg
        >>> w = tg.tensor([1.0, 2.0], requires_grad=True)
        >>> (w * w).backward(tg.ones(2))
        >>> tg.optim.SGD([w], lr=0.25).step()
        >>> w.tolist()
        [0.5, 1.0]
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def check_settings(self, group: Group) -> None:
        check_not_negative("SGD", group, "lr", "momentum", "weight_decay")
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ValueError(
                "SGD: nesterov needs momentum > 0 and dampening = 0, got "
                f"momentum {group['momentum']} and dampening {group['dampening']}"
            )

    def update(self, parameters: list[Tensor], group: Group) -> None:
        if group["momentum"] == 0:
            self._update(parameters, group, [], first=False)
            return
        known: list[Tensor] = []
        new: list[Tensor] = []
        for p in parameters:
            (new if self.state[p].get("momentum_buffer") is None else known).append(p)
        if known:
            self._update(known, group, ["momentum_buffer"], first=False)
        if new:
            for p in new:
                self.state[p]["momentum_buffer"] = self.new_state(p)
            self._update(new, group, ["momentum_buffer"], first=True)

    def _update(
        self, parameters: list[Tensor], group: Group, names: list[str], first: bool
    ) -> None:
        """One kernel call for parameters that all have, or all lack, a buffer with content."""
        params, grads, *buffers = self.gather(parameters, names)
        backend(params[0]).sgd_step(
            params,
            grads,
            buffers[0] if buffers else [],
            float(group["lr"]),
            group["momentum"],
            group["dampening"],
            group["weight_decay"],
            group["nesterov"],
            group["maximize"],
            first,
        )
        self.scatter(parameters, params)
