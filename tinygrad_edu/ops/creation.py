"""New tensors from a shape, a value or a range: where graphs begin."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import numpy as np

from ..autograd import Tensor, engine_ops, wrap
from ..backends import backend, backend_of_device
from ..device import check_device
from ..dtypes import as_dtype, bool_, get_default_dtype, int64
from .checks import check_shape, check_tensor

__all__ = [
    "arange",
    "empty",
    "empty_like",
    "eye",
    "full",
    "full_like",
    "linspace",
    "ones",
    "ones_like",
    "zeros",
    "zeros_like",
]


def place(device: Any) -> ModuleType:
    """The backend of a device given by name; None is the CPU."""
    return backend_of_device(check_device(device).type)


def float_dtype(op: str, dtype: Any) -> np.dtype[Any]:
    """The dtype asked for, which must be a float one, or the default."""
    wanted = get_default_dtype() if dtype is None else as_dtype(dtype)
    if wanted.kind != "f":
        raise TypeError(f"{op}: dtype must be float32 or float64, got {wanted}")
    return wanted


def leaf(array: Any, requires_grad: bool) -> Any:
    """The array as a Tensor, a leaf that collects gradients if asked."""
    tensor = wrap(array)
    if requires_grad:
        tensor.requires_grad_(True)
    return tensor


def _number(op: str, name: str, value: Any) -> Any:
    """A Python number, given as one or as a tensor with one element."""
    if type(value) is int or type(value) is float:
        return value
    if isinstance(value, Tensor | np.generic):
        value = value.array.item() if isinstance(value, Tensor) else value.item()
    if not isinstance(value, int | float):
        raise TypeError(f"{op}: {name} must be a number, got {type(value).__name__}")
    return value


def _filled(op: str, array: Any, value: Any) -> Any:
    """The array, every element set to value, which must fit its dtype."""
    kind = array.dtype.kind
    if kind in "iu":
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(
                f"{op}: fill_value must be finite for dtype {array.dtype}, got {value}"
            )
        value = int(value)
        limits = np.iinfo(array.dtype)
        if not limits.min <= value <= limits.max:
            raise ValueError(f"{op}: fill_value {value} does not fit dtype {array.dtype}")
    elif kind == "f" and math.inf != abs(value) > float(np.finfo(array.dtype).max):
        raise ValueError(f"{op}: fill_value {value} does not fit dtype {array.dtype}")
    array.fill(bool(value) if kind == "b" else value)
    return array


def empty(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Any:
    """A tensor whose elements are whatever the memory held before.

    Args:
        size: the shape, as `empty(2, 3)` or `empty((2, 3))`.
        dtype: of the elements; the default dtype if None.
        device: where they live.
        requires_grad: whether the result collects gradients.

    Returns:
        A tensor of this shape, row-major.

    Raises:
        TypeError: a size is not an int.
        ValueError: a size is negative.
        MemoryError: there is not so much memory.
    """
    wanted = get_default_dtype() if dtype is None else as_dtype(dtype)
    return leaf(place(device).empty(check_shape("empty", size), wanted), requires_grad)


def full(
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    """out_i = fill_value.

    Args:
        size: the shape, a tuple, list or int.
        fill_value: a number.
        dtype: if None, bool for a bool, int64 for an int, the default dtype for a float.
        device, requires_grad: see `empty`.

    Returns:
        A tensor of this shape.

    Raises:
        TypeError, ValueError, MemoryError: see `empty`; or the value does not fit the dtype.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.full((2, 2), 7)
        tensor([[7, 7],
                [7, 7]])
    """
    value = _number("full", "fill_value", fill_value)
    if dtype is not None:
        wanted = as_dtype(dtype)
    elif isinstance(value, float):
        wanted = get_default_dtype()
    else:
        wanted = bool_ if isinstance(value, bool) else int64
    array = place(device).empty(check_shape("full", (size,)), wanted)
    return leaf(_filled("full", array, value), requires_grad)


def zeros(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Any:
    """out_i = 0. For the arguments see `empty`.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.zeros(2, 3)
        tensor([[0., 0., 0.],
                [0., 0., 0.]])
    """
    wanted = get_default_dtype() if dtype is None else as_dtype(dtype)
    return leaf(place(device).full(check_shape("zeros", size), 0, wanted), requires_grad)


def ones(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Any:
    """out_i = 1. For the arguments see `empty`.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.ones(3, dtype=tg.int64)
        tensor([1, 1, 1])
    """
    wanted = get_default_dtype() if dtype is None else as_dtype(dtype)
    return leaf(place(device).full(check_shape("ones", size), 1, wanted), requires_grad)


def empty_array_like(op: str, x: Any, dtype: Any) -> Any:
    """An array of x's shape and memory order, of its dtype unless another is asked for."""
    array = check_tensor(op, x).array
    return backend(array).empty_like(array, array.dtype if dtype is None else as_dtype(dtype))


def empty_like(input: Tensor, *, dtype: Any = None, requires_grad: bool = False) -> Any:
    """A tensor of input's shape and memory order, elements undefined.

    Args:
        input: gives shape, device and, if `dtype` is None, dtype.
        dtype, requires_grad: see `empty`.

    Returns:
        A tensor of input's shape.

    Raises:
        TypeError: input is not a Tensor.
    """
    return leaf(empty_array_like("empty_like", input, dtype), requires_grad)


def full_like(
    input: Tensor, fill_value: Any, *, dtype: Any = None, requires_grad: bool = False
) -> Any:
    """out_i = fill_value, in the shape of input. For the other arguments see `empty_like`."""
    array = empty_array_like("full_like", input, dtype)
    value = _number("full_like", "fill_value", fill_value)
    return leaf(_filled("full_like", array, value), requires_grad)


def zeros_like(input: Tensor, *, dtype: Any = None, requires_grad: bool = False) -> Any:
    """out_i = 0, in the shape of input. For the arguments see `empty_like`."""
    array = empty_array_like("zeros_like", input, dtype)
    array.fill(0)
    return leaf(array, requires_grad)


def ones_like(input: Tensor, *, dtype: Any = None, requires_grad: bool = False) -> Any:
    """out_i = 1, in the shape of input. For the arguments see `empty_like`."""
    array = empty_array_like("ones_like", input, dtype)
    array.fill(1)
    return leaf(array, requires_grad)


def _from_values(values: np.ndarray[Any, Any], dtype: Any, device: Any, requires_grad: bool) -> Any:
    """Values computed on the host, converted to dtype on the device."""
    b = place(device)
    array = b.empty(values.shape, dtype)
    array[...] = b.from_host(values)
    return leaf(array, requires_grad)


def arange(
    start: Any,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    """out_i = start + i * step for every i >= 0 with out_i before end.

    Args:
        start: the first value; `arange(end)` starts at 0.
        end: the bound, itself left out.
        step: the distance, not 0.
        dtype: if None, int64 when all three are ints, else the default dtype.
        device, requires_grad: see `empty`.

    Returns:
        A tensor of shape (ceil((end - start) / step),).

    Raises:
        TypeError: an argument is not a number.
        ValueError: step is 0, leads away from end, or an argument is not finite.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.arange(1, 10, 3)
        tensor([1, 4, 7])
    """
    if end is None:
        start, end = 0, start
    start = _number("arange", "start", start)
    end = _number("arange", "end", end)
    step = _number("arange", "step", step)
    whole = isinstance(start, int) and isinstance(end, int) and isinstance(step, int)
    finite = whole or (math.isfinite(start) and math.isfinite(end) and math.isfinite(step))
    if not finite or step == 0 or (end - start) * step < 0:
        raise ValueError(
            "arange: step must lead from start to end, all finite, "
            f"got start {start}, end {end}, step {step}"
        )
    count = -((start - end) // step) if whole else math.ceil((end - start) / step)
    wanted = as_dtype(dtype) if dtype is not None else int64 if whole else get_default_dtype()
    if wanted.kind != "f":
        start, step = int(start), int(step)
    return _from_values(start + step * np.arange(count), wanted, device, requires_grad)


def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    """out_i = start + i * (end - start) / (steps - 1): evenly spaced, both ends included.

    Args:
        start, end: the first and the last value.
        steps: how many values, >= 0.
        dtype: the default dtype if None.
        device, requires_grad: see `empty`.

    Returns:
        A tensor of shape (steps,). Symmetric: counted from `end` in the upper half, so that the
        last value is exact.

    Raises:
        TypeError: an argument is not a number.
        ValueError: steps is negative.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.linspace(0, 1, 5)
        tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    (count,) = check_shape("linspace", (steps,))
    first, last = float(_number("linspace", "start", start)), float(_number("linspace", "end", end))
    i = np.arange(count)
    step = (last - first) / max(count - 1, 1)
    values = np.where(i < count / 2, first + step * i, last - step * (count - 1 - i))
    wanted = get_default_dtype() if dtype is None else as_dtype(dtype)
    if wanted.kind != "f" and not math.isfinite(last - first):
        raise ValueError(f"linspace: ends must be finite for dtype {wanted}, got {start} and {end}")
    return _from_values(values, wanted, device, requires_grad)


def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Any:
    """out_ij = 1 where i = j, else 0.

    Args:
        n: number of rows.
        m: number of columns; n if None.
        dtype: the default dtype if None.
        device, requires_grad: see `empty`.

    Returns:
        A tensor of shape (n, m).

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.eye(2)
        tensor([[1., 0.],
                [0., 1.]])
    """
    rows, columns = check_shape("eye", (n, n if m is None else m))
    wanted = get_default_dtype() if dtype is None else as_dtype(dtype)
    b = place(device)
    array = b.zeros((rows, columns), wanted)
    if min(rows, columns) > 0:
        b.view(array, (min(rows, columns),), (columns + 1,)).fill(1)
    return leaf(array, requires_grad)


engine_ops["ones_like"] = ones_like
engine_ops["zeros_like"] = zeros_like
