"""embedding: rows of a table, looked up by index. Kernels: csrc/embedding.cpp."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import Function, Tensor, wrap
from ..backends import backend
from ..grad_mode import no_grad
from .checks import check_float, check_tensor
from .index_checks import check_bounds, check_index

NO_PADDING = -1


class Embedding(Function):
    """out[i, :] = weight[index[i], :].

    grad_weight[v, :] = sum of grad_output[i, :] over the i with index[i] = v; 0 for v =
    padding_idx.
    """

    def forward(self, weight: Any, index: Any, padding_idx: int) -> Any:
        b = backend(weight)
        out = b.empty((*index.shape, weight.shape[1]), weight.dtype)
        b.embedding(weight, b.contiguous(index), out)
        self.save(index)
        self.options = (weight.shape[0], padding_idx)
        return out

    def backward(self, grad_output: Any) -> Any:
        return EmbeddingBackward.apply(grad_output, *self.saved, *self.options)


class EmbeddingBackward(Function):
    """out[v, :] = sum of g[i, :] over the i with index[i] = v != padding_idx.

    It is the adjoint of a lookup: grad_g[i, :] = grad_output[index[i], :], 0 where index[i] =
    padding_idx.
    """

    def forward(self, g: Any, index: Any, rows: int, padding_idx: int) -> Any:
        b = backend(g)
        out = b.empty((rows, g.shape[-1]), g.dtype)
        b.embedding_backward(b.contiguous(g), b.contiguous(index), out, padding_idx)
        self.save(index)
        self.padding_idx = padding_idx
        return out

    def backward(self, grad_output: Any) -> Any:
        (index,) = self.saved
        grad_g = Embedding.apply(grad_output, index, self.padding_idx)
        if self.padding_idx == NO_PADDING:
            return grad_g
        return grad_g * (index != self.padding_idx).to(grad_g.dtype).unsqueeze(-1)


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Any:
    """out[..., :] = weight[input[...], :].

    Args:
        input: indices, int64, any shape.
        weight: the table (V, D), float.
        padding_idx: a row that gets no gradient; negative ones count from the end.
        max_norm: rows that are looked up and have a larger norm are first scaled down to it, in
            place.
        norm_type: which norm: sum(|w|^p)^(1/p).
        scale_grad_by_freq: divide the gradient of each row by how often it was looked up.
        sparse: not supported.

    Returns:
        Tensor (*input.shape, D) of weight's dtype.

    Raises:
        ValueError: weight is not a matrix.
        TypeError: input is not int64, or weight not float.
        IndexError: an index outside [0, V), or padding_idx out of range.
        NotImplementedError: sparse=True.

    Gradient: to weight, grad_output added up over the places that each row went to; keeps input.

    Reference: Bengio et al. 2003, "A Neural Probabilistic Language Model", section 2.

    Example:
        >>> import tinygrad_edu as tg
        >>> table = tg.tensor([[0.0, 1.0], [2.0, 3.0]])
        >>> tg.nn.functional.embedding(tg.tensor([1, 1, 0]), table)
        tensor([[2., 3.],
                [2., 3.],
                [0., 1.]])
    """
    op = "embedding"
    if sparse:
        raise NotImplementedError(f"{op}: sparse gradients are not supported; use sparse=False")
    check_index(op, input, "input")
    check_float(op, check_tensor(op, weight, "weight"), "weight")
    if weight.array.ndim != 2:
        raise ValueError(f"{op}: weight must be a matrix (V, D), got shape {weight.array.shape}")
    rows = weight.array.shape[0]
    check_bounds(op, input.array, rows, "indices", "rows")
    if padding_idx is not None and not -rows <= padding_idx < rows:
        raise IndexError(f"{op}: padding_idx must lie in [{-rows}, {rows - 1}], got {padding_idx}")
    padding = NO_PADDING if padding_idx is None else int(padding_idx) % rows
    if max_norm is not None:
        _limit_norms(weight, input.array, max_norm, norm_type)
    table = ScaleByFrequency.apply(weight, input) if scale_grad_by_freq else weight
    return Embedding.apply(table, input, padding)


class ScaleByFrequency(Function):
    """out = weight. grad_weight[v, :] = grad_output[v, :] / how often v is in index."""

    def forward(self, weight: Any, index: Any) -> Any:
        counts = np.maximum(np.bincount(index.ravel(), minlength=weight.shape[0]), 1)
        self.save((1 / counts[:, None]).astype(weight.dtype))
        return backend(weight).copy(weight)

    def backward(self, grad_output: Any) -> Any:
        (shares,) = self.saved
        return grad_output * shares


def _limit_norms(weight: Any, index: Any, max_norm: float, norm_type: float) -> None:
    """Scales the rows that are looked up down to max_norm, in place."""
    rows = wrap(np.unique(index))
    with no_grad():
        looked_up = weight.detach()[rows]
        norms = (looked_up.abs() ** norm_type).sum(1, keepdim=True) ** (1 / norm_type)
        weight[rows] = looked_up * (max_norm / (norms + 1e-7)).clamp(max=1.0)


__all__ = ["embedding"]
