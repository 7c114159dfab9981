"""User ops in PyTorch's style: a Function with static forward(ctx, ...) and backward(ctx, ...) on
Tensors, or with forward(...) and setup_context(ctx, inputs, output).
"""

from __future__ import annotations

from typing import Any

from .autograd import Function, Tensor, wrap
from .grad_mode import no_grad


class Context:
    """What PyTorch calls ctx: carries values from a static forward to its backward."""

    def __init__(self, needs_input_grad: tuple[bool, ...]):
        self.needs_input_grad = needs_input_grad
        self._kept: tuple[Any, ...] = ()
        self._without_grad: tuple[Any, ...] = ()
        self._materialize = True
        self._node: ContextFunction | None = None

    def save_for_backward(self, *tensors: Any) -> None:
        """Keeps inputs, outputs or other Tensors for backward."""
        self._kept = tensors

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What save_for_backward kept; inputs and outputs are attached to the graph."""
        assert self._node is not None
        return self._node.saved

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Declares outputs that have no gradient."""
        self._without_grad = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether a missing gradient of an output arrives as zeros (the default) or as None."""
        self._materialize = value


class ContextFunction(Function):
    """Runs a class with static forward and backward as an op of this engine."""

    def forward(self, user: type, is_tensor: tuple[bool, ...], *args: Any) -> Any:
        self.user = user
        self.context = Context(self.needs_input_grad[2:])
        given = [wrap(a) if is_input else a for a, is_input in zip(args, is_tensor, strict=True)]
        with no_grad():
            result = _run(user, self.context, given)
        outputs = result if isinstance(result, tuple) else (result,)
        for out in outputs:
            if not isinstance(out, Tensor):
                raise TypeError(
                    f"{user.__name__}.forward must return Tensors, got {type(out).__name__}"
                )
        arrays = tuple(
            out.array.view() if any(out is g for g in given) else out.array for out in outputs
        )
        self.save(*(t.array if isinstance(t, Tensor) else t for t in self.context._kept))
        self.non_differentiable = tuple(
            i for i, out in enumerate(outputs) if any(out is t for t in self.context._without_grad)
        )
        self.shapes = [(array.shape, array.dtype) for array in arrays]
        return arrays if isinstance(result, tuple) else arrays[0]

    def backward(self, *grad_outputs: Any) -> Any:
        from .ops.creation import zeros

        self.context._node = self
        if self.context._materialize:
            grad_outputs = tuple(
                zeros(shape, dtype=dtype) if g is None else g
                for g, (shape, dtype) in zip(grad_outputs, self.shapes, strict=True)
            )
        try:
            grads = self.user.backward(self.context, *grad_outputs)  # type: ignore[attr-defined]
        finally:
            self.context._node = None  # node and context must not hold each other
        return None, None, *(grads if isinstance(grads, tuple) else (grads,))

    def name(self) -> str:
        return self.user.__name__


def _run(user: Any, context: Context, given: list[Any]) -> Any:
    """The forward pass; where the class has setup_context, that gets ctx, and forward does not."""
    if not hasattr(user, "setup_context"):
        return user.forward(context, *given)
    result = user.forward(*given)
    user.setup_context(context, tuple(given), result)
    return result


def context_apply(user: type, *args: Any) -> Any:
    """`apply` of a class in PyTorch's style."""
    return ContextFunction.apply(user, tuple(isinstance(a, Tensor) for a in args), *args)
