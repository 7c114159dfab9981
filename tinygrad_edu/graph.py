"""The pieces of the graph: what the engine knows of a Tensor, the nodes, and how views are tracked.

autograd.py says how they work together.
"""

from __future__ import annotations

import itertools
import re
import sys
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from . import _C
from ._C import register_tensor_class
from .grad_mode import set_grad_enabled

if TYPE_CHECKING:
    from .autograd import Function

# The ops that the engine itself calls, registered by ops/: add, add_, sum_to_size, copy_like, ...
engine_ops: dict[str, Callable[..., Any]] = {}

next_number = itertools.count().__next__

# wrap(array, node=None): a Tensor around an array that nobody else wraps.
wrap: Callable[..., Any] = _C.wrap


class Tensor:
    """What the engine knows of a tensor: its slots. The user's class, with all methods, is
    tensor.Tensor.
    """

    __slots__ = (
        "__weakref__",
        "array",  # numpy.ndarray or cupy.ndarray; belongs to this Tensor alone
        "grad_holder",  # where .grad lives: the AccumulateGrad of a leaf, a RetainedGrad, or None
        "node",  # the Node that made this value; None: not differentiable
        "version",  # [count of in-place writes], shared by all views of one storage
        "view_of",  # View record, or None (`view` is a method)
    )
    array: Any
    node: Node | None
    version: list[int]
    view_of: View | None
    grad_holder: Any

    if TYPE_CHECKING:  # every op is a method too: tensor_methods.py

        def __getattr__(self, name: str) -> Any: ...

        __add__: Any
        __radd__: Any
        __sub__: Any
        __rsub__: Any
        __mul__: Any
        __rmul__: Any
        __truediv__: Any
        __rtruediv__: Any
        __pow__: Any
        __neg__: Any
        __matmul__: Any
        __getitem__: Any
        __lt__: Any
        __gt__: Any
        __invert__: Any


register_tensor_class(Tensor)  # until tensor.py registers the user's class


# ---- nodes ---------------------------------------------------------------------------------------


class Node:
    """One step of the recorded computation."""

    __slots__ = ("edges", "number", "saved_values", "shape", "side")
    number: int  # creation order
    edges: tuple[Node | None, ...]  # who made the inputs; None: no gradient wanted
    shape: tuple[int, ...] | None  # of the value it made: gradients arriving are summed to it
    side: Side | None  # hooks and retained gradients: rare, so kept apart
    saved_values: tuple[Any, ...] | None  # what backward reads; None once it was freed

    def backward(self, *grad_outputs: Any) -> Any:
        raise NotImplementedError

    def name(self) -> str:
        """The op's name: log_softmax for the class LogSoftmax."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(self).__name__).lower()

    @property
    def next_functions(self) -> tuple[tuple[Node | None, int], ...]:
        """PyTorch's view of the edges: (node, which of its outputs)."""
        return tuple((e.edges[0], e.index) if isinstance(e, Output) else (e, 0) for e in self.edges)

    def __repr__(self) -> str:
        return f"<{self.name()}>"


class Side:
    """Rare companions of a node."""

    __slots__ = ("hooks", "retained")

    def __init__(self) -> None:
        self.hooks: dict[int, Callable[[Any], Any]] = {}
        self.retained: RetainedGrad | None = None


def side_of(node: Node) -> Side:
    if node.side is None:
        node.side = Side()
    return node.side


class RetainedGrad:
    """Where `retain_grad` keeps the gradient of a tensor that is no leaf."""

    __slots__ = ("grad",)

    def __init__(self) -> None:
        self.grad: Any = None


class AccumulateGrad(Node):
    """The node of a leaf: gradients that arrive are added up in `grad`, which is what
    `tensor.grad` shows.
    """

    __slots__ = ("grad", "post_hooks", "tensor")

    def __init__(self, tensor: Tensor):
        self.number = next_number()
        self.edges = ()
        self.saved_values = ()
        self.shape = tensor.array.shape
        self.side = None
        self.grad: Any = None
        self.tensor = weakref.ref(tensor)
        self.post_hooks: dict[int, Callable[[Any], Any]] | None = None

    def accumulate(self, grad: Any, create_graph: bool) -> None:
        if self.grad is None:
            self.grad = grad if create_graph else _own(grad, self.tensor())
        elif create_graph:
            self.grad = engine_ops["add"](self.grad, grad)
        else:
            engine_ops["add_"](self.grad, grad)
        if self.post_hooks:
            tensor = self.tensor()
            for hook in tuple(self.post_hooks.values()):
                hook(tensor)


class Output(Node):
    """One of several outputs of a Function; passes its gradient on into that Function's list."""

    __slots__ = ("__weakref__", "index")

    def __init__(self, function: Function, index: int, shape: tuple[int, ...]):
        self.number = next_number()
        self.edges = (function,)
        self.saved_values = ()
        self.shape = shape
        self.side = None
        self.index = index


# Reference counts that `_own` sees of a gradient and its array when only the walk holds them.
_alone: tuple[int, int] | None = None


def _own(grad: Any, leaf: Tensor | None) -> Any:
    """The gradient as a leaf may keep it: its own buffer if nobody else can see it and the layout
    is the leaf's, else a copy.
    """
    global _alone
    array = grad.array
    counts = sys.getrefcount(grad), sys.getrefcount(array)
    if _alone is None:
        _alone = counts
        return grad
    same_layout = leaf is None or array.strides == leaf.array.strides
    if counts == _alone and same_layout and engine_ops["is_sole_owner"](array):
        return wrap(array)
    return engine_ops["copy_like"](grad, leaf)


def _measure_alone() -> None:
    """Lets `_own` count the references of a gradient that nobody else holds, with the calls that
    the walk makes: how many there are differs between versions of Python.
    """
    probe = wrap(memoryview(b""))
    node, grad = AccumulateGrad(probe), wrap(memoryview(b""))
    node.accumulate(grad, False)


_measure_alone()


# ---- views ---------------------------------------------------------------------------------------


class View:
    """How a view came from its base, so that history can be rewritten when either is written in
    place.
    """

    __slots__ = ("base", "chain", "seen")

    def __init__(self, base: Tensor, chain: tuple[tuple[type[Function], tuple[Any, ...]], ...]):
        self.base = base
        self.chain = chain  # the view Functions from base to here, with their arguments
        self.seen = base.version[0]  # the base's version when the view's node was made


def replay(chain: tuple[tuple[type[Function], tuple[Any, ...]], ...], base: Any) -> Any:
    """The view of `base` that these view Functions make."""
    for function, arguments in chain:
        base = function.apply(base, *arguments)
    return base


def current_node(tensor: Tensor) -> Node | None:
    """The node of a tensor. A view whose base has been written since gets a new one, from the
    base's new history.
    """
    view = tensor.view_of
    if view is not None and view.seen != tensor.version[0]:
        if view.base.node is not None or tensor.node is not None:
            with set_grad_enabled(True):
                tensor.node = replay(view.chain, view.base).node
        view.seen = tensor.version[0]
    return tensor.node


def track_view(cls: type[Function], args: Sequence[Any], out: Tensor) -> None:
    x = args[0]
    out.version = x.version
    step = (cls, tuple(args[1:]))
    out.view_of = (
        View(x, (step,)) if x.view_of is None else View(x.view_of.base, (*x.view_of.chain, step))
    )
