"""Random tensors.

Like PyTorch's, none of these is differentiable, nor are means and deviations given as tensors.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import Tensor, wrap
from ..backends import backend
from ..dtypes import as_dtype, int64
from ..random import Generator
from .checks import check_float, check_shape, check_tensor
from .creation import float_dtype, leaf, place
from .draws import check_int, draw_integers, draw_normal, draw_uniform, in_order_of, reserve

__all__ = [
    "normal",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "randperm",
]


def rand(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    """out_i ~ U[0, 1): multiples of 2^-24 (float32) or 2^-53 (float64), all equally likely.

    Args:
        size: the shape, as `rand(2, 3)` or `rand((2, 3))`.
        generator: where the numbers come from; the default generator if None.
        dtype: float32 or float64; the default dtype if None.
        device: where the tensor lives.
        requires_grad: whether the result collects gradients.

    Returns:
        A tensor of this shape.

    Raises:
        TypeError: a size is not an int, dtype is not a float one, or generator is not a Generator.
        ValueError: a size is negative.

    Example:
        >>> import tinygrad_edu as tg
        >>> all(0 <= x < 1 for x in tg.rand(1000).tolist())
        True
    """
    array = draw_uniform(
        "rand", place(device), check_shape("rand", size), float_dtype("rand", dtype), generator
    )
    return leaf(array, requires_grad)


def randn(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    """out_i ~ N(0, 1), by Box and Muller's transform. For the arguments see `rand`.

    Reference:
        Box and Muller, "A note on the generation of random normal deviates", Ann. Math. Stat. 29,
        1958.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.randn(2, 3).shape
        (2, 3)
    """
    array = draw_normal(
        "randn", place(device), check_shape("randn", size), float_dtype("randn", dtype), generator
    )
    return leaf(array, requires_grad)


def randint(
    low: Any,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    """Integers, each of low, ..., high - 1 equally likely (to a relative 2^-64 (high - low)).

    Args:
        low: the smallest; `randint(high, size)` starts at 0.
        high: one more than the largest.
        size: the shape, a tuple or list.
        dtype: of the result; int64 if None.
        generator, device, requires_grad: see `rand`.

    Returns:
        A tensor of this shape.

    Raises:
        TypeError: low or high is not an int.
        ValueError: low >= high, or a value in between does not fit dtype.

    Example:
        >>> import tinygrad_edu as tg
        >>> sorted(set(tg.randint(1, 7, (1000,)).tolist()))
        [1, 2, 3, 4, 5, 6]
    """
    if size is None:
        if high is None:
            raise TypeError(
                "randint: needs high and size, as randint(high, size) or randint(low, high, size)"
            )
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    low, high = check_int("randint", "low", low), check_int("randint", "high", high)
    wanted = int64 if dtype is None else as_dtype(dtype)
    shape = check_shape("randint", (size,))
    return leaf(
        draw_integers("randint", place(device), shape, low, high, wanted, generator), requires_grad
    )


def randperm(
    n: int, *, generator: Generator | None = None, dtype: Any = None, device: Any = None
) -> Any:
    """0, 1, ..., n - 1 in random order, all n! equally likely, by Fisher and Yates' shuffle.

    Args:
        n: how many, >= 0.
        dtype: of the result; int64 if None.
        generator, device: see `rand`.

    Returns:
        A tensor of shape (n,).

    Raises:
        TypeError: n is not an int.
        ValueError: n is negative.

    Example:
        >>> import tinygrad_edu as tg
        >>> sorted(tg.randperm(5).tolist())
        [0, 1, 2, 3, 4]
    """
    b = place(device)
    out = b.empty(check_shape("randperm", (n,)), int64)
    b.random_permutation(out, *reserve("randperm", generator, 2 * out.size))
    wanted = int64 if dtype is None else as_dtype(dtype)
    return wrap(out if wanted == int64 else b.cast(out, wanted))


def normal(
    mean: Any,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    """out_i ~ N(mean_i, std_i^2).

    Args:
        mean, std: numbers, or float tensors of shapes that broadcast; no gradient flows into them.
        size: the shape, if mean and std are both numbers.
        dtype: then the dtype of the result; the default dtype if None.
        generator, device, requires_grad: see `rand`.

    Returns:
        A tensor of the given or the broadcast shape.

    Raises:
        ValueError: std is negative.
        TypeError: mean and std are numbers and size is missing.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.normal(tg.tensor([1.0, 2.0]), 0.0)
        tensor([1., 2.])
    """
    tensors = [x for x in (mean, std) if isinstance(x, Tensor)]
    for x in tensors:
        check_float("normal", x)
    mean, std = (x.array if isinstance(x, Tensor) else x for x in (mean, std))
    if tensors:
        b = backend(tensors[0].array)
        shape = np.broadcast_shapes(*(x.array.shape for x in tensors))
        wanted = np.result_type(*(x.array.dtype for x in tensors))
    else:
        if size is None:
            raise TypeError("normal: size must be given when mean and std are numbers")
        b, shape = place(device), check_shape("normal", (size,))
        wanted = float_dtype("normal", dtype)
    if (std < 0).any() if hasattr(std, "any") else not std >= 0:
        raise ValueError(
            "normal: std must not be negative" + (f", got {std}" if not tensors else "")
        )
    values = draw_normal("normal", b, shape, wanted, generator)
    values *= std
    values += mean
    return leaf(values, requires_grad)


def rand_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    requires_grad: bool = False,
) -> Any:
    """out_i ~ U[0, 1), in the shape, memory order and (if None) dtype of input. See `rand`."""
    x = check_tensor("rand_like", input)
    wanted = float_dtype("rand_like", x.array.dtype if dtype is None else dtype)
    values = draw_uniform("rand_like", backend(x.array), x.array.shape, wanted, generator)
    return leaf(in_order_of(x, values), requires_grad)


def randn_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    requires_grad: bool = False,
) -> Any:
    """out_i ~ N(0, 1), in the shape, memory order and (if None) dtype of input. See `randn`."""
    x = check_tensor("randn_like", input)
    wanted = float_dtype("randn_like", x.array.dtype if dtype is None else dtype)
    values = draw_normal("randn_like", backend(x.array), x.array.shape, wanted, generator)
    return leaf(in_order_of(x, values), requires_grad)


def randint_like(
    input: Tensor,
    low: Any,
    high: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    requires_grad: bool = False,
) -> Any:
    """Integers in [low, high), or in [0, low) if high is None, shaped like input. See `randint`.

    Memory order and, if None, dtype are input's, too.
    """
    x = check_tensor("randint_like", input)
    if high is None:
        low, high = 0, low
    low, high = check_int("randint_like", "low", low), check_int("randint_like", "high", high)
    wanted = x.array.dtype if dtype is None else as_dtype(dtype)
    values = draw_integers(
        "randint_like", backend(x.array), x.array.shape, low, high, wanted, generator
    )
    return leaf(in_order_of(x, values), requires_grad)
