"""Matrix products: sum over k of x[i, k] * y[k, j], over batches of matrices, with any strides.

One Function computes them all, a bias included; transposes are flags, so gradients need no copies
and no nodes of their own. The kernel is csrc/matmul.cpp; integer products are NumPy's.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import autograd
from ..autograd import Function, Tensor
from ..backends import backend
from .checks import check_float, check_same_dtype, check_tensor
from .elementwise import add, mul
from .view import squeeze, unsqueeze

__all__ = ["addmm", "bmm", "dot", "matmul", "mm", "mv", "outer"]


class Matmul(Function):
    """out = X @ Y + bias, where X is x or its transpose, and Y is y or its transpose.

    With g = grad_output: grad_X = g @ Y^T, grad_Y = X^T @ g, grad_bias = g, each summed over the
    dims along which its operand was broadcast. Where a batch x meets one matrix y, the sum over
    the batch happens inside the product: see SumOfOuters.
    """

    def forward(self, x: Any, y: Any, bias: Any, transpose_x: bool, transpose_y: bool) -> Any:
        node_x, node_y, *_ = self.edges
        self.save(None if node_y is None else x, None if node_x is None else y)
        self.transposed = transpose_x, transpose_y
        self.one_matrix = y.ndim == 2 < x.ndim and not transpose_x
        left = x.swapaxes(-1, -2) if transpose_x else x  # (..., M, K)
        right = y.swapaxes(-1, -2) if transpose_y else y  # (..., K, N)
        b = backend(x)
        if x.dtype.kind != "f":
            return b.integer_matmul(left, right)
        batch = _broadcast(left.shape[:-2], right.shape[:-2])
        out = b.empty((*batch, left.shape[-2], right.shape[-1]), x.dtype)
        b.matmul(left, right, bias, out, False, False)
        return out  # (..., M, N)

    def backward(self, grad_output: Any) -> Any:
        x, y = self.saved
        transpose_x, transpose_y = self.transposed
        need_x, need_y = self.needs_input_grad[:2]
        grad_x = grad_y = None
        if need_x and transpose_x:
            grad_x = _product(y, grad_output, transpose_y, True)
        elif need_x:
            grad_x = _product(grad_output, y, False, not transpose_y)
        if need_y and self.one_matrix:
            pair = (grad_output, x) if transpose_y else (x, grad_output)
            grad_y = SumOfOuters.apply(*pair)
        elif need_y and transpose_y:
            grad_y = _product(grad_output, x, True, transpose_x)
        elif need_y:
            grad_y = _product(x, grad_output, not transpose_x, False)
        return grad_x, grad_y, grad_output


class SumOfOuters(Function):
    """out[i, j] = sum over all leading indices r of x[r, i] * y[r, j]: the gradient of a weight
    that every row of a batch was multiplied with.

    grad_x[r] = grad_output @ y[r];   grad_y[r] = x[r] @ grad_output.
    """

    def forward(self, x: Any, y: Any) -> Any:
        self.save(x, y)
        rows = math.prod(x.shape[:-1])
        x, y = (array.reshape(rows, array.shape[-1]) for array in (x, y))
        b = backend(x)
        out = b.empty((x.shape[1], y.shape[1]), x.dtype)
        b.matmul(x.T, y, None, out, False, False)
        return out

    def backward(self, grad_output: Any) -> Any:
        x, y = self.saved
        need_x, need_y = self.needs_input_grad
        grad_x = _product(y, grad_output, False, True) if need_x else None
        grad_y = _product(x, grad_output, False, False) if need_y else None
        return grad_x, grad_y


def _product(x: Tensor, y: Tensor, transpose_x: bool, transpose_y: bool) -> Any:
    """X @ Y of tensors with at least two dims."""
    return Matmul.apply(x, y, None, transpose_x, transpose_y)


def _broadcast(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    return a if a == b or not b else b if not a else np.broadcast_shapes(a, b)


# ---- public functions ----------------------------------------------------------------------------


def _operand(op: str, name: str, x: Any, ndim: int | None = None) -> Any:
    """x as a Tensor with `ndim` dims, or with at least one if None."""
    if not isinstance(x, Tensor):
        if not isinstance(x, np.ndarray):
            raise TypeError(
                f"{op}: {name} must be a Tensor, got {type(x).__name__}; make one with tensor(...)"
            )
        x = autograd.engine_ops["as_tensor"](x)
    array = x.array
    if ndim is None:
        if not array.ndim:
            raise ValueError(f"{op}: {name} must have at least 1 dim, got a 0-d tensor; use mul")
    elif array.ndim != ndim:
        raise ValueError(f"{op}: {name} must have {ndim} dim(s), got shape {array.shape}")
    if array.dtype.kind == "b":
        raise TypeError(f"{op}: not defined for bool tensors; convert {name} with .float()")
    return x


def _check_pair(op: str, input: Tensor, other: Tensor) -> None:
    """Raises unless the product is defined: dtypes, inner dims, leading dims."""
    x, y = input.array, other.array
    if x.dtype is not y.dtype:
        check_same_dtype(op, input=input, other=other)
    if x.shape[-1] != y.shape[-2 if y.ndim > 1 else 0]:
        raise ValueError(f"{op}: inner dimensions must match, got {x.shape} @ {y.shape}")
    if x.ndim > 2 < y.ndim:
        try:
            _broadcast(x.shape[:-2], y.shape[:-2])
        except ValueError:
            raise ValueError(
                f"{op}: batch dimensions must broadcast, got {x.shape} @ {y.shape}"
            ) from None


def matmul(input: Tensor, other: Tensor) -> Any:
    """out[..., i, j] = sum over k of input[..., i, k] * other[..., k, j]; `input @ other`.

    A vector as input is a row, and as other a column; the dim it lacks is left out of the result.

    Args:
        input: shape (..., M, K) or (K,), float or integer.
        other: shape (..., K, N) or (K,), of the same dtype. Leading dims broadcast.

    Returns:
        Shape (..., M, N), without M or N where that operand was a vector; 0-d for two vectors.

    Raises:
        ValueError: inner dimensions that differ, or leading ones that do not broadcast.
        TypeError: dtypes that differ, or bool.

    Gradient: grad_input = grad_output @ other^T, grad_other = input^T @ grad_output, summed over
        broadcast dims; each keeps the other operand.

    Reference: M. Giles, "Collected matrix derivative results for forward and reverse mode
        algorithmic differentiation", 2008, section 2.2.1.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.tensor([[1.0, 2.0], [3.0, 4.0]]) @ tg.tensor([1.0, -1.0])
        tensor([-1., -1.])
    """
    input, other = _operand("matmul", "input", input), _operand("matmul", "other", other)
    _check_pair("matmul", input, other)
    row, column = input.array.ndim == 1, other.array.ndim == 1
    if not (row or column):
        return _product(input, other, False, False)
    left = unsqueeze(input, 0) if row else input
    right = unsqueeze(other, 1) if column else other
    out = _product(left, right, False, False)
    return squeeze(out, ((-2,) if row else ()) + ((-1,) if column else ()))


def mm(input: Tensor, mat2: Tensor) -> Any:
    """out[i, j] = sum over k of input[i, k] * mat2[k, j]: matmul of two matrices.

    Args:
        input: shape (M, K).
        mat2: shape (K, N), of the same dtype.

    Returns:
        Shape (M, N).

    Raises:
        ValueError: an operand that is no matrix, or inner dimensions that differ.

    Gradient: as matmul.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.mm(tg.tensor([[1.0, 2.0]]), tg.tensor([[3.0], [4.0]]))
        tensor([[11.]])
    """
    input, mat2 = _operand("mm", "input", input, 2), _operand("mm", "mat2", mat2, 2)
    _check_pair("mm", input, mat2)
    return _product(input, mat2, False, False)


def bmm(input: Tensor, mat2: Tensor) -> Any:
    """out[b, i, j] = sum over k of input[b, i, k] * mat2[b, k, j]: matmul of two batches.

    Args:
        input: shape (B, M, K).
        mat2: shape (B, K, N), of the same dtype.

    Returns:
        Shape (B, M, N).

    Raises:
        ValueError: an operand without 3 dims, or batch sizes or inner dimensions that differ.

    Gradient: as matmul.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.bmm(tg.ones(2, 1, 3), tg.ones(2, 3, 1)).shape
        (2, 1, 1)
    """
    input, mat2 = _operand("bmm", "input", input, 3), _operand("bmm", "mat2", mat2, 3)
    x, y = input.array.shape, mat2.array.shape
    if x[0] != y[0]:
        raise ValueError(f"bmm: batch sizes must be equal, got {x} @ {y}; matmul broadcasts")
    _check_pair("bmm", input, mat2)
    return _product(input, mat2, False, False)


def mv(input: Tensor, vec: Tensor) -> Any:
    """out[i] = sum over k of input[i, k] * vec[k]: a matrix times a vector.

    Args:
        input: shape (M, K).
        vec: shape (K,), of the same dtype.

    Returns:
        Shape (M,).

    Raises:
        ValueError: operands of other shapes.

    Gradient: grad_input = outer(grad_output, vec), grad_vec = input^T @ grad_output.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.mv(tg.tensor([[1.0, 2.0], [3.0, 4.0]]), tg.tensor([1.0, 1.0]))
        tensor([3., 7.])
    """
    return matmul(_operand("mv", "input", input, 2), _operand("mv", "vec", vec, 1))


def dot(input: Tensor, tensor: Tensor) -> Any:
    """out = sum over k of input[k] * tensor[k]: the inner product of two vectors.

    Args:
        input: shape (K,).
        tensor: shape (K,), of the same dtype.

    Returns:
        A 0-d tensor.

    Raises:
        ValueError: operands that are no vectors of one length.

    Gradient: grad_input = grad_output * tensor, grad_tensor = grad_output * input.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.dot(tg.tensor([1.0, 2.0]), tg.tensor([3.0, 4.0]))
        tensor(11.)
    """
    return matmul(_operand("dot", "input", input, 1), _operand("dot", "tensor", tensor, 1))


def outer(input: Tensor, vec2: Tensor) -> Any:
    """out[i, j] = input[i] * vec2[j]: the outer product of two vectors.

    Args:
        input: shape (M,).
        vec2: shape (N,).

    Returns:
        Shape (M, N), of the promoted dtype.

    Raises:
        ValueError: operands that are no vectors.

    Gradient: grad_input = grad_output @ vec2, grad_vec2 = grad_output^T @ input.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.outer(tg.tensor([1.0, 2.0]), tg.tensor([3.0, 4.0]))
        tensor([[3., 4.],
                [6., 8.]])
    """
    input, vec2 = _operand("outer", "input", input, 1), _operand("outer", "vec2", vec2, 1)
    return mul(unsqueeze(input, 1), vec2)


def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1) -> Any:
    """out = beta * input + alpha * (mat1 @ mat2); with both 1, one kernel.

    Args:
        input: broadcasts to (M, N), of the same dtype; not read where beta is 0.
        mat1: shape (M, K).
        mat2: shape (K, N).
        beta: factor of input.
        alpha: factor of the product.

    Returns:
        Shape (M, N).

    Raises:
        ValueError: shapes that do not fit.

    Gradient: grad_input = beta * grad_output; the others as matmul, times alpha.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.addmm(tg.tensor([10.0, 20.0]), tg.ones(1, 3), tg.ones(3, 2))
        tensor([[13., 23.]])
    """
    mat1, mat2 = _operand("addmm", "mat1", mat1, 2), _operand("addmm", "mat2", mat2, 2)
    _check_pair("addmm", mat1, mat2)
    check_same_dtype("addmm", input=check_tensor("addmm", input), mat1=mat1)
    shape, bias = (mat1.array.shape[0], mat2.array.shape[1]), input.array.shape
    wide = (1,) * (2 - len(bias)) + bias
    if len(wide) > 2 or any(n not in (1, size) for n, size in zip(wide, shape, strict=True)):
        raise ValueError(f"addmm: input must broadcast to {shape}, got shape {bias}")
    if beta == alpha == 1 and mat1.array.dtype.kind == "f":
        return Matmul.apply(mat1, mat2, input, False, False)
    product = _product(mat1, mat2, False, False)
    if alpha != 1:
        product = mul(product, alpha)
    if beta == 0:
        return product
    return add(product, input if beta == 1 else mul(input, beta))


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Any:
    """out[..., j] = sum over k of input[..., k] * weight[j, k] + bias[j], in one kernel.

    Args:
        input: shape (..., in_features), float.
        weight: shape (out_features, in_features), of the same dtype.
        bias: shape (out_features,), of the same dtype, or None.

    Returns:
        Shape (..., out_features).

    Raises:
        ValueError: shapes that do not fit.
        TypeError: dtypes that differ.

    Gradient: grad_input = grad_output @ weight, grad_weight = grad_output^T @ input with all
        leading dims in one sum, grad_bias = grad_output summed over them.

    Example:
        >>> import tinygrad_edu as tg
        >>> x, weight, bias = tg.ones(4, 3), tg.ones(2, 3), tg.tensor([0.0, 10.0])
        >>> tg.nn.functional.linear(x, weight, bias)[0]
        tensor([ 3., 13.])
    """
    input, weight = _operand("linear", "input", input), _operand("linear", "weight", weight, 2)
    x, (out_features, in_features) = input.array.shape, weight.array.shape
    if x[-1] != in_features:
        raise ValueError(
            f"linear: inner dimensions must match, got {x} @ {(in_features, out_features)}; "
            f"Linear expects {in_features} features in the last dimension"
        )
    if bias is not None and check_tensor("linear", bias, "bias").array.shape != (out_features,):
        raise ValueError(
            f"linear: bias must have shape {(out_features,)}, as weight has {out_features} rows, "
            f"got {bias.array.shape}"
        )
    check_float("linear", input)
    dtype = input.array.dtype
    if weight.array.dtype is not dtype or (bias is not None and bias.array.dtype is not dtype):
        check_same_dtype("linear", input=input, weight=weight, bias=bias)
    if len(x) == 1:
        return squeeze(linear(unsqueeze(input, 0), weight, bias), 0)
    return Matmul.apply(input, weight, bias, False, True)
