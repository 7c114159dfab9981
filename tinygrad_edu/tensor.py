"""The user's object. A Tensor is an array, the node that made it, and a method for every op
(tensor_methods.py). Here is what is no op: attributes, values, gradients, conversions, copies.
"""

from __future__ import annotations

import copy as copying
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import autograd, gradients
from ._C import register_tensor_class
from .autograd import (
    AccumulateGrad,
    RetainedGrad,
    current_node,
    side_of,
)
from .backends import backend
from .device import CPU, check_device, device
from .dtypes import (
    as_dtype,
    bool_,
    float32,
    float64,
    get_default_dtype,
    int8,
    int16,
    int32,
    int64,
    uint8,
)
from .hooks import RemovableHandle, register
from .ops import convert, creation
from .ops.checks import check_dim
from .printing import tensor_text
from .tensor_methods import Methods


@register_tensor_class
class Tensor(Methods):
    """A multi-dimensional array that remembers how it was computed.

    `array` is the numpy.ndarray beneath. Make tensors with tensor(), zeros(), randn() and the like;
    `Tensor(data)` is tensor(data) in the default float dtype.

    Example:
        >>> import tinygrad_edu as tg
        >>> w = tg.tensor([1.0, 2.0], requires_grad=True)
        >>> loss = (w * w).sum()
        >>> loss.backward()
        >>> w.grad
        tensor([2., 4.])
    """

    __slots__ = ()
    __array_ufunc__ = None  # numpy_array * tensor calls Tensor.__rmul__, so the result has a graph
    __array_priority__ = 1000

    def __new__(cls, *data: Any) -> Any:
        if len(data) > 1 or (data and isinstance(data[0], int)):
            raise TypeError(
                "Tensor: takes the data, not sizes; for an uninitialised tensor use empty(2, 3)"
            )
        source = convert.tensor(data[0] if data else [], dtype=get_default_dtype())
        source.__class__ = Tensor
        return source

    # ---- what it is ------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of all dims."""
        return self.array.shape

    @property
    def ndim(self) -> int:
        """The number of dims."""
        return self.array.ndim

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the elements."""
        return self.array.dtype

    @property
    def device(self) -> device:
        """Where the memory is."""
        return CPU

    @property
    def itemsize(self) -> int:
        """Bytes an element."""
        return self.array.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self.array.nbytes

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of one dim."""
        if dim is None:
            return self.array.shape
        if not -self.array.ndim <= dim < self.array.ndim:
            raise IndexError(f"size: dim must be in [{-self.ndim}, {self.ndim - 1}], got {dim}")
        return self.array.shape[dim]

    def dim(self) -> int:
        """The number of dims."""
        return self.array.ndim

    def numel(self) -> int:
        """The number of elements."""
        return self.array.size

    nelement = numel

    def element_size(self) -> int:
        """Bytes an element."""
        return self.array.itemsize

    def stride(self, dim: int | None = None) -> Any:
        """Steps in memory, in elements: of all dims, or of one."""
        strides = tuple(step // self.array.itemsize for step in self.array.strides)
        return strides if dim is None else strides[check_dim("stride", dim, len(strides))]

    def data_ptr(self) -> int:
        """The address of the first element."""
        return self.array.ctypes.data

    def is_floating_point(self) -> bool:
        """Whether the dtype is a float."""
        return self.array.dtype.kind == "f"

    def __len__(self) -> int:
        if self.array.ndim == 0:
            raise TypeError("len: a 0-d tensor has no length")
        return self.array.shape[0]

    def __iter__(self) -> Iterator[Any]:
        if self.array.ndim == 0:
            raise TypeError("iter: a 0-d tensor cannot be iterated over")
        return (self[i] for i in range(self.array.shape[0]))

    def __repr__(self) -> str:
        return tensor_text(self)

    def __format__(self, spec: str) -> str:
        return (
            format(self.item(), spec) if spec and self.array.ndim == 0 else format(repr(self), spec)
        )

    __hash__ = object.__hash__

    # ---- values ----------------------------------------------------------------------------------

    def item(self) -> Any:
        """The single element as a Python number."""
        if self.array.size != 1:
            raise RuntimeError(
                f"item: only for tensors of one element, got shape {self.shape}; use tolist()"
            )
        return self.array.item()

    def tolist(self) -> Any:
        """The values as nested lists."""
        return self.array.tolist()

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """The values as a NumPy array over the same memory.

        Raises:
            RuntimeError: if the tensor requires grad (writes to the array would pass the graph by);
                detach it first.
        """
        if self.node is not None and not force:
            raise RuntimeError("numpy: this tensor requires grad; use .detach().numpy()")
        return self.array.view()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self.numpy()
        if dtype is not None and array.dtype != dtype:
            if copy is False:
                raise ValueError(
                    f"__array__: converting {array.dtype} to {np.dtype(dtype)} needs a copy"
                )
            return array.astype(dtype)
        return array.copy() if copy else array

    def __dlpack__(self, **kwargs: Any) -> Any:
        return self.numpy().__dlpack__(**kwargs)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.array.__dlpack_device__()

    def __bool__(self) -> bool:
        if self.array.size != 1:
            raise RuntimeError(
                f"bool: a tensor of shape {self.shape} is neither true nor false; use .any(), "
                ".all() or .numel()"
            )
        return bool(self.array.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.array.dtype.kind not in "iub":
            raise TypeError(
                f"index: only an integer tensor can be an index, got {self.array.dtype}"
            )
        return int(self.item())

    def __contains__(self, value: Any) -> bool:
        return bool((self.array == (value.array if isinstance(value, Tensor) else value)).any())

    # ---- gradients -------------------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        """Whether operations on this tensor are recorded."""
        return current_node(self) is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        convert.make_leaf(self, value)

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Turns the recording of operations on this leaf on or off."""
        return convert.make_leaf(self, requires_grad)

    @property
    def is_leaf(self) -> bool:
        """Whether no op made this tensor, or none that was recorded."""
        node = current_node(self)
        return node is None or type(node) is AccumulateGrad

    @property
    def grad_fn(self) -> autograd.Node | None:
        """The node that made this tensor; None for a leaf."""
        node = current_node(self)
        if isinstance(node, autograd.Output):
            return node.edges[0]
        return None if type(node) is AccumulateGrad else node

    @property
    def grad(self) -> Any:
        """What backward() has added up for this tensor, or None."""
        return None if self.grad_holder is None else self.grad_holder.grad

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(f"grad: must be a Tensor or None, got {type(value).__name__}")
            if value.shape != self.shape or value.dtype != self.dtype:
                raise RuntimeError(
                    f"grad: must have the tensor's shape and dtype, {self.shape} {self.dtype}, "
                    f"got {value.shape} {value.dtype}"
                )
        if self.grad_holder is None:
            if value is None:
                return
            self.grad_holder = AccumulateGrad(self) if self.node is None else RetainedGrad()
        self.grad_holder.grad = value

    @grad.deleter
    def grad(self) -> None:
        self.grad = None

    def retain_grad(self) -> None:
        """Keeps the gradient in `.grad` although this is no leaf."""
        node = current_node(self)
        if node is None:
            raise RuntimeError("retain_grad: this tensor does not require grad")
        if type(node) is not AccumulateGrad and not isinstance(self.grad_holder, RetainedGrad):
            self.grad_holder = side_of(node).retained = RetainedGrad()

    @property
    def retains_grad(self) -> bool:
        """Whether retain_grad() was called on this tensor, which is no leaf."""
        return isinstance(self.grad_holder, RetainedGrad)

    def backward(
        self,
        gradient: Any = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Adds d sum(self . gradient) / d leaf to the `.grad` of every leaf; see
        autograd.backward.
        """
        gradients.backward(self, gradient, retain_graph, create_graph, inputs)

    def register_hook(self, hook: Callable[[Any], Any]) -> RemovableHandle:
        """Calls hook(grad) when this tensor's gradient is known; what it returns, unless None,
        replaces the gradient.
        """
        node = current_node(self)
        if node is None:
            raise RuntimeError("register_hook: this tensor does not require grad")
        if not callable(hook):
            raise TypeError(f"register_hook: hook must be callable, got {type(hook).__name__}")
        return register(side_of(node).hooks, hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Any], Any]) -> RemovableHandle:
        """Calls hook(tensor) after backward has added to this leaf's `.grad`."""
        node = current_node(self)
        if not isinstance(node, AccumulateGrad):
            raise RuntimeError(
                "register_post_accumulate_grad_hook: only for leaves that require grad"
            )
        if node.post_hooks is None:
            node.post_hooks = {}
        return register(node.post_hooks, hook)

    @property
    def data(self) -> Any:
        """The same memory without history, and without telling the graph of writes: `p.data -=
        lr * p.grad`.
        """
        return autograd.wrap(self.array.view())

    @data.setter
    def data(self, value: Any) -> None:
        if not isinstance(value, autograd.Tensor):
            raise TypeError(f"data: must be a Tensor, got {type(value).__name__}")
        if self.node is not None and value.array.dtype.kind != "f":
            raise TypeError(
                f"data: a tensor that requires grad needs float data, got {value.array.dtype}"
            )
        self.array = value.array.view()
        self.version = [self.version[0] + 1]
        self.view_of = None
        if isinstance(self.grad_holder, AccumulateGrad):
            self.grad_holder.shape = self.array.shape

    detach = convert.detach

    def detach_(self) -> Any:
        """Forgets the history of this tensor."""
        if self.view_of is not None:
            raise RuntimeError("detach_: a view cannot be detached in place; use detach()")
        self.node = None
        self.grad_holder = None
        return self

    @property
    def _version(self) -> int:
        return self.version[0]

    # ---- copies and conversions ------------------------------------------------------------------

    def to(
        self,
        *args: Any,
        dtype: Any = None,
        device: Any = None,
        non_blocking: bool = False,
        copy: bool = False,
        memory_format: str = "preserve_format",
    ) -> Any:
        """This tensor with another dtype or device: to(dtype), to(device), to(device, dtype),
        to(other).

        Args:
            args: a dtype, a device, or a tensor that has both.
            dtype, device: the same, by name.
            non_blocking: accepted for PyTorch's sake, without effect.
            copy: make a copy even where nothing changes.
            memory_format: "channels_last" or "contiguous_format" for the order of dims in memory.
        """
        for arg in args:
            if isinstance(arg, autograd.Tensor):
                dtype = arg.array.dtype
            elif _is_device(arg):
                device = arg
            elif not isinstance(arg, bool):
                dtype = arg
        check_device(device)
        changed = dtype is not None and as_dtype(dtype) != self.array.dtype
        out = convert.cast(self, dtype) if changed else self.clone() if copy else self
        kept = memory_format == "preserve_format"
        return out if kept else out.contiguous(memory_format=memory_format)

    def new_tensor(self, data: Any, **options: Any) -> Any:
        """tensor(data), in this tensor's dtype unless another is given; so the four that follow."""
        return convert.tensor(data, **{"dtype": self.dtype, **options})

    def new_empty(self, *size: Any, **options: Any) -> Any:
        """empty(size)."""
        return creation.empty(*size, **{"dtype": self.dtype, **options})

    def new_full(self, size: Any, fill_value: Any, **options: Any) -> Any:
        """full(size, fill_value)."""
        return creation.full(size, fill_value, **{"dtype": self.dtype, **options})

    def new_zeros(self, *size: Any, **options: Any) -> Any:
        """zeros(size)."""
        return creation.zeros(*size, **{"dtype": self.dtype, **options})

    def new_ones(self, *size: Any, **options: Any) -> Any:
        """ones(size)."""
        return creation.ones(*size, **{"dtype": self.dtype, **options})

    def type(self, dtype: Any = None) -> Any:
        """This tensor in another dtype; without one, the dtype's name."""
        return str(self.array.dtype) if dtype is None else self.to(dtype)

    def type_as(self, other: Any) -> Any:
        """This tensor in the dtype of another."""
        return self.to(other.dtype)

    def cpu(self) -> Any:
        """This tensor in the CPU's memory."""
        return self

    def float(self) -> Any:
        """This tensor as float32."""
        return convert.cast(self, float32)

    def double(self) -> Any:
        """This tensor as float64."""
        return convert.cast(self, float64)

    def long(self) -> Any:
        """This tensor as int64."""
        return convert.cast(self, int64)

    def int(self) -> Any:
        """This tensor as int32."""
        return convert.cast(self, int32)

    def short(self) -> Any:
        """This tensor as int16."""
        return convert.cast(self, int16)

    def char(self) -> Any:
        """This tensor as int8."""
        return convert.cast(self, int8)

    def byte(self) -> Any:
        """This tensor as uint8."""
        return convert.cast(self, uint8)

    def bool(self) -> Any:
        """This tensor as bool: whether each element differs from zero."""
        return convert.cast(self, bool_)

    def __copy__(self) -> Any:
        out = convert.detach(self)
        out.__class__ = type(self)
        return convert.make_leaf(out, self.requires_grad and self.is_leaf)

    def __deepcopy__(self, memo: dict[Any, Any]) -> Any:
        if not self.is_leaf:
            raise RuntimeError(
                "deepcopy: only leaves can be copied with their place in the graph; use clone() "
                "or detach()"
            )
        out = autograd.wrap(backend(self.array).copy(self.array))
        out.__class__ = type(self)
        memo[id(self)] = out
        if hasattr(self, "__dict__"):
            out.__dict__.update(copying.deepcopy(self.__dict__, memo))
        convert.make_leaf(out, self.requires_grad)
        if self.grad is not None:
            out.grad = copying.deepcopy(self.grad.detach(), memo)
        return out

    def __reduce_ex__(self, protocol: Any) -> Any:
        if not self.is_leaf:
            raise RuntimeError("pickle: only leaves can be pickled; use detach()")
        array = backend(self.array).to_host(backend(self.array).contiguous(self.array))
        return _rebuild, (type(self), array, self.requires_grad)


def is_tensor(obj: Any) -> bool:
    """Whether an object is a Tensor."""
    return isinstance(obj, Tensor)


def _is_device(value: Any) -> bool:
    return isinstance(value, device) or (
        isinstance(value, str) and value.partition(":")[0] in ("cpu", "cuda")
    )


def _rebuild(cls: type, array: np.ndarray, requires_grad: bool) -> Any:
    """Undoes pickling."""
    out = convert.tensor(array)
    out.__class__ = cls
    return convert.make_leaf(out, requires_grad)
