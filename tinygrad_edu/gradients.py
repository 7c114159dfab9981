"""Starting the walk: backward() and grad(), with the checks that their arguments need."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Any

from . import autograd
from .autograd import AccumulateGrad, Node, Tensor, current_node, run_backward


def _as_tuple(op: str, tensors: Any, name: str) -> tuple[Any, ...]:
    several = isinstance(tensors, Iterable) and not isinstance(tensors, Tensor)
    given = tuple(tensors) if several else (tensors,)
    for x in given:
        if not isinstance(x, Tensor):
            raise TypeError(f"{op}: {name} must be Tensors, got {type(x).__name__}")
    return given


def _roots(op: str, outputs: Sequence[Any], grad_outputs: Sequence[Any]) -> list[tuple[Node, Any]]:
    """Each output's node with the gradient to start from: the given one, or 1 for a single
    element.
    """
    if len(outputs) != len(grad_outputs):
        raise ValueError(
            f"{op}: {len(outputs)} outputs need as many gradients, got {len(grad_outputs)}"
        )
    roots = []
    for out, grad_output in zip(outputs, grad_outputs, strict=True):
        node = current_node(out)
        if node is None:
            raise RuntimeError(
                f"{op}: this tensor of shape {tuple(out.array.shape)} does not require grad and "
                "has no history: none of its inputs requires grad, or it was made under no_grad() "
                "or from detach() or numpy()"
            )
        if grad_output is None:
            if out.array.size != 1:
                raise RuntimeError(
                    f"{op}: a gradient can be left out only for outputs of one element, got shape "
                    f"{tuple(out.array.shape)}; reduce it (.sum(), .mean()) or pass gradient="
                )
            grad_output = autograd.engine_ops["ones_like"](out)
        elif not isinstance(grad_output, Tensor):
            raise TypeError(f"{op}: a gradient must be a Tensor, got {type(grad_output).__name__}")
        if grad_output.array.shape != out.array.shape:
            raise RuntimeError(
                f"{op}: the gradient must have the output's shape {tuple(out.array.shape)}, got "
                f"{tuple(grad_output.array.shape)}"
            )
        if grad_output.array.dtype != out.array.dtype:
            grad_output = autograd.engine_ops["cast"](grad_output, out.array.dtype)
        roots.append((node, grad_output))
    return roots


def _input_nodes(op: str, inputs: Sequence[Any]) -> list[Node]:
    nodes = []
    for x in inputs:
        node = current_node(x)
        if node is None:
            raise RuntimeError(
                f"{op}: an input of shape {tuple(x.array.shape)} does not require grad"
            )
        nodes.append(node)
    return nodes


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Adds d sum(tensors . grad_tensors) / d leaf to the `.grad` of every leaf.

    Args:
        tensors: Tensor or sequence of Tensors to differentiate.
        grad_tensors: their gradients, of the same shapes; may be left out for tensors of one
            element.
        retain_graph: keep the saved values for another backward; by default `create_graph`.
        create_graph: record the gradients' own computation, so that they can be differentiated.
        inputs: leaves to add to; by default all that were used.

    Raises:
        RuntimeError: no history, a gradient of another shape, or a graph whose saved values were
            freed.
    """
    outputs = _as_tuple("backward", tensors, "tensors")
    gradients = [None] * len(outputs) if grad_tensors is None else grad_tensors
    if not isinstance(gradients, (list, tuple)):
        gradients = [gradients]
    roots = _roots("backward", outputs, gradients)
    wanted = None
    if inputs is not None:
        chosen = _as_tuple("backward", inputs, "inputs")
        if not chosen:
            raise RuntimeError("backward: inputs must not be empty")
        wanted = _input_nodes("backward", chosen)
    if create_graph:
        warnings.warn(
            "backward(create_graph=True) makes leaf and gradient refer to each other, so their "
            "memory waits for the garbage collector; use grad(), or set .grad to None afterwards",
            stacklevel=3,
        )
    keep = create_graph if retain_graph is None else retain_graph
    found = run_backward(roots, keep, create_graph, wanted)
    if wanted is not None:
        for x, node in zip(_as_tuple("backward", inputs, "inputs"), wanted, strict=True):
            if type(node) is not AccumulateGrad and node.number in found:
                x.grad = found[node.number]


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """d sum(outputs . grad_outputs) / d inputs, returned; no `.grad` changes.

    Args:
        outputs: Tensor or sequence of Tensors to differentiate.
        inputs: Tensor or sequence of Tensors, leaves or not.
        grad_outputs: gradients of the outputs; may be left out for outputs of one element.
        retain_graph: keep the saved values for another call; by default `create_graph`.
        create_graph: record the gradients' own computation, so that they can be differentiated.
        allow_unused: None instead of an error for an input that the outputs do not depend on.
        materialize_grads: zeros instead of None for such an input.

    Returns:
        One gradient per input, of its shape.

    Example:
        >>> import tinygrad_edu as tg
        >>> x = tg.tensor(3.0, requires_grad=True)
        >>> (first,) = tg.autograd.grad(x**3, x, create_graph=True)
        >>> tg.autograd.grad(first, x)
        (tensor(18.),)
    """
    outs = _as_tuple("grad", outputs, "outputs")
    ins = _as_tuple("grad", inputs, "inputs")
    gradients = [None] * len(outs) if grad_outputs is None else grad_outputs
    if not isinstance(gradients, (list, tuple)):
        gradients = [gradients]
    roots = _roots("grad", outs, gradients)
    nodes = _input_nodes("grad", ins)
    keep = create_graph if retain_graph is None else retain_graph
    found = run_backward(roots, keep, create_graph, nodes, into_leaves=False)
    results = []
    for i, (x, node) in enumerate(zip(ins, nodes, strict=True)):
        gradient = found.get(node.number)
        if gradient is None and materialize_grads:
            gradient = autograd.engine_ops["zeros_like"](x)
        if gradient is None and not allow_unused:
            raise RuntimeError(
                f"grad: input {i} of shape {tuple(x.array.shape)} was not used to compute the "
                "outputs; pass allow_unused=True to get None for it"
            )
        results.append(gradient)
    return tuple(results)
