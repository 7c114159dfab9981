"""Normalisation layers: LayerNorm over each sample's features, BatchNorm over the batch."""

from __future__ import annotations

from typing import Any

from ..grad_mode import no_grad
from ..ops.convert import tensor
from ..ops.creation import ones, zeros
from ..tensor import Tensor
from . import functional as F, init
from .module import Module
from .parameter import Parameter, empty_parameter


class LayerNorm(Module):
    """out = (input - mean) / sqrt(var + eps) * weight + bias, over the last dimensions.

    Mean and (biased) variance are taken over the dimensions that normalized_shape names.

    Args:
        normalized_shape: the sizes of the last dimensions to normalise over, or one int.
        eps: added to the variance.
        elementwise_affine: whether to scale and shift by learned weight and bias.
        bias: whether to shift (only with elementwise_affine).
        device: where the parameters live.
        dtype: their floating-point dtype.

    Attributes:
        weight: normalized_shape, starts at 1; or None.
        bias: normalized_shape, starts at 0; or None.

    Reference:
        Ba, Kiros, Hinton, "Layer normalization", 2016.

    Example:
        >>> tg.nn.LayerNorm(2, elementwise_affine=False, eps=0.0)(tg.tensor([[1.0, 3.0]])).tolist()
        [[-1.0, 1.0]]
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if isinstance(normalized_shape, int):
            normalized_shape = (normalized_shape,)
        self.normalized_shape = tuple(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        for name, wanted in (("weight", elementwise_affine), ("bias", elementwise_affine and bias)):
            parameter = empty_parameter(*self.normalized_shape, device=device, dtype=dtype)
            self.register_parameter(name, parameter if wanted else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Sets weight to 1 and bias to 0."""
        _reset_affine(self)

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


class BatchNorm(Module):
    """What BatchNorm1d and BatchNorm2d share: all but the shape they accept.

    out = (input - mean) / sqrt(var + eps) * weight + bias, per channel (dimension 1).

    In training, mean and (biased) variance are the batch's, and the running ones follow:
    running = (1 - momentum) * running + momentum * batch, there with the unbiased variance.
    In evaluation the running ones are used.

    Args:
        num_features: number of channels, C.
        eps: added to the variance.
        momentum: weight of the new batch in the running statistics; None: mean over all batches.
        affine: whether to scale and shift by learned weight and bias.
        track_running_stats: keep running statistics; without them the batch's are always used.
        device: where parameters and buffers live.
        dtype: their floating-point dtype.
        bias: whether to shift (only with affine).

    Attributes:
        weight, bias: (C,), start at 1 and 0.
        running_mean, running_var: (C,), buffers.
        num_batches_tracked: int64, 0-d, buffer.

    Reference:
        Ioffe, Szegedy, "Batch normalization", 2015.
    """

    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            parameter = empty_parameter(num_features, device=device, dtype=dtype)
            self.register_parameter(name, parameter if wanted else None)
        if track_running_stats:
            self.register_buffer("running_mean", zeros(num_features, device=device, dtype=dtype))
            self.register_buffer("running_var", ones(num_features, device=device, dtype=dtype))
            self.register_buffer("num_batches_tracked", tensor(0, device=device))
        else:
            for name in ("running_mean", "running_var", "num_batches_tracked"):
                self.register_buffer(name, None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Sets the running mean to 0, the running variance to 1 and the count to 0."""
        if self.running_mean is not None:
            self.running_mean.zero_()
            self.running_var.fill_(1)  # type: ignore[union-attr]
            self.num_batches_tracked.zero_()  # type: ignore[union-attr]

    def reset_parameters(self) -> None:
        """Sets weight to 1, bias to 0, and resets the running statistics."""
        self.reset_running_stats()
        _reset_affine(self)

    def _check_input(self, input: Tensor) -> None:
        """ValueError unless the input has a shape that this layer normalises."""
        raise NotImplementedError

    def forward(self, input: Tensor) -> Tensor:
        self._check_input(input)
        momentum = 0.0 if self.momentum is None else self.momentum
        if self.training and self.num_batches_tracked is not None:
            with no_grad():
                self.num_batches_tracked.add_(1)
            if self.momentum is None:  # the mean over all batches so far
                momentum = 1.0 / self.num_batches_tracked.item()
        use_batch = self.training or self.running_mean is None
        return F.batch_norm(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            use_batch,
            momentum,
            self.eps,
        )

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(BatchNorm):
    """Batch normalisation of (N, C) or (N, C, L).

    Example:
        >>> tg.nn.BatchNorm1d(1, eps=0.0)(tg.tensor([[1.0], [3.0]])).tolist()
        [[-1.0], [1.0]]
    """

    def _check_input(self, input: Tensor) -> None:
        if input.ndim not in (2, 3):
            raise ValueError(f"BatchNorm1d: expected (N, C) or (N, C, L), got {input.shape}")


class BatchNorm2d(BatchNorm):
    """Batch normalisation of images (N, C, H, W).

    Example:
        >>> tg.nn.BatchNorm2d(3)(tg.randn(4, 3, 8, 8)).shape
        (4, 3, 8, 8)
    """

    def _check_input(self, input: Tensor) -> None:
        if input.ndim != 4:
            raise ValueError(f"BatchNorm2d: expected (N, C, H, W), got {input.shape}")


def _reset_affine(layer: LayerNorm | BatchNorm) -> None:
    """weight = 1, bias = 0, where the layer has them."""
    if layer.weight is not None:
        init.ones_(layer.weight)
    if layer.bias is not None:
        init.zeros_(layer.bias)
