"""Adam and AdamW: steps scaled by running averages of the gradient and of its square."""

from __future__ import annotations

from ..backends import backend
from ..tensor import Tensor
from .optimizer import Group, Optimizer, Params, check_not_negative


class Adam(Optimizer):
    """p = p - lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps).

    At step t, with g = grad + weight_decay * p (grad negated to maximise):
    m = beta1 * m + (1 - beta1) * g and v = beta2 * v + (1 - beta2) * g^2 estimate the gradient's
    mean and mean square (exp_avg and exp_avg_sq in the state); the powers of the betas undo their
    start at zero.

    Args:
        params: Tensors, or dicts {"params": Tensors, ...} with settings of their own.
        lr: about the length of a step in each coordinate, >= 0.
        betas: (beta1, beta2), how slowly m and v forget, in [0, 1).
        eps: keeps the quotient finite, >= 0.
        weight_decay: the factor of the L2 penalty, >= 0.
        amsgrad: divide by the largest v so far (max_exp_avg_sq in the state).
        maximize: ascend instead of descend.

    Raises:
        ValueError: a setting is out of range, or there is no parameter.
        TypeError: a parameter is not a Tensor.

    Reference:
        Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1;
        AMSGrad: Reddi, Kale and Kumar, "On the convergence of Adam and beyond", ICLR 2018.

    Example:
        >>> import tinygrad_edu as tg
        >>> w = tg.tensor([1.0, -2.0], requires_grad=True)
        >>> (w * w).backward(tg.ones(2))
        >>> tg.optim.Adam([w], lr=0.5).step()
        >>> w.tolist()
        [0.5, -1.5]
    """

    _decoupled = False  # whether weight decay bypasses the averages

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def check_settings(self, group: Group) -> None:
        check_not_negative(self._name, group, "lr", "eps", "weight_decay")
        betas = group["betas"]
        if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"{self._name}: betas must be two numbers in [0, 1), got {betas}")

    def update(self, parameters: list[Tensor], group: Group) -> None:
        names = ["exp_avg", "exp_avg_sq"] + ["max_exp_avg_sq"] * bool(group["amsgrad"])
        for p in parameters:
            state = self.state[p]
            for name in names:
                if name not in state:
                    state[name] = self.new_state(p)
            if "step" not in state:
                state["step"] = self.new_step(p)
        params, grads, exp_avgs, exp_avg_sqs, *largest = self.gather(parameters, names)
        steps = [self.state[p]["step"].array for p in parameters]
        if any(step.size != 1 for step in steps):
            raise ValueError(f"{self._name}: the step of a state must have one element")
        beta1, beta2 = group["betas"]
        backend(params[0]).adam_step(
            params,
            grads,
            exp_avgs,
            exp_avg_sqs,
            largest[0] if largest else [],
            steps,
            float(group["lr"]),
            beta1,
            beta2,
            group["eps"],
            group["weight_decay"],
            self._decoupled,
            group["maximize"],
        )
        self.scatter(parameters, params)


class AdamW(Adam):
    """Adam whose weight decay is p = p - lr * weight_decay * p, apart from the averages.

    An L2 penalty in Adam is divided by sqrt(v) like any gradient, so it hardly holds weights whose
    gradients are large. Here every weight shrinks at the same rate.

    Args:
        params, lr, betas, eps, amsgrad, maximize: as Adam's.
        weight_decay: the rate of shrinking, >= 0.

    Reference:
        Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019, algorithm 2.

    Example:
        >>> import tinygrad_edu as tg
        >>> w = tg.tensor([1.0], requires_grad=True)
        >>> (w * 0).backward()
        >>> tg.optim.AdamW([w], lr=0.5, weight_decay=0.5).step()
        >>> w.tolist()
        [0.75]
    """

    _decoupled = True

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)
