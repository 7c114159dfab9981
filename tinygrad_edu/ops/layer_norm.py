"""layer_norm over the last dims. Kernels: csrc/layer_norm.cpp."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..autograd import Function, Tensor
from ..backends import backend
from .checks import check_float, check_same_dtype, check_shape, check_tensor
from .fused import formula_gradient


class LayerNorm(Function):
    """out = xhat * weight + bias, xhat = (x - mean) * rstd, rstd = 1 / sqrt(var + eps).

    With h = grad_output * weight and means over each row (the last dims):
    grad_x = rstd * (h - mean(h) - xhat * mean(h * xhat))
    grad_weight = sum over rows of grad_output * xhat;  grad_bias = sum over rows of grad_output
    """

    def forward(self, x: Any, weight: Any, bias: Any, dims: int, eps: float) -> Any:
        b = backend(x)
        out = b.empty(x.shape, x.dtype)
        rows = x.shape[: x.ndim - dims]
        mean, rstd = b.empty(rows, x.dtype), b.empty(rows, x.dtype)
        contiguous_weight = None if weight is None else b.contiguous(weight)
        contiguous_bias = None if bias is None else b.contiguous(bias)
        b.layer_norm(b.contiguous(x), contiguous_weight, contiguous_bias, out, mean, rstd, eps)
        self.save(x, weight, mean, rstd)
        self.options = (dims, eps)
        return out

    def backward(self, grad_output: Any) -> Any:
        return LayerNormBackward.apply(grad_output, *self.saved, *self.options)


class LayerNormBackward(Function):
    """The three gradients of LayerNorm, one sweep; their own is that of `layer_norm_gradients`."""

    def forward(
        self, g: Any, x: Any, weight: Any, mean: Any, rstd: Any, dims: int, eps: float
    ) -> Any:
        b = backend(x)
        shape = x.shape[x.ndim - dims :]
        grad_x = b.empty(x.shape, x.dtype)
        grad_weight, grad_bias = b.empty(shape, x.dtype), b.empty(shape, x.dtype)
        scale = None if weight is None else b.contiguous(weight)
        b.layer_norm_backward(
            b.contiguous(g), b.contiguous(x), scale, mean, rstd, grad_x, grad_weight, grad_bias
        )
        self.save(g, x, weight)
        self.options = (dims, eps)
        return grad_x, grad_weight, grad_bias

    def backward(self, *grad_outputs: Any) -> Any:
        def formula(g: Any, x: Any, weight: Any) -> tuple[Any, ...]:
            return layer_norm_gradients(g, x, weight, *self.options)

        return formula_gradient(formula, self.saved, grad_outputs)


def layer_norm_gradients(g: Any, x: Any, weight: Any, dims: int, eps: float) -> tuple[Any, ...]:
    """(grad_x, grad_weight, grad_bias) for grad_output g, as a formula of ops."""
    row = tuple(range(x.ndim - dims, x.ndim))
    rows = tuple(range(x.ndim - dims))
    centred = x - x.mean(row, keepdim=True)
    rstd = (centred.square().mean(row, keepdim=True) + eps).rsqrt()
    xhat = centred * rstd
    h = g if weight is None else g * weight
    share = (h * xhat).mean(row, keepdim=True)
    grad_x = rstd * (h - h.mean(row, keepdim=True) - xhat * share)
    return grad_x, (g * xhat).sum(rows) if rows else g * xhat, g.sum(rows) if rows else g


def layer_norm(
    input: Tensor,
    normalized_shape: int | Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Any:
    """out = (x - mean) / sqrt(var + eps) * weight + bias, with each sample's own mean and variance.

    Args:
        input: float tensor (*, *normalized_shape).
        normalized_shape: the sizes of the last dims.
        weight: normalized_shape, input's dtype.
        bias: normalized_shape, input's dtype.
        eps: added to the (biased) variance.

    Returns:
        Tensor of input's shape and dtype, contiguous.

    Raises:
        ValueError: input does not end with normalized_shape, or weight or bias do not have it.
        TypeError: tensors that are not of one float dtype.

    Gradient: rstd * (h - mean(h) - xhat * mean(h * xhat)), with h = grad_output * weight and xhat
    the normalised input; to weight the sum of grad_output * xhat over samples, to bias that of
    grad_output. Keeps input, and mean and rstd of each sample.

    Reference: Ba, Kiros and Hinton 2016, "Layer Normalization", section 3.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.nn.functional.layer_norm(tg.tensor([[1.0, 3.0]]), (2,), eps=0.0)
        tensor([[-1.,  1.]])
    """
    op = "layer_norm"
    check_float(op, check_tensor(op, input))
    shape = check_shape(op, (normalized_shape,))
    if not shape or input.array.shape[-len(shape) :] != shape:
        raise ValueError(
            f"{op}: input must end with normalized_shape {shape}, which must not be empty, got "
            f"{input.array.shape}"
        )
    for name, parameter in (("weight", weight), ("bias", bias)):
        if parameter is not None and check_tensor(op, parameter, name).array.shape != shape:
            raise ValueError(
                f"{op}: {name} must have normalized_shape {shape}, got {parameter.array.shape}"
            )
    check_same_dtype(op, input=input, weight=weight, bias=bias)
    return LayerNorm.apply(input, weight, bias, len(shape), float(eps))


__all__ = ["layer_norm"]
