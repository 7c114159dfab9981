"""Functions of `torch.nn.functional`, under its names. Most are ops, handed on as they are."""

from __future__ import annotations

from ..ops import activations as ops
from ..ops.activations import gelu as gelu
from ..ops.activations import glu as glu
from ..ops.activations import logsigmoid as logsigmoid
from ..ops.activations import softplus as softplus
from ..ops.activations import softsign as softsign
from ..ops.activations import threshold as threshold
from ..ops.elementwise import sigmoid as sigmoid
from ..ops.elementwise import tanh as tanh
from ..tensor import Tensor


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    """A size given as one int for both directions, as a pair."""
    rows, columns = (value, value) if isinstance(value, int) else value
    return rows, columns


# Activations that PyTorch lets overwrite their input.


def _given(input: Tensor, out: Tensor, inplace: bool) -> Tensor:
    """The output, written over the input if wished; the graph knows of the write."""
    return input.copy_(out) if inplace else out


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0); see `ops.relu`."""
    return _given(input, ops.relu(input), inplace)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where x > 0, negative_slope * x elsewhere; see `ops.leaky_relu`."""
    return _given(input, ops.leaky_relu(input, negative_slope), inplace)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, alpha (exp(x) - 1) elsewhere; see `ops.elu`."""
    return _given(input, ops.elu(input, alpha), inplace)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """elu with the constants of self-normalising networks, scaled; see `ops.selu`."""
    return _given(input, ops.selu(input), inplace)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """max(x, 0) + min(alpha (exp(x / alpha) - 1), 0); see `ops.celu`."""
    return _given(input, ops.celu(input, alpha), inplace)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x * sigmoid(x); see `ops.silu`."""
    return _given(input, ops.silu(input), inplace)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x * tanh(softplus(x)); see `ops.mish`."""
    return _given(input, ops.mish(input), inplace)


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """x, kept within [min_val, max_val]; see `ops.hardtanh`."""
    return _given(input, ops.hardtanh(input, min_val, max_val), inplace)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x, 0), 6); see `ops.relu6`."""
    return _given(input, ops.relu6(input), inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x * relu6(x + 3) / 6; see `ops.hardswish`."""
    return _given(input, ops.hardswish(input), inplace)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """relu6(x + 3) / 6; see `ops.hardsigmoid`."""
    return _given(input, ops.hardsigmoid(input), inplace)
