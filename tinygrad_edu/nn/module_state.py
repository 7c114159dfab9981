"""The state of a Module as a flat dictionary: `state_dict` and `load_state_dict`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from ..grad_mode import no_grad
from ..tensor import Tensor
from .parameter import Parameter

EXTRA_STATE_KEY = "_extra_state"


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict` found to differ: keys without a value, values without a place."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return (
            f"IncompatibleKeys(missing_keys={self.missing_keys}, "
            f"unexpected_keys={self.unexpected_keys})"
        )


class StateMethods:
    """The part of Module that hands out its state and takes it back."""

    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _non_persistent_buffers: set[str]
    named_modules: Callable[..., Iterator[tuple[str, Any]]]
    _hooks_of: Callable[[str], list[tuple[int, Any]]]

    def get_extra_state(self) -> Any:
        """Anything else that `state_dict` must contain; a subclass that defines it also defines
        `set_extra_state`.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no get_extra_state")

    def set_extra_state(self, state: Any) -> None:
        """Takes back what `get_extra_state` returned."""
        raise NotImplementedError(f"{type(self).__name__} defines no set_extra_state")

    def _own_state(self) -> dict[str, Tensor]:
        """This module's parameters and persistent buffers, without its children's."""
        persistent = {
            name: buffer
            for name, buffer in self._buffers.items()
            if name not in self._non_persistent_buffers
        }
        both = {**self._parameters, **persistent}
        return {name: tensor for name, tensor in both.items() if tensor is not None}

    def state_dict(
        self,
        *,
        destination: dict[str, Any] | None = None,
        prefix: str = "",
        keep_vars: bool = False,
    ) -> dict[str, Any]:
        """Dotted name -> value, for parameters and persistent buffers here and below.

        Args:
            destination: a dictionary to fill, or None for a new one.
            prefix: put before every name.
            keep_vars: hand out the parameters themselves rather than detached Tensors.

        Returns:
            The dictionary; its Tensors share memory with the module's.

        Example:
            >>> sorted(tg.nn.Linear(2, 3).state_dict())
            ['bias', 'weight']
        """
        state = {} if destination is None else destination
        for hook in _functions(self, "state_dict_pre"):
            hook(self, prefix, keep_vars)
        for name, tensor in self._own_state().items():
            state[prefix + name] = tensor if keep_vars else tensor.detach()
        if _has_extra_state(self):
            state[prefix + EXTRA_STATE_KEY] = self.get_extra_state()
        for name, child in self._modules.items():  # type: ignore[attr-defined]
            if child is not None:
                child.state_dict(destination=state, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in _functions(self, "state_dict_post"):
            hook(self, state, prefix, {})
        return state

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copies values into parameters and buffers, all of them or, after an error, none.

        Args:
            state_dict: dotted name -> Tensor, as `state_dict` returns it.
            strict: names must match exactly; else missing and unexpected ones are only reported.
            assign: take the given Tensors over instead of copying their values.

        Returns:
            A named tuple of `missing_keys` and `unexpected_keys`.

        Raises:
            TypeError: if `state_dict` is no mapping.
            RuntimeError: one that lists every missing key, unexpected key and size mismatch.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(
                f"load_state_dict: expected state_dict to be dict-like, got {type(state_dict)}"
            )
        state = dict(state_dict)
        keys = IncompatibleKeys([], [])
        errors: list[str] = []
        known: set[str] = set()
        actions: list[Callable[[], object]] = []
        modules = [
            (f"{path}." if path else "", module)
            for path, module in self.named_modules(remove_duplicate=False)
        ]
        for prefix, module in modules:
            for hook in _functions(module, "load_state_dict_pre"):
                hook(module, state, prefix, {}, strict, *keys, errors)
            for name, tensor in module._own_state().items():
                key = prefix + name
                known.add(key)
                if key not in state:
                    keys.missing_keys.append(key)
                elif (problem := _mismatch(key, state[key], tensor)) is not None:
                    errors.append(problem)
                else:
                    actions.append(_loading(module, name, tensor, state[key], assign))
            if _has_extra_state(module):
                key = prefix + EXTRA_STATE_KEY
                known.add(key)
                if key in state:
                    actions.append(partial(module.set_extra_state, state[key]))
                else:
                    keys.missing_keys.append(key)
        keys.unexpected_keys.extend(key for key in state if key not in known)
        # Children first: a parent's hook sees what its children's hooks left of the keys.
        after = [
            (module, hook)
            for _, module in reversed(modules)
            for hook in _functions(module, "load_state_dict_post")
        ]
        if strict and not after:  # nobody will edit the keys: refuse before anything is loaded
            errors[:0] = _key_errors(keys)
        self._refuse(errors)
        with no_grad():
            for action in actions:
                action()
        for module, hook in after:
            if hook(module, keys) is not None:
                raise RuntimeError(
                    "load_state_dict post-hook: must edit the keys in place and return None"
                )
        if strict:
            self._refuse(_key_errors(keys))
        return keys

    def _refuse(self, errors: list[str]) -> None:
        """One RuntimeError for all messages, if there are any."""
        if errors:
            listed = "\n\t".join(errors)
            raise RuntimeError(
                f"Error(s) in loading state_dict for {type(self).__name__}:\n\t{listed}"
            )


def _functions(module: Any, kind: str) -> list[Callable[..., Any]]:
    """The functions of a module's hooks of one kind."""
    return [hook.function for _, hook in module._hooks_of(kind)]


def _has_extra_state(module: Any) -> bool:
    """Whether the module's class defines an extra state."""
    return type(module).get_extra_state is not StateMethods.get_extra_state


def _mismatch(key: str, value: Any, tensor: Tensor) -> str | None:
    """Why `value` cannot be loaded into `tensor`, or None."""
    if not isinstance(value, Tensor):
        return (
            f'While copying the parameter named "{key}", expected a Tensor from checkpoint but '
            f"received {type(value)}"
        )
    if value.shape != tensor.shape:
        return (
            f"size mismatch for {key}: copying a param with shape {tuple(value.shape)} from "
            f"checkpoint, the shape in current model is {tuple(tensor.shape)}."
        )
    return None


def _loading(
    module: Any, name: str, tensor: Tensor, value: Tensor, assign: bool
) -> Callable[[], object]:
    """The action that loads one value."""
    if not assign:
        return lambda: tensor.copy_(value)
    if isinstance(tensor, Parameter) and not isinstance(value, Parameter):
        value = Parameter(value, tensor.requires_grad)
    return lambda: setattr(module, name, value)


def _key_errors(keys: IncompatibleKeys) -> list[str]:
    """One message for the missing keys and one for the unexpected ones, if there are any."""
    named = {"Missing": keys.missing_keys, "Unexpected": keys.unexpected_keys}
    return [
        f"{kind} key(s) in state_dict: " + ", ".join(f'"{key}"' for key in found) + "."
        for kind, found in named.items()
        if found
    ]
