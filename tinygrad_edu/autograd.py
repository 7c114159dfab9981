"""Reverse-mode automatic differentiation: the graph, `Function`, and the backward walk.

Call the inputs of a computation x and its output y = f(x). The *Jacobian* J of f holds every
dy_i/dx_j. Nobody needs J itself: for a gradient v arriving at y (the *cotangent*, `grad_output` in
this code), what flows back to x is the *vector-Jacobian product* (VJP) v @ J. So each op brings two
rules: `forward` computes y, and `backward` turns the cotangent of y into the cotangents of its
inputs. The chain rule is then only bookkeeping: this file.

The graph. Every op that has something to differentiate leaves a Node behind. A node's `edges` are
the nodes that made its inputs, so they point backward, toward the leaves, and a Tensor points at
the node that made it. A node never holds an input Tensor: what its gradient reads is saved apart,
as arrays. So no reference cycles arise, and memory returns the moment the last user lets go,
without the garbage collector.

The walk. Nodes are numbered as they are created, and an op is created after its inputs: taking the
largest number first is a topological order. It needs no recursion and visits each node once, with
the gradients of all its uses summed.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from heapq import heappop, heappush
from types import MappingProxyType
from typing import Any

import numpy as np

from .grad_mode import _grad_mode
from .graph import (
    AccumulateGrad as AccumulateGrad,
    Node as Node,
    Output as Output,
    RetainedGrad as RetainedGrad,
    Tensor as Tensor,
    View as View,
    current_node as current_node,
    engine_ops as engine_ops,
    next_number as next_number,
    replay as replay,
    side_of as side_of,
    track_view,
    wrap as wrap,
)

# The public autograd.backward and so on: gradients.py and gradcheck.py have them; they need ops.
backward: Callable[..., None]
grad: Callable[..., Any]
gradcheck: Callable[..., bool]
gradgradcheck: Callable[..., bool]

# One observer of every op and every step of the walk (debugger, profiler, capture), or None.
recorder: Any = None


class Function(Node):
    """An op with a gradient rule. Ops of the library and of users are subclasses.

    `forward` works on arrays (numpy.ndarray, or cupy.ndarray on a GPU) and plain arguments, and
    returns an array or a tuple of arrays. `backward` gets one gradient Tensor per output (None
    where none arrived, with several outputs) and returns one per positional argument of `apply`,
    None where there is none; trailing ones may be left out. It calls ops on Tensors, so gradients
    are themselves differentiable. `save` in forward keeps what backward reads back from `saved`:
    inputs and outputs are recognised by identity, anything else is a constant to the engine.

    A class whose `forward` is a staticmethod is taken to be in PyTorch's style, `forward(ctx,
    *tensors)`, or `forward(*tensors)` with `setup_context(ctx, inputs, output)`.

    Example:
        >>> import tinygrad_edu as tg
        >>> class Cube(tg.autograd.Function):
        ...     def forward(self, x):
        ...         self.save(x)
        ...         return x * x * x
        ...     def backward(self, grad_output):
        ...         (x,) = self.saved
        ...         return grad_output * 3 * x * x
        >>> x = tg.tensor(2.0, requires_grad=True)
        >>> Cube.apply(x).backward()
        >>> x.grad
        tensor(12.)
    """

    is_view = False  # a view Function's output shares its first input's memory
    non_differentiable: tuple[int, ...] = ()  # outputs without a gradient
    saved_values: tuple[Any, ...] | None = ()  # (array, version, count, role) of each value
    outputs = 1
    output_nodes: Mapping[int, weakref.ref[Output]] = MappingProxyType({})

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if isinstance(cls.__dict__.get("forward"), staticmethod):
            from .autograd_context import context_apply

            cls.apply = classmethod(context_apply)  # type: ignore[assignment]

    def forward(self, *args: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self, *grad_outputs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no backward")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Runs forward on the arrays of `args` and records the node if any Tensor among them
        wants a gradient.
        """
        self = cls()
        arrays: list[Any] = []
        edges: list[Node | None] = []
        wanted = None
        for arg in args:
            if isinstance(arg, Tensor):
                edge = arg.node if arg.view_of is None else current_node(arg)
                wanted = wanted or edge
                arrays.append(arg.array)
                edges.append(edge)
            else:
                arrays.append(arg)
                edges.append(None)
        recording = wanted is not None and _grad_mode.get()
        self.edges = tuple(edges) if recording else (None,) * len(edges)
        result = self.forward(*arrays)
        several = type(result) is tuple
        if several:
            result = tuple([self._as_array(array) for array in result])
        elif isinstance(result, np.generic):
            result = self._as_array(result)
        if recording:
            self.number = next_number()
            self.side = None
            if several:
                self.shape = None
                self.outputs = len(result)
            else:
                self.shape = result.shape
        if several:
            outputs = tuple([self._output(i, array, recording) for i, array in enumerate(result)])
        else:
            node = self if recording and not self.non_differentiable else None
            outputs = (wrap(result, node),)
        if cls.is_view:
            track_view(cls, args, outputs[0])
        if recording and self.saved_values:
            self._pack(args, arrays, outputs)
        if recorder is not None:
            recorder.forward(self, args, outputs)
        return outputs if several else outputs[0]

    def _as_array(self, result: Any) -> Any:
        """An array for the scalar that NumPy returns where all operands are 0-d."""
        if not isinstance(result, np.generic):
            return result
        array = np.asarray(result)
        saved = self.saved_values or ()
        self.saved_values = tuple([array if value is result else value for value in saved])
        return array

    def _output(self, index: int, array: Any, recording: bool) -> Any:
        if not recording or index in self.non_differentiable:
            return wrap(array)
        return wrap(array, self._output_node(index, array.shape))

    def _output_node(self, index: int, shape: tuple[int, ...]) -> Output:
        """The node of one of several outputs: it stays the same while somebody holds it."""
        known = self.output_nodes.get(index)
        node = None if known is None else known()
        if node is None:
            node = Output(self, index, shape)
            self.output_nodes = {**self.output_nodes, index: weakref.ref(node)}
        return node

    # What backward reads.

    def save(self, *values: Any) -> None:
        """Keeps arrays (and plain values) for backward; called in forward, read back as `saved`."""
        self.saved_values = values

    def _pack(self, args: Sequence[Any], arrays: Sequence[Any], outputs: Sequence[Any]) -> None:
        """Notes of each saved value which input or output it is, and its version."""
        packed = []
        for value in self.saved_values or ():
            role, version = None, None
            for i, array in enumerate(arrays):
                if array is value and isinstance(args[i], Tensor):
                    role, version = i, args[i].version
                    break
            else:
                for i, out in enumerate(outputs):
                    if out.array is value:
                        role, version = -1 - i, out.version
            packed.append((value, version, version and version[0], role))
        self.saved_values = tuple(packed)

    @property
    def saved(self) -> tuple[Any, ...]:
        """What `save` kept, arrays as Tensors: attached to the graph when the gradient itself is
        recorded.
        """
        if self.saved_values is None:
            raise RuntimeError(freed_message(self))
        values = []
        for value, version, count, role in self.saved_values:
            if version is not None and version[0] != count:
                raise RuntimeError(changed_message(self, value))
            if role is None:
                values.append(wrap(value) if hasattr(value, "shape") else value)
            elif role >= 0:
                values.append(wrap(value, self.edges[role]))
            elif self.outputs == 1:
                values.append(wrap(value, self))
            else:
                values.append(wrap(value, self._output_node(-1 - role, value.shape)))
        return tuple(values)

    @property
    def needs_input_grad(self) -> tuple[bool, ...]:
        """For each argument of apply: whether its gradient will be used."""
        return tuple(edge is not None for edge in self.edges)


def freed_message(node: Node) -> str:
    return (
        f"{node.name()}: backward a second time, but the values it saved were freed by the first; "
        "call the first with retain_graph=True, or compute the forward pass again"
    )


def changed_message(node: Node, array: Any) -> str:
    return (
        f"{node.name()}: a value of shape {tuple(array.shape)} that its gradient reads was changed "
        "in place after it was saved; change a copy (x.clone()) or write in place before the value "
        "is used"
    )


# ---- the walk ------------------------------------------------------------------------------------


def run_backward(
    roots: Sequence[tuple[Node, Any]],
    retain_graph: bool,
    create_graph: bool,
    wanted: Sequence[Node] | None = None,
    into_leaves: bool = True,
) -> dict[int, Any]:
    """Sends gradients from the roots backward. With `wanted`, only toward those nodes, whose
    gradients are returned.

    Args:
        roots: (node, gradient) pairs to start from.
        retain_graph: keep saved values for another backward.
        create_graph: record the gradient computation itself.
        wanted: stop at these nodes; returns {node.number: gradient}.
        into_leaves: whether leaves reached add to their `.grad`.
    """
    targets: set[int] = set()
    through: set[int] | None = None
    if wanted is not None:
        targets = {node.number for node in wanted}
        through = _nodes_through(targets, [node for node, _ in roots])
        roots = [r for r in roots if r[0].number in targets or r[0].number in through]
    token = _grad_mode.set(create_graph)
    try:
        return _walk(roots, retain_graph, create_graph, targets, through, into_leaves)
    finally:
        _grad_mode.reset(token)


def _walk(
    roots: Sequence[tuple[Node, Any]],
    retain_graph: bool,
    create_graph: bool,
    targets: set[int],
    through: set[int] | None,
    into_leaves: bool,
) -> dict[int, Any]:
    """Visits nodes, the newest first, each once, with the sum of its gradients; returns those of
    the targets. `through`, unless None, are the only other nodes to send gradients to.
    """
    waiting = _Waiting(create_graph)
    heap = waiting.heap
    for node, grad in roots:
        waiting.add(node, grad)
    found: dict[int, Any] = {}
    grad = following = None  # following: (node, gradient) if no other waits; it needs no heap
    while heap or following is not None:
        node, grad = following or waiting.newest()
        following = None
        if node.side is not None:
            grad = _run_side(node, grad)
        if node.number in targets:
            found[node.number] = grad
        kind = type(node)
        if kind is AccumulateGrad:
            if into_leaves:
                node.accumulate(grad, create_graph)
            continue
        if through is not None and node.number not in through:
            continue
        if kind is Output:
            waiting.deliver(node, grad)
            continue
        grads = node.backward(*grad) if type(grad) is list else node.backward(grad)
        if recorder is not None:
            recorder.backward(node, grad, grads)
        if not retain_graph and node.saved_values:
            node.saved_values = None
        if type(grads) is not tuple:
            grads = (grads,)
        elif len(grads) > len(node.edges) and grads[-1] is not None:
            raise RuntimeError(
                f"{node.name()}: backward returned {len(grads)} gradients for "
                f"{len(node.edges)} arguments of apply"
            )
        for edge, grad in zip(node.edges, grads):  # noqa: B905  trailing None may be left out
            if edge is None or grad is None:
                continue
            if through is not None and edge.number not in through and edge.number not in targets:
                continue
            if grad.array.shape != edge.shape:  # broadcasting is undone here, nowhere else
                grad = _summed(node, grad, edge.shape)
            if following is None and not heap:
                following = edge, grad
                continue
            if following is not None:  # two wait now: the heap will say which is newer
                waiting.add(*following)
                following = None
            waiting.add(edge, grad)
        # Nothing here may keep a gradient alive, or a leaf could not take it over.
        grad = grads = None
    return found


class _Waiting:
    """Gradients that have arrived, each waiting for its node's turn."""

    __slots__ = ("create_graph", "heap", "owned", "pending")

    def __init__(self, create_graph: bool):
        self.create_graph = create_graph
        self.heap: list[int] = []  # creation numbers, negated: the newest first
        self.pending: dict[int, tuple[Any, Any]] = {}  # number -> (node, gradient so far)
        self.owned: set[int] = set()  # numbers whose gradient is a sum that only the walk holds

    def add(self, node: Node, grad: Any) -> None:
        """Adds a gradient to what waits for the node: in place, into a sum that the walk owns."""
        number = node.number
        if number not in self.pending:
            self.pending[number] = node, grad
            heappush(self.heap, -number)
        elif self.create_graph or number not in self.owned:
            self.pending[number] = node, engine_ops["add"](self.pending[number][1], grad)
            self.owned.add(number)
        else:
            engine_ops["add_"](self.pending[number][1], grad)

    def newest(self) -> tuple[Any, Any]:
        """The newest node that waits, and its gradient."""
        return self.pending.pop(-heappop(self.heap))

    def deliver(self, node: Any, grad: Any) -> None:
        """Puts the gradient of one output into the list that its Function will get."""
        function = node.edges[0]
        if function.number not in self.pending:
            self.add(function, [None] * function.outputs)
        slot = self.pending[function.number][1]
        known = slot[node.index]
        slot[node.index] = grad if known is None else engine_ops["add"](known, grad)


def _summed(node: Node, grad: Any, shape: Any) -> Any:
    """grad summed to `shape`, if that broadcasts to grad's: only then is a sum the gradient."""
    given = grad.array.shape
    lead = len(given) - len(shape)
    if lead < 0 or any(n not in (1, m) for n, m in zip(shape, given[lead:], strict=True)):
        raise RuntimeError(
            f"{node.name()}: backward returned a gradient of shape {given} for an input of shape "
            f"{shape}"
        )
    return engine_ops["sum_to_size"](grad, shape)


def _run_side(node: Node, grad: Any) -> Any:
    """Hooks in order of registration; each may replace the gradient. Then the gradient is
    retained if asked.
    """
    assert node.side is not None
    for hook in tuple(node.side.hooks.values()):
        replaced = hook(grad)
        if replaced is not None:
            if not isinstance(replaced, Tensor):
                raise TypeError(
                    f"hook of {node.name()}: it must return a Tensor or None, got "
                    f"{type(replaced).__name__}"
                )
            if replaced.array.shape != grad.array.shape:
                raise RuntimeError(
                    f"hook of {node.name()}: the gradient it returns must have shape "
                    f"{grad.array.shape}, got {replaced.array.shape}"
                )
            grad = replaced
    if node.side.retained is not None:
        held = node.side.retained
        held.grad = grad if held.grad is None else engine_ops["add"](held.grad, grad)
    return grad


def _nodes_through(targets: set[int], roots: Sequence[Node]) -> set[int]:
    """Numbers of the nodes through which gradients must pass to reach a target."""
    reached: dict[int, Node] = {}
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node.number not in reached:
            reached[node.number] = node
            stack.extend(edge for edge in node.edges if edge is not None)
    through: set[int] = set()
    for number in sorted(reached):  # inputs are older than what is made of them
        edges = (edge.number for edge in reached[number].edges if edge is not None)
        if any(edge in targets or edge in through for edge in edges):
            through.add(number)
    return through
