"""cross_entropy and nll_loss. Kernels: csrc/cross_entropy.cpp."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import Function, Tensor, wrap
from ..backends import backend
from .checks import check_float, check_reduction, check_same_dtype, check_tensor
from .fused import formula_gradient
from .index_checks import check_classes, check_index
from .softmax import log_softmax, softmax

REDUCTIONS = ("none", "mean", "sum")  # in the order of csrc/cross_entropy.cpp


def _dense(b: Any, targets: Any, weight: Any) -> tuple[Any, Any]:
    """Targets and class weights as the kernels read them."""
    return b.contiguous(targets), None if weight is None else b.contiguous(weight)


class CrossEntropy(Function):
    """loss_n = sum_c q_c (log sum_j exp(x_j) - x_c), q = weight * ((1 - e) onehot(target) + e / C).

    grad_x = grad_output * (sum(q) softmax(x) - q); e is the label smoothing, q = 0 where target is
    ignore_index.
    """

    def forward(
        self, x: Any, targets: Any, weight: Any, ignore_index: int, reduction: str, smoothing: float
    ) -> Any:
        b = backend(x)
        options = (ignore_index, REDUCTIONS.index(reduction), smoothing)
        out = b.empty(targets.shape if reduction == "none" else (), x.dtype)
        stats = b.empty((2, *targets.shape), x.dtype)  # the maximum and the log-sum of each row
        total_weight = b.empty((), x.dtype)
        b.cross_entropy(x, *_dense(b, targets, weight), out, stats, total_weight, *options)
        self.save(x, targets, weight, stats, total_weight)
        self.options = options
        return out

    def backward(self, grad_output: Any) -> Any:
        return CrossEntropyBackward.apply(grad_output, *self.saved, *self.options)


class CrossEntropyBackward(Function):
    """out = g * (sum(q) softmax(x) - q); q is divided by the total weight where the loss is a mean.

    Its own gradient is that of this formula.
    """

    def forward(self, g: Any, x: Any, targets: Any, weight: Any, *rest: Any) -> Any:
        b = backend(x)
        out = b.empty_like(x)
        stats, total_weight, *options = rest
        row_arguments = (*_dense(b, targets, weight), stats, total_weight)
        b.cross_entropy_backward(b.contiguous(g), x, *row_arguments, out, *options)
        self.save(g, x)
        self.rest = (targets, weight, total_weight, *options)
        return out

    def backward(self, grad_output: Any) -> Any:
        g, x = self.saved
        q = wrap(spread_targets(x.array, *self.rest))
        total = q.sum(1, keepdim=True)

        def formula(g: Any, x: Any) -> tuple[Any, ...]:
            row_scale = g.unsqueeze(1) if g.ndim else g
            return (row_scale * (total * softmax(x, 1) - q),)

        return formula_gradient(formula, (g, x), (grad_output,))


def spread_targets(
    x: Any,
    targets: Any,
    weight: Any,
    total_weight: Any,
    ignore_index: int,
    reduction: int,
    smoothing: float,
) -> Any:
    """The array q of the formula above, in the logits' shape and dtype."""
    classes = np.arange(x.shape[1]).reshape(-1, *(1,) * (x.ndim - 2))  # (C, 1, ...)
    target = np.expand_dims(targets, 1)  # (N, 1, d1, ...)
    w = np.ones(1) if weight is None else weight.reshape(classes.shape)
    q = w * ((1 - smoothing) * (target == classes) + smoothing / x.shape[1])
    if weight is not None or smoothing or 0 <= ignore_index < x.shape[1]:
        q = np.where(target == ignore_index, 0, q)
    if REDUCTIONS[reduction] == "mean" and total_weight:  # 0: every row is ignored, q = 0
        q = q / total_weight
    return np.asarray(q, dtype=x.dtype)


class NLLLoss(Function):
    """loss_n = -weight[target_n] * x[n, target_n]; 0 where target is ignore_index.

    grad_x[n, target_n] = -weight[target_n] * grad_output_n, and 0 elsewhere.
    """

    def forward(self, x: Any, targets: Any, weight: Any, ignore_index: int, reduction: str) -> Any:
        b = backend(x)
        code = REDUCTIONS.index(reduction)
        out = b.empty(targets.shape if reduction == "none" else (), x.dtype)
        total_weight = b.empty((), x.dtype)
        b.nll_loss(x, *_dense(b, targets, weight), out, total_weight, ignore_index, code)
        self.save(targets, weight, total_weight)
        self.options = (x.shape, ignore_index, reduction)
        return out

    def backward(self, grad_output: Any) -> Any:
        return NLLLossBackward.apply(grad_output, *self.saved, *self.options)


class NLLLossBackward(Function):
    """out[n, target_n] = -weight[target_n] * g_n, and 0 elsewhere.

    It is the adjoint of NLLLoss, so its gradient is NLLLoss.
    """

    def forward(
        self,
        g: Any,
        targets: Any,
        weight: Any,
        total_weight: Any,
        shape: tuple[int, ...],
        ignore_index: int,
        reduction: str,
    ) -> Any:
        b = backend(g)
        out = b.zeros(shape, g.dtype)
        code = REDUCTIONS.index(reduction)
        row_arguments = (b.contiguous(g), *_dense(b, targets, weight), total_weight)
        b.nll_loss_backward(*row_arguments, out, ignore_index, code)
        self.save(targets, weight)
        self.options = (ignore_index, reduction)
        return out

    def backward(self, grad_output: Any) -> Any:
        return NLLLoss.apply(grad_output, *self.saved, *self.options)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """loss_n = -weight[y] * log softmax(x_n)[y] for target y: the surprise at the right class.

    Softmax, logarithm and loss are one kernel. The mean divides by the sum of weight[y] over the
    rows that count.

    Args:
        input: logits (C), (N, C) or (N, C, d1, ...), float.
        target: either classes, int64, (), (N) or (N, d1, ...); or probabilities of input's shape
            and dtype.
        weight: (C), input's dtype; a factor for each class.
        ignore_index: a target that counts nothing (classes only).
        reduction: "mean", "sum" or "none".
        label_smoothing: this share of each target, in [0, 1], is spread evenly over all classes.

    Returns:
        Tensor of the shape of target without its class dim for "none", else 0-d. The mean over no
        rows is NaN.

    Raises:
        ValueError: shapes that do not fit; label_smoothing or reduction out of range.
        TypeError: dtypes other than these.
        IndexError: a class outside [0, C).

    Gradient: grad_output * (sum(q) softmax(x) - q) for the weighted, smoothed targets q; keeps
    input and, for each row, maximum and log-sum. For probabilities also -grad_output * weight * log
    softmax(x) to the target.

    Reference: Bridle 1990, "Probabilistic Interpretation of Feedforward Classification Network
    Outputs"; Szegedy et al. 2016, "Rethinking the Inception Architecture", section 7.

    Example:
        >>> import tinygrad_edu as tg
        >>> logits = tg.tensor([[2.0, 0.0], [0.0, 0.0]])
        >>> tg.nn.functional.cross_entropy(logits, tg.tensor([0, 1]), reduction="none")
        tensor([0.1269, 0.6931])
    """
    op = "cross_entropy"
    _check_loss(op, input, weight, reduction)
    if not 0.0 <= label_smoothing <= 1.0:
        raise ValueError(f"{op}: label_smoothing must lie in [0, 1], got {label_smoothing}")
    if check_tensor(op, target, "target").array.dtype.kind == "f":
        return _with_probabilities(input, target, weight, reduction, float(label_smoothing))
    return _with_classes(
        op, input, target, weight, CrossEntropy, ignore_index, reduction, float(label_smoothing)
    )


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Any:
    """loss_n = -weight[y] * x[n, y] for target y, on log-probabilities x.

    The mean divides by the sum of weight[y] over the rows that count.

    Args:
        input: log-probabilities (C), (N, C) or (N, C, d1, ...), float.
        target: classes, int64, (), (N) or (N, d1, ...).
        weight: (C), input's dtype; a factor for each class.
        ignore_index: a target that counts nothing.
        reduction: "mean", "sum" or "none".

    Returns:
        Tensor of target's shape for "none", else 0-d. The mean over no rows is NaN.

    Raises:
        ValueError: shapes that do not fit; reduction out of range.
        TypeError: dtypes other than these.
        IndexError: a class outside [0, C).

    Gradient: -weight[y] * grad_output at [n, y], 0 elsewhere.

    Reference: PyTorch, torch.nn.functional.nll_loss.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.nn.functional.nll_loss(tg.tensor([[-0.5, -1.0]]), tg.tensor([1]))
        tensor(1.)
    """
    _check_loss("nll_loss", input, weight, reduction)
    return _with_classes("nll_loss", input, target, weight, NLLLoss, ignore_index, reduction)


def _check_loss(op: str, input: Any, weight: Any, reduction: Any) -> None:
    check_float(op, check_tensor(op, input))
    check_reduction(op, reduction)
    if input.array.ndim == 0:
        raise ValueError(f"{op}: input must be (C), (N, C) or (N, C, d1, ...), got a 0-d tensor")
    if weight is None:
        return
    check_tensor(op, weight, "weight")
    check_same_dtype(op, input=input, weight=weight)
    classes = input.array.shape[min(1, input.array.ndim - 1)]
    if weight.array.shape != (classes,):
        raise ValueError(
            f"{op}: weight must have shape ({classes},), one factor for each class, got "
            f"{weight.array.shape}"
        )


def _with_classes(
    op: str,
    x: Any,
    target: Any,
    weight: Any,
    loss: type[Function],
    ignore_index: int,
    reduction: str,
    *options: Any,
) -> Any:
    """The loss for targets that name classes."""
    check_index(op, target, "target")
    shape = x.array.shape
    expected = (shape[0], *shape[2:]) if len(shape) > 1 else ()
    if target.array.shape != expected:
        raise ValueError(
            f"{op}: input {shape} needs target classes of shape {expected}, got "
            f"{target.array.shape}"
        )
    check_classes(op, target.array, shape[min(1, len(shape) - 1)], ignore_index)
    if len(shape) > 1:
        return loss.apply(x, target, weight, int(ignore_index), reduction, *options)
    out = loss.apply(
        x.unsqueeze(0), target.reshape(1), weight, int(ignore_index), reduction, *options
    )
    return out.reshape(()) if reduction == "none" else out


def _with_probabilities(x: Any, target: Any, weight: Any, reduction: str, smoothing: float) -> Any:
    """Cross-entropy for targets that are probabilities: a composition."""
    op = "cross_entropy"
    check_same_dtype(op, input=x, target=target)
    if target.array.shape != x.array.shape:
        raise ValueError(
            f"{op}: target probabilities must have input's shape {x.array.shape}, got "
            f"{target.array.shape}; classes must be int64"
        )
    dim = min(1, x.array.ndim - 1)
    classes = x.array.shape[dim]
    q = target * (1 - smoothing) + smoothing / classes if smoothing else target
    if weight is not None:
        q = q * weight.reshape(-1, *(1,) * (x.array.ndim - dim - 1))
    losses = -(log_softmax(x, dim) * q).sum(dim)
    if reduction == "none":
        return losses
    return losses.sum() if reduction == "sum" else losses.mean()


__all__ = ["cross_entropy", "nll_loss"]
