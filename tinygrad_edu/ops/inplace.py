"""Writing in place, with gradients.

`x.mul_(y)` computes x * y as usual, copies the values into x's memory, and makes x stand for the
result: x takes over the result's node. What x was before lives on in the graph. The storage's
version counter is raised, so that a gradient that still needs the old values reports it instead of
computing with the new ones.

If x is a view, its base has changed too: the base's new history is "the old base, with this region
replaced", and every other view of the base gets its history from there (current_node in
graph.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import autograd
from ..autograd import AccumulateGrad, Function, Tensor, current_node, replay, wrap
from ..backends import backend
from ..grad_mode import is_grad_enabled, no_grad
from .elementwise_core import OPS


class WriteRegion(Function):
    """The base after one of its views was written: new value inside the region, old value outside.

    grad_base = grad_output outside the region, 0 inside; grad_value = grad_output inside the
    region.
    """

    def forward(self, base: Any, value: Any, chain: Any) -> Any:
        self.chain = chain  # not the View itself: it holds the base, and the base will hold this
        self.dims = sorted(range(base.ndim), key=lambda d: -abs(base.strides[d]))
        return base.view()  # the memory is written already

    def backward(self, grad_output: Any) -> Any:
        shape, dims = grad_output.shape, self.dims
        ones = backend(grad_output.array).full(
            tuple([shape[d] for d in dims]), 1, grad_output.array.dtype
        )
        # In the base's order of dims, or a reshape among the views would be a copy.
        outside = wrap(ones.transpose([dims.index(d) for d in range(len(dims))]))
        with no_grad():
            region = replay(self.chain, outside)
            region.array[...] = 0
        mul = autograd.engine_ops["mul"]
        return mul(grad_output, outside), replay(self.chain, grad_output)


def check_writable(op: str, x: Tensor) -> None:
    """Raises unless x's memory may be written: a leaf in a graph, expanded or read-only memory
    may not.
    """
    if is_grad_enabled() and type(current_node(x)) is AccumulateGrad:
        raise RuntimeError(
            f"{op}: a leaf that requires grad cannot be written in place while gradients are "
            "recorded; use no_grad(), or write to a clone"
        )
    base = x.view_of.base if x.view_of is not None else None
    if is_grad_enabled() and base is not None and type(base.node) is AccumulateGrad:
        raise RuntimeError(
            f"{op}: a view of a leaf that requires grad cannot be written in place while gradients "
            "are recorded; use no_grad(), or write to a view of a clone"
        )
    array = x.array
    if not array.flags.writeable:
        raise RuntimeError(
            f"{op}: this memory cannot be written: it is a read-only array, or a copy that the "
            "engine made where a view was asked for; write to x.clone()"
        )
    if array.size and any(
        stride == 0 and size > 1 for stride, size in zip(array.strides, array.shape, strict=True)
    ):
        raise RuntimeError(
            f"{op}: several elements of this expanded tensor share one place in memory; write to "
            "x.clone()"
        )


def rebind(op: str, x: Any, result: Any) -> Any:
    """Copies the result's values into x's memory and makes x stand for the result in the graph."""
    check_writable(op, x)
    if result.array.shape != x.array.shape:
        raise ValueError(
            f"{op}: the result has shape {result.array.shape} and cannot be written in place "
            f"into shape {x.array.shape}"
        )
    if result.array.dtype != x.array.dtype:
        if (
            result.array.dtype.kind == "f" != x.array.dtype.kind
            or x.array.dtype.kind == "b" != result.array.dtype.kind
        ):
            raise TypeError(
                f"{op}: a {result.array.dtype} result cannot be written in place into a "
                f"{x.array.dtype} tensor"
            )
        result = autograd.engine_ops["cast"](result, x.array.dtype)
    backend(x.array).copy_into(result.array, x.array)
    take_history(x, current_node(result))
    return x


def take_history(x: Any, node: Any) -> None:
    """x has been written: raise the version, and let x, and its base, come from `node` (None:
    from no graph).
    """
    x.version[0] += 1
    if not is_grad_enabled():
        if x.view_of is not None:
            x.view_of.seen = x.version[0] if x.node is None else x.view_of.seen
        return
    if x.view_of is None:
        x.node = node
        return
    base = x.view_of.base
    if node is not None or base.node is not None:
        value = wrap(x.array.view(), node)
        base.node = WriteRegion.apply(base, value, x.view_of.chain).node
        x.node = replay(x.view_of.chain, base).node
    x.view_of.seen = x.version[0]


def inplace(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The in-place form of an op of tensors."""
    into = OPS[name].into if name in OPS else None
    kernel_takes = OPS[name].arity - 1 if name in OPS else 0

    def write(x: Any, *args: Any, **kwargs: Any) -> Any:
        if into is not None and not kwargs and len(args) == kernel_takes and not is_grad_enabled():
            operands = [y.array if isinstance(y, Tensor) else y for y in args]
            if not any(_overlaps(x.array, y) for y in operands):
                check_writable(name + "_", x)
                try:
                    done = into(x.array, x.array, *operands)
                except ValueError as error:
                    raise ValueError(f"{name}_: {error}") from None
                if done is not None:
                    take_history(x, None)
                    return x
        return rebind(name + "_", x, function(_before(x, args), *args, **kwargs))

    write.__name__ = write.__qualname__ = name + "_"
    write.__doc__ = (
        f"In-place form of {name}: writes the result into this tensor's memory and returns it."
    )
    return write


def _before(x: Any, args: tuple[Any, ...]) -> Any:
    """x as an operand of the op that will overwrite it: its gradients may read the old value, so
    where they are recorded it is a copy, at x's place in the graph.
    """
    involved = (x, *(arg for arg in args if isinstance(arg, Tensor)))
    if not is_grad_enabled() or all(current_node(tensor) is None for tensor in involved):
        return x
    return wrap(backend(x.array).copy(x.array), current_node(x))


def _overlaps(x: np.ndarray, y: Any) -> bool:
    """Whether y is a different array over some of the same memory: reading it while writing x
    could go wrong.
    """
    return isinstance(y, np.ndarray) and y is not x and bool(np.may_share_memory(x, y))


class Fill(Function):
    """out = value broadcast over x's shape, x itself only gives the shape: grad_x = 0,
    grad_value = sum(grad_output).
    """

    def forward(self, x: Any, value: Any) -> Any:
        out = backend(x).empty_like(x)
        backend(x).copy_into(np.broadcast_to(value, x.shape), out)
        return out

    def backward(self, grad_output: Any) -> Any:
        grad_x = wrap(backend(grad_output.array).zeros(grad_output.shape, grad_output.array.dtype))
        return grad_x, grad_output


def copy_(x: Any, source: Any, non_blocking: bool = False) -> Any:
    """Writes the values of `source`, broadcast and converted, into x.

    Gradient: grad_source = grad_output; none for what x was before.
    """
    source = autograd.engine_ops["as_tensor"](source, x.array.dtype)
    check_writable("copy_", x)
    try:
        fits = np.broadcast_shapes(source.array.shape, x.array.shape) == x.array.shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"copy_: a source of shape {source.array.shape} does not broadcast to {x.array.shape}"
        )
    if is_grad_enabled() and (source.node is not None or x.node is not None):
        node = Fill.apply(x, source).node
    else:
        node = None
    values = source.array.copy() if _overlaps(x.array, source.array) else source.array
    if values.shape != x.array.shape:
        values = np.broadcast_to(values, x.array.shape)
    backend(x.array).copy_into(values, x.array)
    take_history(x, node)
    return x


def fill_(x: Any, value: Any) -> Any:
    """Writes one value everywhere.

    Gradient: 0 for what x was before; sum(grad_output) for a 0-d tensor `value`.
    """
    source = autograd.engine_ops["as_tensor"](value, x.array.dtype)
    if source.array.ndim:
        raise ValueError(
            f"fill_: value must be a number or a 0-d tensor, got shape {source.array.shape}"
        )
    return copy_(x, source)


def zero_(x: Any) -> Any:
    """Writes zeros."""
    return fill_(x, 0)


def _add_in_place(x: Any, y: Any) -> Any:
    """x += y for the engine's own sums: no graph, no checks beyond the kernel's."""
    OPS["add"].into(x.array, x.array, y.array)
    x.version[0] += 1
    return x


def _copy_like(grad: Any, leaf: Any) -> Any:
    """A copy of a gradient in the layout of its leaf."""
    array = grad.array if leaf is None else leaf.array
    out = backend(array).empty_like(array)
    backend(array).copy_into(grad.array, out)
    return wrap(out)


def _is_sole_owner(array: Any) -> bool:
    return bool(backend(array).is_sole_owner(array))


autograd.engine_ops["add_"] = _add_in_place
autograd.engine_ops["copy_like"] = _copy_like
autograd.engine_ops["is_sole_owner"] = _is_sole_owner
