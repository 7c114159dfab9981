"""Dropout: in training, values drop out at random."""

from __future__ import annotations

from ..tensor import Tensor
from . import functional as F
from .module import Module


class Dropout(Module):
    """out = input * mask / (1 - p) in training, mask_i = 0 with probability p; out = input else.

    Args:
        p: the probability to drop a value, in [0, 1].
        inplace: overwrite the input.

    Reference:
        Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting",
        2014.

    Example:
        >>> tg.nn.Dropout(0.5).eval()(tg.ones(3)).tolist()
        [1.0, 1.0, 1.0]
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"Dropout: p must be a probability in [0, 1], got {p}")
        self.p = p
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"
