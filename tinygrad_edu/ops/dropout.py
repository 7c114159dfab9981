"""dropout. Kernel: csrc/dropout.cpp; the mask: csrc/random.cpp."""

from __future__ import annotations

from typing import Any

from ..autograd import Function, Tensor
from ..backends import backend
from .checks import check_float, check_tensor
from .draws import random_mask


class Dropout(Function):
    """out = x * mask / (1 - p).   grad_x = grad_output * mask / (1 - p)."""

    def forward(self, x: Any, mask: Any, scale: float) -> Any:
        b = backend(x)
        out = b.empty_like(x)
        b.dropout(x, mask, out, scale)
        self.save(mask)
        self.scale = scale
        return out

    def backward(self, grad_output: Any) -> Any:
        (mask,) = self.saved
        return Dropout.apply(grad_output, mask, self.scale)


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """out = input * mask / (1 - p), each mask_i 0 with probability p; input itself unless training.

    The mask depends on the seed and on how many numbers were drawn before, not on threads or memory
    order.

    Args:
        input: float tensor of any shape.
        p: the probability to drop a value, in [0, 1].
        training: whether anything is dropped.
        inplace: write the result over input.

    Returns:
        Tensor of input's shape and dtype; input itself where nothing is dropped.

    Raises:
        ValueError: p outside [0, 1].
        TypeError: input is not a float tensor.

    Gradient: grad_output * mask / (1 - p); keeps the mask, one byte an element.

    Reference: Srivastava et al. 2014, "Dropout: A Simple Way to Prevent Neural Networks from
    Overfitting", section 4.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.nn.functional.dropout(tg.ones(3), p=0.5, training=False)
        tensor([1., 1., 1.])
    """
    check_float("dropout", check_tensor("dropout", input))
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout: p must lie in [0, 1], got {p}")
    if not training or p == 0.0:
        return input
    mask = random_mask(backend(input.array), input.array.shape, 1.0 - p)
    out = Dropout.apply(input, mask, 1.0 / (1.0 - p) if p < 1.0 else 0.0)
    return input.copy_(out) if inplace else out


__all__ = ["dropout"]
