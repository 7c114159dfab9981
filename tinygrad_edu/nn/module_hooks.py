"""Hooks of a Module, and the call that runs them around `forward`."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

from ..autograd import Function
from ..backends import backend
from ..hooks import RemovableHandle, register
from ..tensor import Tensor


class Hook(NamedTuple):
    """One registered function: when it runs, and how it wants to be called."""

    kind: str
    function: Callable[..., Any]
    with_kwargs: bool = False
    always_call: bool = False


class HookMethods:
    """The part of Module that registers hooks and calls them."""

    _hooks: dict[int, Hook]  # of all kinds, in calling order
    forward: Callable[..., Any]

    def _add_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Registers a hook behind all others, or before them."""
        others = list(self._hooks.items())
        handle = register(self._hooks, hook)
        if prepend:
            for number, other in others:  # to the end, in order
                del self._hooks[number]
                self._hooks[number] = other
        return handle

    def _hooks_of(self, kind: str) -> list[tuple[int, Hook]]:
        """The hooks of one kind, a copy: a hook may remove itself while it runs."""
        return [(number, hook) for number, hook in self._hooks.items() if hook.kind == kind]

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """`hook(module, args)` runs before forward; what it returns, unless None, replaces args.

        Args:
            hook: the function. With `with_kwargs` it is called as `hook(module, args, kwargs)` and
                returns None or the pair of both.
            prepend: run before the hooks registered so far.
            with_kwargs: hand over keyword arguments too.
        """
        return self._add_hook(Hook("forward_pre", hook, with_kwargs), prepend)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """`hook(module, args, output)` runs after forward; what it returns replaces the output.

        Args:
            hook: the function; with `with_kwargs`: `hook(module, args, kwargs, output)`.
            prepend: run before the hooks registered so far.
            with_kwargs: hand over keyword arguments too.
            always_call: run even when forward or another hook raises.
        """
        return self._add_hook(Hook("forward", hook, with_kwargs, always_call), prepend)

    def register_full_backward_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """`hook(module, grad_output)` runs before the module's backward; may return a tuple."""
        return self._add_hook(Hook("backward_pre", hook), prepend)

    def register_full_backward_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """`hook(module, grad_input, grad_output)` runs after the module's backward.

        Both gradients are tuples, with None where an input or output takes none. A tuple that the
        hook returns replaces grad_input.
        """
        return self._add_hook(Hook("backward", hook), prepend)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """`hook(module, prefix, keep_vars)` runs before the module's part of `state_dict()`."""
        return self._add_hook(Hook("state_dict_pre", hook))

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """`hook(module, state_dict, prefix, local_metadata)` may edit the dictionary in place."""
        return self._add_hook(Hook("state_dict_post", hook))

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """`hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys,
        error_msgs)` runs before loading; it may rename keys or add messages in place.
        """
        return self._add_hook(Hook("load_state_dict_pre", hook))

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """`hook(module, incompatible_keys)` runs after loading and may edit both lists."""
        return self._add_hook(Hook("load_state_dict_post", hook))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self._hooks:
            return self.forward(*args, **kwargs)
        return self._call_with_hooks(args, kwargs)

    def _call_with_hooks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """forward between its hooks; `always_call` hooks run though something raised."""
        done: set[int] = set()
        out = None
        try:
            args, kwargs = self._run_pre_hooks(args, kwargs)
            gates = None
            if self._hooks_of("backward") or self._hooks_of("backward_pre"):
                gates = BackwardGates(self)
                args = gates.around_inputs(args)
            out = self.forward(*args, **kwargs)
            for number, hook in self._hooks_of("forward"):
                done.add(number)
                out = self._run_forward_hook(hook, args, kwargs, out)
            return out if gates is None else gates.around_outputs(out)
        except Exception:
            for number, hook in self._hooks_of("forward"):
                if hook.always_call and number not in done:
                    try:
                        out = self._run_forward_hook(hook, args, kwargs, out)
                    except Exception as error:  # the first error is the one to report
                        warnings.warn(
                            "a forward hook with always_call raised while another error was being "
                            f"raised, and was silenced: {error}",
                            stacklevel=3,
                        )
            raise

    def _run_pre_hooks(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments as the forward pre-hooks leave them."""
        for _, hook in self._hooks_of("forward_pre"):
            if hook.with_kwargs:
                changed = hook.function(self, args, kwargs)
                if changed is not None:
                    if not (isinstance(changed, tuple) and len(changed) == 2):
                        raise RuntimeError(
                            "forward pre-hook must return None or a tuple of (new_args, "
                            f"new_kwargs), but got {changed}"
                        )
                    args, kwargs = changed
            else:
                changed = hook.function(self, args)
                if changed is not None:
                    args = changed if isinstance(changed, tuple) else (changed,)
        return args, kwargs

    def _run_forward_hook(
        self, hook: Hook, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any
    ) -> Any:
        """The output as one forward hook leaves it."""
        if hook.with_kwargs:
            changed = hook.function(self, args, kwargs, out)
        else:
            changed = hook.function(self, args, out)
        return out if changed is None else changed


class Gate(Function):
    """out_i = x_i for all i at once.   grad_x = on_backward(grad_outputs): all gradients together.

    `on_backward` sees the gradients of all outputs in one call, and what it returns flows on.
    """

    def forward(self, on_backward: Callable[..., Any], *arrays: Any) -> tuple[Any, ...]:
        self.on_backward = on_backward
        return tuple(backend(array).copy(array) for array in arrays)  # safe from in-place layers

    def backward(self, *grad_outputs: Tensor | None) -> tuple[Tensor | None, ...]:
        return (None, *self.on_backward(grad_outputs))


class BackwardGates:
    """Runs a module's backward hooks: a gate around its inputs and one around its outputs.

    In backward the outputs' gate opens first: it runs the pre-hooks and remembers grad_output. The
    inputs' gate opens when the module's own gradients are done, and runs the hooks with both.
    """

    def __init__(self, module: HookMethods) -> None:
        self.module = module
        self.pre_hooks = [hook.function for _, hook in module._hooks_of("backward_pre")]
        self.hooks = [hook.function for _, hook in module._hooks_of("backward")]
        self.grad_output: tuple[Any, ...] | None = None
        self.input_count = 0
        self.input_gated = False

    def around_inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The positional arguments, those that require gradients behind a gate."""
        self.input_count = len(args)
        places = [
            i for i, value in enumerate(args) if isinstance(value, Tensor) and value.requires_grad
        ]
        gated = self._through_gate(args, places, self._on_inputs)
        self.input_gated = gated is not args
        return gated

    def around_outputs(self, out: Any) -> Any:
        """The output, a Tensor or a tuple, its Tensors behind a gate."""
        outputs = out if isinstance(out, tuple) else (out,)
        places = [
            i
            for i, value in enumerate(outputs)
            if isinstance(value, Tensor) and value.requires_grad
        ]
        if not isinstance(out, (Tensor, tuple)):
            warnings.warn(
                "for backward hooks to be called, a module's output should be a Tensor or a tuple "
                f"of Tensors, got {type(out).__name__}",
                stacklevel=5,
            )
        gated = self._through_gate(outputs, places, self._on_outputs)
        return gated if isinstance(out, tuple) else gated[0]

    def _through_gate(
        self, values: tuple[Any, ...], places: list[int], on_places: Callable[..., Any]
    ) -> tuple[Any, ...]:
        """Sends the values at `places` through one gate; hooks see gradients at their places."""
        if not places:
            return values

        def on_backward(gradients: tuple[Any, ...]) -> list[Any]:
            spread: list[Any] = [None] * len(values)
            for place, gradient in zip(places, gradients, strict=True):
                spread[place] = gradient
            changed = on_places(tuple(spread))
            return [changed[place] for place in places]

        outputs = Gate.apply(on_backward, *(values[place] for place in places))
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        gated = list(values)
        for place, output in zip(places, outputs, strict=True):
            gated[place] = output
        return tuple(gated)

    def _on_outputs(self, grad_output: tuple[Any, ...]) -> tuple[Any, ...]:
        for hook in self.pre_hooks:
            changed = hook(self.module, grad_output)
            if changed is not None:
                grad_output = _same_length(changed, grad_output, "backward pre-hook")
        self.grad_output = grad_output
        if not self.input_gated:  # nothing flows on to inputs, so nothing else calls the hooks
            for hook in self.hooks:
                if hook(self.module, (None,) * self.input_count, grad_output) is not None:
                    raise RuntimeError(
                        "backward hook: no input requires a gradient, so the hook must return None"
                    )
        return grad_output

    def _on_inputs(self, grad_input: tuple[Any, ...]) -> tuple[Any, ...]:
        for hook in self.hooks:
            changed = hook(self.module, grad_input, self.grad_output)
            if changed is not None:
                grad_input = _same_length(changed, grad_input, "backward hook")
        self.grad_output = None
        return grad_input


def _same_length(changed: Any, gradients: tuple[Any, ...], kind: str) -> tuple[Any, ...]:
    """What a hook returned, as a tuple with one gradient for each that it was given."""
    changed = changed if isinstance(changed, tuple) else (changed,)
    if len(changed) != len(gradients):
        raise RuntimeError(
            f"{kind}: must return as many gradients as it was given, got {len(changed)} for "
            f"{len(gradients)}"
        )
    return changed
