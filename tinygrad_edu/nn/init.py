"""Initialisers: each fills a Tensor in place, without recording, and returns it.

With fan_in inputs and fan_out outputs of a layer, the variance of a signal stays about the same
from layer to layer if the weights' standard deviation is gain / sqrt(fan), gain making up for the
activation.
"""

from __future__ import annotations

import math

import numpy as np

from ..grad_mode import no_grad
from ..ops.convert import from_numpy
from ..ops.random import randn
from ..random import Generator
from ..tensor import Tensor


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The recommended gain for an activation: sqrt(2) for relu, 5/3 for tanh, 1 for linear layers.

    Args:
        nonlinearity: "linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu" or "selu".
        param: leaky_relu's negative slope (default 0.01).

    Returns:
        The gain, a float.

    Raises:
        ValueError: for an unknown activation or a slope that is no number.

    Example:
        >>> round(tg.nn.init.calculate_gain("leaky_relu", 0.2), 4)  # sqrt(2 / (1 + 0.2^2))
        1.3868
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ValueError(f"calculate_gain: negative_slope must be a number, got {param!r}")
        return math.sqrt(2.0 / (1.0 + slope**2))
    gains = {"tanh": 5.0 / 3.0, "relu": math.sqrt(2.0), "selu": 0.75}
    gains |= dict.fromkeys(("linear", "conv1d", "conv2d", "conv3d", "sigmoid"), 1.0)
    if nonlinearity not in gains:
        raise ValueError(f"calculate_gain: unsupported nonlinearity {nonlinearity!r}")
    return gains[nonlinearity]


@no_grad()
def uniform_(
    tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fills with values uniform in [a, b)."""
    return tensor.uniform_(a, b, generator=generator)


@no_grad()
def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fills with values from the normal distribution N(mean, std^2)."""
    return tensor.normal_(mean, std, generator=generator)


@no_grad()
def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fills with values from N(mean, std^2), conditioned on [a, b]: values outside are drawn again.

    Args:
        tensor: the Tensor to fill.
        mean: mean of the normal distribution.
        std: its standard deviation.
        a: lower bound.
        b: upper bound.
        generator: source of randomness (default: the global one).

    Returns:
        The Tensor.

    Raises:
        ValueError: where [a, b] has less than one chance in a million: drawing would not end.
    """
    tail = (
        math.erf((b - mean) / (std * math.sqrt(2))) - math.erf((a - mean) / (std * math.sqrt(2)))
    ) / 2
    if tail < 1e-6:
        raise ValueError(f"trunc_normal_: [{a}, {b}] is out of reach of N({mean}, {std}^2)")
    values = np.empty(tensor.shape, tensor.dtype)
    outside = np.ones(tensor.shape, bool)
    while (count := int(outside.sum())) > 0:
        drawn = randn(count, dtype=tensor.dtype, generator=generator).numpy()
        values[outside] = drawn * std + mean
        outside = (values < a) | (values > b)
    return tensor.copy_(from_numpy(values))


@no_grad()
def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fills with one value."""
    return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """Fills with 1."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Fills with 0."""
    return constant_(tensor, 0.0)


@no_grad()
def eye_(tensor: Tensor) -> Tensor:
    """Fills a matrix with the identity: 1 on the diagonal, 0 elsewhere."""
    if tensor.ndim != 2:
        raise ValueError(f"eye_: only matrices have a diagonal, got {tensor.shape}")
    return tensor.copy_(from_numpy(np.eye(*tensor.shape, dtype=tensor.dtype)))


def xavier_uniform_(
    tensor: Tensor, gain: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fills with values uniform in [-b, b], b = gain sqrt(6 / (fan_in + fan_out)).

    Reference:
        Glorot, Bengio, "Understanding the difficulty of training deep feedforward networks", 2010.
    """
    fan_in, fan_out = fans("xavier_uniform_", tensor)
    bound = gain * math.sqrt(6.0 / (fan_in + fan_out))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fills with values from N(0, std^2), std = gain sqrt(2 / (fan_in + fan_out)).

    Reference:
        Glorot, Bengio, "Understanding the difficulty of training deep feedforward networks", 2010.
    """
    fan_in, fan_out = fans("xavier_normal_", tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / (fan_in + fan_out)), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fills with values uniform in [-b, b], b = gain sqrt(3 / fan).

    Args:
        tensor: the Tensor to fill, (C_out, C_in, ...).
        a: leaky_relu's negative slope.
        mode: "fan_in" keeps the variance in the forward pass, "fan_out" in the backward pass.
        nonlinearity: the activation that follows; see `calculate_gain`.
        generator: source of randomness (default: the global one).

    Returns:
        The Tensor.

    Reference:
        He et al., "Delving deep into rectifiers", 2015, section 2.2.
    """
    std = _kaiming_std("kaiming_uniform_", tensor, a, mode, nonlinearity)
    bound = math.sqrt(3.0) * std  # the standard deviation of U(-b, b) is b / sqrt(3)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fills with values from N(0, std^2), std = gain / sqrt(fan); see `kaiming_uniform_`."""
    std = _kaiming_std("kaiming_normal_", tensor, a, mode, nonlinearity)
    return normal_(tensor, 0.0, std, generator)


def bias_uniform_(bias: Tensor | None, weight: Tensor) -> None:
    """Fills a layer's bias, if any, uniform in [-1/sqrt(fan_in), 1/sqrt(fan_in)]."""
    if bias is not None:
        fan_in, _ = fans("bias_uniform_", weight)
        bound = 1.0 / math.sqrt(fan_in) if fan_in > 0 else 0.0
        uniform_(bias, -bound, bound)


@no_grad()
def orthogonal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fills with gain * Q, the rows (or columns, if fewer) of the flattened matrix orthonormal.

    Q comes from the QR decomposition of a normal matrix, by NumPy (LAPACK); with R's diagonal made
    positive, Q is uniform over the orthogonal matrices.

    Args:
        tensor: the Tensor to fill; dimensions after the first count as one.
        gain: a factor.
        generator: source of randomness (default: the global one).

    Returns:
        The Tensor.

    Reference:
        Saxe, McClelland, Ganguli, "Exact solutions to the nonlinear dynamics of learning", 2013;
        Mezzadri, "How to generate random matrices from the classical compact groups", 2007.
    """
    if tensor.ndim < 2:
        raise ValueError(f"orthogonal_: at least 2 dimensions are needed, got {tensor.shape}")
    rows, columns = tensor.shape[0], math.prod(tensor.shape[1:])
    if rows == 0 or columns == 0:
        return tensor
    drawn = randn(rows, columns, dtype=tensor.dtype, generator=generator).numpy()
    q, r = np.linalg.qr(drawn.T if rows < columns else drawn)
    q *= np.where(np.diag(r) < 0, -1, 1).astype(q.dtype)
    q = np.ascontiguousarray(q.T if rows < columns else q).reshape(tensor.shape)
    return tensor.copy_(from_numpy(gain * q))


def fans(name: str, tensor: Tensor) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight (C_out, C_in, ...): how many weights each meets."""
    if tensor.ndim < 2:
        raise ValueError(
            f"{name}: fan in and fan out need at least 2 dimensions, got {tuple(tensor.shape)}"
        )
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _kaiming_std(name: str, tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    """gain / sqrt(fan)."""
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"{name}: mode must be 'fan_in' or 'fan_out', got {mode!r}")
    fan = fans(name, tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(max(fan, 1))
