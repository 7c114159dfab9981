"""Parameter and Buffer: Tensors that a Module registers when they become its attributes."""

from __future__ import annotations

from typing import Any

from ..ops.convert import detach, make_leaf
from ..ops.creation import empty
from ..tensor import Tensor


class Parameter(Tensor):
    """A leaf that requires a gradient, and registers itself when a Module gets it as an attribute.

    Args:
        data: the values; memory is shared. Default: an empty Tensor.
        requires_grad: whether it is trained.

    Example:
        >>> tg.nn.Parameter(tg.zeros(2))
        Parameter containing:
        tensor([0., 0.], requires_grad=True)
    """

    __slots__ = ()

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Parameter:
        if data is None:
            data = empty(0)
        if not isinstance(data, Tensor):
            raise TypeError(
                f"Parameter: data must be a Tensor, got {type(data).__name__}; use tensor(...)"
            )
        parameter: Any = detach(data)
        parameter.__class__ = cls
        make_leaf(parameter, requires_grad)
        return parameter

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()


class Buffer(Tensor):
    """A Tensor that a Module registers as a buffer when it gets it as an attribute.

    Args:
        data: the values; memory is shared.
        persistent: whether `state_dict` contains it.
    """

    __slots__ = ()
    persistent = True

    def __new__(cls, data: Tensor, persistent: bool = True) -> Buffer:
        if not isinstance(data, Tensor):
            raise TypeError(f"Buffer: data must be a Tensor, got {type(data).__name__}")
        buffer: Any = detach(data)
        buffer.__class__ = cls if persistent else NonPersistentBuffer
        return buffer


class NonPersistentBuffer(Buffer):
    """A Buffer that `state_dict` leaves out."""

    __slots__ = ()
    persistent = False


def empty_parameter(*shape: int, device: Any = None, dtype: Any = None) -> Parameter:
    """A Parameter whose values are still to be set."""
    return Parameter(empty(*shape, device=device, dtype=dtype))
