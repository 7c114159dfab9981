"""Functions of `torch.nn.functional`, under its names. Most are ops, handed on as they are."""

from __future__ import annotations

from ..ops import activations as ops
from ..ops.activations import (
    gelu as gelu,
    glu as glu,
    hardshrink as hardshrink,
    logsigmoid as logsigmoid,
    prelu as prelu,
    softplus as softplus,
    softshrink as softshrink,
    softsign as softsign,
    tanhshrink as tanhshrink,
)
from ..ops.batch_norm import batch_norm as batch_norm
from ..ops.conv import conv2d as conv2d
from ..ops.cross_entropy import cross_entropy as cross_entropy, nll_loss as nll_loss
from ..ops.dropout import dropout as dropout
from ..ops.elementwise import sigmoid as sigmoid, tanh as tanh
from ..ops.embedding import embedding as embedding
from ..ops.inplace import inplace as in_place
from ..ops.layer_norm import layer_norm as layer_norm
from ..ops.losses import (
    binary_cross_entropy as binary_cross_entropy,
    binary_cross_entropy_with_logits as binary_cross_entropy_with_logits,
    huber_loss as huber_loss,
    l1_loss as l1_loss,
    mse_loss as mse_loss,
    smooth_l1_loss as smooth_l1_loss,
)
from ..ops.matmul import linear as linear
from ..ops.pooling import avg_pool2d as avg_pool2d, max_pool2d as max_pool2d
from ..ops.shape import pad as pad
from ..ops.softmax import log_softmax as log_softmax, softmax as softmax, softmin as softmin
from ..tensor import Tensor


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    """A size given as one int for both directions, as a pair."""
    rows, columns = (value, value) if isinstance(value, int) else value
    return rows, columns


# Activations that PyTorch lets overwrite their input.

relu_ = in_place("relu", ops.relu)
leaky_relu_ = in_place("leaky_relu", ops.leaky_relu)
elu_ = in_place("elu", ops.elu)
selu_ = in_place("selu", ops.selu)
celu_ = in_place("celu", ops.celu)
silu_ = in_place("silu", ops.silu)
mish_ = in_place("mish", ops.mish)
hardtanh_ = in_place("hardtanh", ops.hardtanh)
relu6_ = in_place("relu6", ops.relu6)
hardswish_ = in_place("hardswish", ops.hardswish)
hardsigmoid_ = in_place("hardsigmoid", ops.hardsigmoid)
threshold_ = in_place("threshold", ops.threshold)


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0); see `ops.relu`."""
    return relu_(input) if inplace else ops.relu(input)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where x > 0, negative_slope * x elsewhere; see `ops.leaky_relu`."""
    return leaky_relu_(input, negative_slope) if inplace else ops.leaky_relu(input, negative_slope)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, alpha (exp(x) - 1) elsewhere; see `ops.elu`."""
    return elu_(input, alpha) if inplace else ops.elu(input, alpha)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """elu with the constants of self-normalising networks, scaled; see `ops.selu`."""
    return selu_(input) if inplace else ops.selu(input)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """max(x, 0) + min(alpha (exp(x / alpha) - 1), 0); see `ops.celu`."""
    return celu_(input, alpha) if inplace else ops.celu(input, alpha)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x * sigmoid(x); see `ops.silu`."""
    return silu_(input) if inplace else ops.silu(input)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x * tanh(softplus(x)); see `ops.mish`."""
    return mish_(input) if inplace else ops.mish(input)


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """x, kept within [min_val, max_val]; see `ops.hardtanh`."""
    return hardtanh_(input, min_val, max_val) if inplace else ops.hardtanh(input, min_val, max_val)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x, 0), 6); see `ops.relu6`."""
    return relu6_(input) if inplace else ops.relu6(input)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x * relu6(x + 3) / 6; see `ops.hardswish`."""
    return hardswish_(input) if inplace else ops.hardswish(input)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """relu6(x + 3) / 6; see `ops.hardsigmoid`."""
    return hardsigmoid_(input) if inplace else ops.hardsigmoid(input)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where x > threshold, value elsewhere; see `ops.threshold`."""
    return (threshold_ if inplace else ops.threshold)(input, threshold, value)
