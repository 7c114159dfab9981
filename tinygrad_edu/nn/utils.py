"""Gradient clipping, and all parameters as one vector."""

from __future__ import annotations

import math
from collections.abc import Iterable

from ..grad_mode import no_grad
from ..ops.convert import tensor
from ..ops.shape import cat, stack
from ..tensor import Tensor


def _listed(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    """One Tensor or many, as a list."""
    return [parameters] if isinstance(parameters, Tensor) else list(parameters)


@no_grad()
def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> Tensor:
    """Scales all gradients by min(1, max_norm / (norm + 1e-6)), norm taken over all together.

    Args:
        parameters: Tensors whose `.grad` is scaled in place; those without one are passed over.
        max_norm: the largest norm to leave alone.
        norm_type: p of the p-norm; `math.inf` for the largest absolute value.
        error_if_nonfinite: raise if the norm is NaN or infinite.

    Returns:
        The norm before clipping, a 0-d Tensor.

    Raises:
        RuntimeError: for a norm that is not finite, if asked for.

    Reference:
        Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks", 2013.

    Example:
        >>> w = tg.tensor([0.0, 0.0], requires_grad=True)
        >>> (w * tg.tensor([3.0, 4.0])).sum().backward()
        >>> tg.nn.utils.clip_grad_norm_(w, max_norm=1.0).item()
        5.0
    """
    gradients = [p.grad for p in _listed(parameters) if p.grad is not None]
    if not gradients:
        return tensor(0.0)
    p = float(norm_type)
    if p == math.inf:
        norm = stack([gradient.abs().amax() for gradient in gradients]).amax()
    else:
        norm = sum((g.abs() ** p).sum() for g in gradients) ** (1.0 / p)
    if error_if_nonfinite and not math.isfinite(norm.item()):
        raise RuntimeError(
            f"clip_grad_norm_: the norm of order {p} must be finite, got {norm.item()}"
        )
    factor = (max_norm / (norm + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(factor.to(gradient.dtype))
    return norm


@no_grad()
def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Clamps every gradient to [-clip_value, clip_value], in place."""
    for parameter in _listed(parameters):
        if parameter.grad is not None:
            parameter.grad.clamp_(-clip_value, clip_value)


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All values, one parameter after the other, as one 1-d Tensor; gradients flow back."""
    return cat([parameter.reshape(-1) for parameter in parameters])


@no_grad()
def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Copies the values of a 1-d Tensor into parameters: undoes `parameters_to_vector`.

    Raises:
        TypeError: if `vec` is no Tensor.
        ValueError: if its size is not that of all parameters together.
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"vector_to_parameters: expected a Tensor, got {type(vec).__name__}")
    parameters = list(parameters)
    wanted = sum(parameter.numel() for parameter in parameters)
    if vec.shape != (wanted,):
        raise ValueError(f"vector_to_parameters: expected shape ({wanted},), got {vec.shape}")
    start = 0
    for parameter in parameters:
        end = start + parameter.numel()
        parameter.copy_(vec[start:end].reshape(parameter.shape))
        start = end
