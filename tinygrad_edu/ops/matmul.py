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
from .checks import check_float, check_same_dtype
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
        need_x, need_y = self.needs_input_grad[:2]
        self.save(x if need_y else None, y if need_x else None)
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


def _operands(op: str, dims: tuple[int | None, ...], **tensors: Any) -> Any:
    """The operands as Tensors of one dtype, each with the number of dims asked for (None: any but
    0).
    """
    for (name, x), ndim in zip(tensors.items(), dims, strict=True):
        if not isinstance(x, Tensor):
            if not isinstance(x, np.ndarray):
                raise TypeError(
                    f"{op}: {name} must be a Tensor, got {type(x).__name__}; make one with "
                    f"tensor(...)"
                )
            tensors[name] = x = autograd.engine_ops["as_tensor"](x)
        shape = x.array.shape
        if ndim is None and not shape:
            raise ValueError(f"{op}: {name} must have at least 1 dim, got a 0-d tensor; use mul")
        if ndim is not None and len(shape) != ndim:
            raise ValueError(f"{op}: {name} must have {ndim} dims, got shape {shape}")
        if x.array.dtype.kind == "b":
            raise TypeError(f"{op}: not defined for bool tensors; convert {name} with .float()")
    check_same_dtype(op, **tensors)
    return tensors.values()


def _check_inner(op: str, x: tuple[int, ...], y: tuple[int, ...]) -> None:
    """The last dim of x meets the last but one of y, or the only one of a vector."""
    if x[-1] != (y[-2] if len(y) > 1 else y[0]):
        raise ValueError(f"{op}: inner dimensions must match, got {x} @ {y}")
    try:
        _broadcast(x[:-2], y[:-2])
    except ValueError:
        raise ValueError(f"{op}: batch dimensions must broadcast, got {x} @ {y}") from None


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
    input, other = _operands("matmul", (None, None), input=input, other=other)
    x, y = input.array.shape, other.array.shape
    _check_inner("matmul", x, y)
    if len(x) > 1 and len(y) > 1:
        return _product(input, other, False, False)
    left = input if len(x) > 1 else unsqueeze(input, 0)
    right = other if len(y) > 1 else unsqueeze(other, 1)
    out = _product(left, right, False, False)
    lacking = ((-2,) if len(x) == 1 else ()) + ((-1,) if len(y) == 1 else ())
    return squeeze(out, lacking)


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
    input, mat2 = _operands("mm", (2, 2), input=input, mat2=mat2)
    _check_inner("mm", input.array.shape, mat2.array.shape)
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
    input, mat2 = _operands("bmm", (3, 3), input=input, mat2=mat2)
    x, y = input.array.shape, mat2.array.shape
    if x[0] != y[0]:
        raise ValueError(f"bmm: batch sizes must be equal, got {x} @ {y}; matmul broadcasts")
    _check_inner("bmm", x, y)
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
    input, vec = _operands("mv", (2, 1), input=input, vec=vec)
    _check_inner("mv", input.array.shape, vec.array.shape)
    return matmul(input, vec)


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
    input, tensor = _operands("dot", (1, 1), input=input, tensor=tensor)
    _check_inner("dot", input.array.shape, tensor.array.shape)
    return matmul(input, tensor)


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
    for name, x in (("input", input), ("vec2", vec2)):
        if x.array.ndim != 1:
            raise ValueError(f"outer: {name} must have 1 dim, got shape {x.array.shape}")
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
    mat1, mat2 = _operands("addmm", (2, 2), mat1=mat1, mat2=mat2)
    x, y = mat1.array.shape, mat2.array.shape
    _check_inner("addmm", x, y)
    check_same_dtype("addmm", input=input, mat1=mat1)
    shape, bias = (x[0], y[1]), input.array.shape
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
    operands = {"input": input, "weight": weight}
    if bias is not None:
        operands["bias"] = bias
    input, weight, *rest = _operands("linear", (None, 2, 1)[: len(operands)], **operands)
    check_float("linear", input)
    x, (out_features, in_features) = input.array.shape, weight.array.shape
    if x[-1] != in_features:
        raise ValueError(
            f"linear: inner dimensions must match, got {x} @ {(in_features, out_features)}; "
            f"Linear expects {in_features} features in the last dimension"
        )
    if rest and rest[0].array.shape != (out_features,):
        raise ValueError(
            f"linear: bias must have shape {(out_features,)}, as weight has {out_features} rows, "
            f"got {rest[0].array.shape}"
        )
    if len(x) == 1:
        return squeeze(linear(unsqueeze(input, 0), weight, bias), 0)
    return Matmul.apply(input, weight, rest[0] if rest else None, False, True)
