"""batch_norm over the batch, per channel. Kernels: csrc/batch_norm.cpp."""

from __future__ import annotations

from typing import Any

from ..autograd import Function, Tensor
from ..backends import backend
from ..grad_mode import no_grad
from .checks import check_float, check_same_dtype, check_tensor
from .fused import formula_gradient


def _dense(b: Any, x: Any) -> tuple[Any, bool]:
    """x in memory as the kernels read it, itself where dense; and whether that is channels-last."""
    if x.ndim == 2:
        return b.contiguous(x), True
    if not x.flags.c_contiguous and x.transpose(0, *range(2, x.ndim), 1).flags.c_contiguous:
        return x, True
    return b.contiguous(x), False


def _dense_as(b: Any, g: Any, x: Any) -> Any:
    """g in the memory order of x, which is dense: g itself where it has that order."""
    if g.strides == x.strides:
        return g
    out = b.empty_like(x)
    b.copy_into(g, out)
    return out


class BatchNorm(Function):
    """out = xhat * weight + bias, xhat = (x - mean) * rstd, rstd = 1 / sqrt(var + eps).

    grad_weight = sum(grad_output * xhat);  grad_bias = sum(grad_output), over a channel's M values
    grad_x = weight * rstd * (grad_output - grad_bias / M - xhat * grad_weight / M)
    grad_x = weight * rstd * grad_output, where mean and var are given instead of x's own

    The second output is (2, C): the mean and the biased variance that were used.
    """

    non_differentiable = (1,)

    def forward(
        self, x: Any, weight: Any, bias: Any, given_mean: Any, given_var: Any, eps: float
    ) -> Any:
        b = backend(x)
        dense, channels_last = _dense(b, x)
        out = b.empty_like(dense)
        stats = b.empty((2, x.shape[1]), x.dtype)
        if given_mean is None:
            b.batch_norm_stats(dense, stats[0], stats[1], channels_last)
        else:
            b.copy_into(given_mean, stats[0])
            b.copy_into(given_var, stats[1])
        weights = None if weight is None else b.contiguous(weight)
        biases = None if bias is None else b.contiguous(bias)
        b.batch_norm(dense, weights, biases, stats[0], stats[1], out, channels_last, eps)
        self.save(x, weight)
        self.rest = (stats, given_mean is None, eps)
        return out, stats

    def backward(self, grad_output: Any, _: Any) -> Any:
        return BatchNormBackward.apply(grad_output, *self.saved, *self.rest)


class BatchNormBackward(Function):
    """The three gradients of BatchNorm. Their own gradient is that of `batch_norm_gradients`."""

    def forward(self, g: Any, x: Any, weight: Any, stats: Any, training: bool, eps: float) -> Any:
        b = backend(x)
        dense, channels_last = _dense(b, x)
        grad_x = b.empty_like(dense)
        grad_weight, grad_bias = b.empty(x.shape[1:2], x.dtype), b.empty(x.shape[1:2], x.dtype)
        scale = None if weight is None else b.contiguous(weight)
        grads = (grad_x, grad_weight, grad_bias)
        options = (training, channels_last, eps)
        g_dense = _dense_as(b, g, dense)
        b.batch_norm_backward(g_dense, dense, scale, stats[0], stats[1], *grads, *options)
        self.save(g, x, weight, stats)
        self.options = (training, eps)
        return grads

    def backward(self, *grad_outputs: Any) -> Any:
        *inputs, stats = self.saved

        def formula(g: Any, x: Any, weight: Any) -> tuple[Any, ...]:
            return batch_norm_gradients(g, x, weight, stats, *self.options)

        return formula_gradient(formula, inputs, grad_outputs)


def batch_norm_gradients(
    g: Any, x: Any, weight: Any, stats: Any, training: bool, eps: float
) -> tuple[Any, ...]:
    """(grad_x, grad_weight, grad_bias) for grad_output g, as a formula of ops."""
    per_channel = (1, -1, *(1,) * (x.ndim - 2))
    others = (0, *range(2, x.ndim))
    mean, var = (statistic.reshape(per_channel) for statistic in (stats[0], stats[1]))
    if training:
        mean = x.mean(others, keepdim=True)
        var = (x - mean).square().mean(others, keepdim=True)
    rstd = (var + eps).rsqrt()
    xhat = (x - mean) * rstd
    grad_x = g
    if training:
        share = (g * xhat).mean(others, keepdim=True)
        grad_x = g - g.mean(others, keepdim=True) - xhat * share
    scale = rstd if weight is None else rstd * weight.reshape(per_channel)
    return scale * grad_x, (g * xhat).sum(others), g.sum(others)


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """out = (x - mean) / sqrt(var + eps) * weight + bias, per channel (dim 1).

    In training, mean and (biased) variance are those of the batch, and the running ones, if given,
    are moved in place: running = (1 - momentum) * running + momentum * batch, there with the
    unbiased variance. Else the running ones are used.

    Args:
        input: float tensor (N, C), (N, C, L), (N, C, H, W), ...
        running_mean, running_var: (C), input's dtype; needed unless training.
        weight, bias: (C), input's dtype.
        training: use the batch's statistics.
        momentum: weight of the new batch in the running statistics.
        eps: added to the variance.

    Returns:
        Tensor of input's shape, dtype and memory order.

    Raises:
        ValueError: shapes that do not fit; one value per channel in training; no statistics to use.
        TypeError: tensors that are not of one float dtype.

    Gradient: weight * rstd * (grad_output - mean(grad_output) - xhat * mean(grad_output * xhat)) in
    training, else weight * rstd * grad_output; to weight sum(grad_output * xhat), to bias
    sum(grad_output). Keeps input and statistics.

    Reference: Ioffe and Szegedy 2015, "Batch Normalization", algorithm 1.

    Example:
        >>> import tinygrad_edu as tg
        >>> x = tg.tensor([[1.0], [3.0]])
        >>> tg.nn.functional.batch_norm(x, None, None, training=True, eps=0.0)
        tensor([[-1.],
                [ 1.]])
    """
    op = "batch_norm"
    _check_arguments(op, input, running_mean, running_var, weight, bias, training)
    if not training:
        given = (running_mean.array, running_var.array)  # type: ignore[union-attr]
        return BatchNorm.apply(input, weight, bias, *given, float(eps))[0]
    out, stats = BatchNorm.apply(input, weight, bias, None, None, float(eps))
    count = input.array.size // max(input.array.shape[1], 1)
    if running_mean is not None and running_var is not None and count:
        with no_grad():
            mean, var = stats
            running_mean.lerp_(mean, float(momentum))
            running_var.lerp_(var * (count / (count - 1)), float(momentum))
    return out


def _check_arguments(
    op: str,
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any,
    bias: Any,
    training: bool,
) -> None:
    check_float(op, check_tensor(op, input))
    shape = input.array.shape
    if len(shape) < 2:
        raise ValueError(f"{op}: input must be (N, C) or (N, C, ...), got {shape}")
    if (running_mean is None) != (running_var is None):
        raise ValueError(f"{op}: running_mean and running_var must be given together")
    if not training and running_mean is None:
        raise ValueError(f"{op}: running_mean and running_var are needed unless training=True")
    tensors = {
        "running_mean": running_mean,
        "running_var": running_var,
        "weight": weight,
        "bias": bias,
    }
    for name, tensor in tensors.items():
        if tensor is not None and check_tensor(op, tensor, name).array.shape != (shape[1],):
            raise ValueError(
                f"{op}: {name} must have shape ({shape[1]},), one value for each channel of input "
                f"{shape}, got {tensor.array.shape}"
            )
    check_same_dtype(op, input=input, **tensors)
    if training and shape[1] and input.array.size // shape[1] == 1:
        raise ValueError(
            f"{op}: training needs more than one value for each channel, got input {shape}; "
            "use eval()"
        )


__all__ = ["batch_norm"]
