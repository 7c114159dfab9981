"""Making tensors of Python data and NumPy arrays, and converting between dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import autograd
from ..autograd import AccumulateGrad, Function, Tensor, wrap
from ..backends import backend, cpu
from ..device import check_device
from ..dtypes import SUPPORTED, as_dtype, get_default_dtype, int64
from .checks import check_tensor
from .promotion import result_type


class Cast(Function):
    """out = x in another dtype. grad_x = grad_output in x's dtype."""

    def forward(self, x: Any, dtype: Any) -> Any:
        self.dtype_x = x.dtype
        out = backend(x).cast(x, dtype)
        if dtype.kind != "f":
            self.non_differentiable = (0,)
        return out

    def backward(self, grad_output: Any) -> Any:
        return Cast.apply(grad_output, self.dtype_x)


def cast(input: Tensor, dtype: Any) -> Any:
    """out = input in another dtype; the input itself where it has that dtype already.

    Floats turn into integers toward zero; what an integer type cannot hold is undefined, as in
    PyTorch.

    Gradient: grad_output in input's dtype.
    """
    wanted = as_dtype(dtype)
    return input if input.array.dtype == wanted else Cast.apply(input, wanted)


def make_leaf(tensor: Any, requires_grad: bool = True) -> Any:
    """Turns requires_grad of a leaf on or off, and returns it."""
    if not requires_grad:
        if tensor.node is not None and type(tensor.node) is not AccumulateGrad:
            raise RuntimeError(
                "requires_grad_: only leaves can be switched off; detach() gives this value "
                "without its history"
            )
        tensor.node = None
    elif tensor.node is None:
        if tensor.array.dtype.kind != "f":
            raise RuntimeError(
                f"requires_grad_: only float tensors can have gradients, got {tensor.array.dtype}"
            )
        if not isinstance(tensor.grad_holder, AccumulateGrad):
            tensor.grad_holder = AccumulateGrad(tensor)
        tensor.node = tensor.grad_holder
        tensor.view_of = None  # a leaf's history starts here, not at the base of a view
    return tensor


def _host_array(op: str, data: Any, dtype: Any) -> np.ndarray:
    """Python data as a NumPy array: floats in the default dtype, as PyTorch infers it."""
    if isinstance(data, np.ndarray):
        array = data
    elif isinstance(data, (list, tuple)) and _holds_tensors(data):
        array = np.asarray(_unwrapped(data))
    else:
        try:
            array = np.asarray(data)
        except ValueError as error:
            raise ValueError(
                f"{op}: the nested sequences must have equal lengths ({error})"
            ) from None
        is_python = not isinstance(data, np.generic) and not _holds_numpy(data)
        if dtype is None and array.dtype.kind == "f" and (is_python or array.size == 0):
            with np.errstate(over="ignore"):  # 1e300 is infinite in float32, as in PyTorch
                array = array.astype(get_default_dtype())
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{op}: data must be numbers, got {array.dtype}")
    if dtype is None and array.dtype.newbyteorder("=") not in SUPPORTED:
        raise TypeError(
            f"{op}: dtype {array.dtype} is not supported; give dtype=, one of "
            + ", ".join(map(str, SUPPORTED))
        )
    return array


def _holds_tensors(data: Any) -> bool:
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return isinstance(data, Tensor)


def _holds_numpy(data: Any) -> bool:
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return isinstance(data, (np.ndarray, np.generic))


def _unwrapped(data: Any) -> Any:
    if isinstance(data, (list, tuple)):
        return [_unwrapped(item) for item in data]
    return data.array if isinstance(data, Tensor) else data


def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Any:
    """A new tensor that holds a copy of the data.

    Args:
        data: number, nested sequence of numbers, NumPy array, or Tensor (copied and detached).
        dtype: wanted dtype; by default that of the data, with Python floats in the default float
            dtype.
        device: "cpu".
        requires_grad: whether operations on it are recorded.

    Raises:
        ValueError: nested sequences of unequal lengths.
        TypeError: data that are not numbers.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.tensor([[1, 2], [3, 4]], dtype=tg.float32)
        tensor([[1., 2.],
                [3., 4.]])
    """
    check_device(device)
    wanted = None if dtype is None else as_dtype(dtype)
    source = data.array if isinstance(data, Tensor) else _host_array("tensor", data, dtype)
    if source.ndim > 16:
        raise ValueError(f"tensor: at most 16 dimensions, got {source.ndim}")
    array = cpu.empty(source.shape, wanted or source.dtype.newbyteorder("="))
    with np.errstate(invalid="ignore", over="ignore"):
        np.copyto(array, source, casting="unsafe")
    return make_leaf(wrap(array), requires_grad)


def from_numpy(array: np.ndarray) -> Any:
    """A tensor over the array's own memory: writes to one are seen by the other.

    Raises:
        TypeError: not a NumPy array, or of a dtype that tensors do not have.
        ValueError: memory that kernels cannot read in place (byte-swapped, unaligned, or strided by
            parts of an element).
    """
    if not isinstance(array, np.ndarray):
        raise TypeError(f"from_numpy: expected a numpy.ndarray, got {type(array).__name__}")
    if array.dtype not in SUPPORTED:
        raise TypeError(
            f"from_numpy: dtype {array.dtype} is not supported; convert it with .astype(...)"
        )
    if not _readable(array):
        raise ValueError(
            "from_numpy: the array is byte-swapped, unaligned, strided by parts of an element or "
            "has over 16 dimensions; pass tensor(array) for a copy"
        )
    return wrap(np.asarray(array).view())


def _readable(array: np.ndarray) -> bool:
    whole = all(stride % array.itemsize == 0 for stride in array.strides)
    return bool(array.flags.aligned and array.dtype.isnative and whole and array.ndim <= 16)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Any:
    """The data as a tensor, without a copy where that is possible: a Tensor itself, a NumPy array's
    own memory.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.as_tensor(3)
        tensor(3)
    """
    check_device(device)
    if isinstance(data, Tensor):
        return data if dtype is None else cast(data, dtype)
    if type(data) is float or type(data) is int:  # the common case of x == 0.5, without detours
        natural = int64 if type(data) is int else get_default_dtype()
        wanted = natural if dtype is None else as_dtype(dtype)
        if (wanted.kind == "f" or wanted is natural) and -(2**63) <= data < 2**63:
            return wrap(np.array(data, dtype=wanted))
    if isinstance(data, np.ndarray) and data.dtype in SUPPORTED and _readable(data):
        shared = from_numpy(data)
        return shared if dtype is None else cast(shared, dtype)
    if isinstance(data, (str, bytes)) or data is None:
        raise TypeError(
            f"as_tensor: expected numbers, an array or a Tensor, got {type(data).__name__}"
        )
    return tensor(data, dtype=dtype)


def asarray(data: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Any:
    """as_tensor, or tensor where copy=True."""
    return tensor(data, dtype=dtype, device=device) if copy else as_tensor(data, dtype, device)


def from_dlpack(source: Any) -> Any:
    """A tensor over the memory of any array that speaks DLPack (NumPy, PyTorch, JAX), without a
    copy. NumPy before 2.1, which does the exchange, makes it read-only.
    """
    return from_numpy(np.from_dlpack(source))


def detach(input: Tensor) -> Any:
    """The same memory without history: no gradient flows through it. Writes to either are seen
    by both.
    """
    check_tensor("detach", input)
    out = wrap(input.array.view())
    out.version = input.version
    return out


autograd.engine_ops["cast"] = cast
autograd.engine_ops["as_tensor"] = as_tensor
autograd.engine_ops["result_type"] = lambda *operands: result_type(
    *(x.array if isinstance(x, Tensor) else x for x in operands)
)
