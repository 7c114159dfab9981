"""Module: a tree of parameters, buffers and child modules, with a forward method.

The class is written in three files: registration, traversal, modes and conversion here, hooks and
the call in `module_hooks.py`, saving and loading of the state in `module_state.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np

from ..tensor import Tensor
from .module_hooks import HookMethods
from .module_state import StateMethods
from .parameter import Buffer, Parameter

SomeModule = TypeVar("SomeModule", bound="Module")


class Module(HookMethods, StateMethods):
    """Base class of all layers and models: output = forward(*inputs).

    Parameters, buffers and modules assigned as attributes register themselves, so that
    `parameters()`, `state_dict()`, `to()` and the others find them all the way down the tree.

    Reference:
        PyTorch, `torch.nn.Module`, whose names, rules and printed form this class keeps.

    Example:
        >>> class Affine(tg.nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.inner = tg.nn.Linear(3, 2)
        ...
        ...     def forward(self, x):
        ...         return self.inner(x)
        >>> [name for name, parameter in Affine().named_parameters()]
        ['inner.weight', 'inner.bias']
    """

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _non_persistent_buffers: set[str]
    _modules: dict[str, Module | None]

    def __init__(self) -> None:
        own = self.__dict__  # directly: __setattr__ reads these dictionaries
        own["training"] = True
        own["_parameters"] = {}
        own["_buffers"] = {}
        own["_non_persistent_buffers"] = set()
        own["_modules"] = {}
        own["_hooks"] = {}

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Computes the output. Subclasses define it; call the module itself, so that hooks run."""
        raise NotImplementedError(
            f'Module [{type(self).__name__}] is missing the required "forward" function'
        )

    # Registration.

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Adds a parameter under a name; None reserves the name (a layer without its bias)."""
        self._check_name("parameter", name, self._parameters)
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{_type_name(param)}' object to parameter '{name}' "
                "(nn.Parameter or None required)"
            )
        if param is not None and param.grad_fn is not None:
            raise ValueError(
                f"cannot assign non-leaf Tensor to parameter '{name}'; "
                "a value computed from other tensors belongs into forward()"
            )
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Adds a buffer: state that is no parameter (running statistics, masks).

        Args:
            name: attribute name; no dots.
            tensor: the value, or None to reserve the name.
            persistent: whether `state_dict` contains it.
        """
        self._check_name("buffer", name, self._buffers)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{_type_name(tensor)}' object to buffer '{name}' "
                "(Tensor or None required)"
            )
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers.discard(name)
        else:
            self._non_persistent_buffers.add(name)

    def register_module(self, name: str, module: Module | None) -> None:
        """Adds a child module under a name; None reserves the name."""
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{_type_name(module)} is not a Module subclass")
        self._check_name("module", name, self._modules)
        self._modules[name] = module

    add_module = register_module

    def _check_name(self, kind: str, name: str, present: dict[str, Any]) -> None:
        """Whether `name` may be registered; `present` holds the names that may be overwritten."""
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string, got {_type_name(name)}")
        if "." in name:
            raise KeyError(f'{kind} name can\'t contain ".", got: {name}')
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')
        if hasattr(self, name) and name not in present:
            raise KeyError(f"attribute '{name}' already exists")

    def __setattr__(self, name: str, value: Any) -> None:
        own = self.__dict__
        if "_modules" not in own:
            if isinstance(value, (Parameter, Buffer, Module)):
                raise AttributeError(
                    f"cannot assign '{_type_name(value)}' as '{name}' before Module.__init__() call"
                )
            object.__setattr__(self, name, value)
        elif isinstance(value, Parameter):
            self._forget(name, keep=self._parameters)  # what is replaced keeps its place
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            self._forget(name, keep=self._modules)
            self._modules[name] = value
        elif name in self._parameters:
            self._accept_only(None, name, value, "parameter", "nn.Parameter or None")
            self._parameters[name] = None
        elif name in self._modules:
            self._accept_only(None, name, value, "child module", "nn.Module or None")
            self._modules[name] = None
        elif isinstance(value, Buffer):
            self._forget(name, keep=self._buffers)
            self.register_buffer(name, value, value.persistent)
        elif name in self._buffers:
            self._accept_only(Tensor, name, value, "buffer", "nn.Buffer, Tensor or None")
            self._buffers[name] = value
        else:
            object.__setattr__(self, name, value)

    def _forget(self, name: str, keep: dict[str, Any]) -> None:
        """Removes whatever stands under `name`, but for an entry in `keep`."""
        for place in (self.__dict__, self._parameters, self._buffers, self._modules):
            if place is not keep:
                place.pop(name, None)
        if keep is not self._buffers:
            self._non_persistent_buffers.discard(name)

    @staticmethod
    def _accept_only(kind: type | None, name: str, value: Any, role: str, allowed: str) -> None:
        """TypeError unless value is None or of the given kind."""
        if value is not None and (kind is None or not isinstance(value, kind)):
            raise TypeError(
                f"cannot assign '{_type_name(value)}' as {role} '{name}' ({allowed} expected)"
            )

    def __getattr__(self, name: str) -> Any:  # reached only where normal look-up found nothing
        own = self.__dict__
        if "_modules" not in own:
            raise AttributeError(
                f"'{type(self).__name__}' object has no attribute '{name}': Module.__init__() was "
                "not called; start __init__ with super().__init__()"
            )
        for place in (own["_parameters"], own["_buffers"], own["_modules"]):
            if name in place:
                return place[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __delattr__(self, name: str) -> None:
        for place in (self._parameters, self._buffers, self._modules):
            if name in place:
                del place[name]
                self._non_persistent_buffers.discard(name)
                return
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        names = {
            *dir(type(self)),
            *self.__dict__,
            *self._parameters,
            *self._buffers,
            *self._modules,
        }
        return sorted(name for name in names if not name[0].isdigit())

    # Traversal: every module, parameter and buffer once, in order of registration, parents first.

    def named_modules(
        self, memo: set[int] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """(dotted name, module) for this module, named `prefix`, and all below it."""
        seen = set() if memo is None else memo
        if id(self) in seen:
            return
        if remove_duplicate:
            seen.add(id(self))
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                dotted = f"{prefix}.{name}" if prefix else name
                yield from module.named_modules(seen, dotted, remove_duplicate)

    def modules(self) -> Iterator[Module]:
        """This module and all below it."""
        for _, module in self.named_modules():
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """(name, module) for the direct children."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def children(self) -> Iterator[Module]:
        """The direct children."""
        for _, module in self.named_children():
            yield module

    def _named_members(
        self, place: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        """(dotted name, member) from the dictionary called `place` of each module."""
        seen = set()
        owners = (
            self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
            if recurse
            else [(prefix, self)]
        )
        for path, module in owners:
            for name, member in getattr(module, place).items():
                if member is None or id(member) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(member))
                yield (f"{path}.{name}" if path else name), member

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """(dotted name, parameter) for all parameters."""
        return self._named_members("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """All parameters, in the order in which they were registered."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """(dotted name, buffer) for all buffers."""
        return self._named_members("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """All buffers."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def get_submodule(self, target: str) -> Module:
        """The module under a dotted name; AttributeError says which part is missing."""
        module: Any = self
        for part in target.split(".") if target else ():
            if not hasattr(module, part):
                raise AttributeError(f"{type(module).__name__} has no attribute `{part}`")
            module = getattr(module, part)
            if not isinstance(module, Module):
                raise AttributeError(f"`{part}` is not an nn.Module")
        return module

    def _get_member(self, place: str, target: str, kind: str) -> Any:
        """The parameter or buffer under a dotted name."""
        path, _, name = target.rpartition(".")
        owner = self.get_submodule(path)
        if not hasattr(owner, name):
            raise AttributeError(f"{type(owner).__name__} has no attribute `{name}`")
        if name not in getattr(owner, place):
            raise AttributeError(f"`{name}` is not {kind}")
        return getattr(owner, name)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter under a dotted name."""
        return self._get_member("_parameters", target, "an nn.Parameter")

    def get_buffer(self, target: str) -> Tensor:
        """The buffer under a dotted name."""
        return self._get_member("_buffers", target, "a buffer")

    # Modes.

    def train(self: SomeModule, mode: bool = True) -> SomeModule:
        """Sets training mode (dropout drops, batch norm uses the batch) here and below."""
        if not isinstance(mode, bool):
            raise ValueError(f"train: mode is expected to be boolean, got {mode!r}")
        self.training = mode
        for child in self.children():
            child.train(mode)  # which a subclass may override, to keep a part frozen
        return self

    def eval(self: SomeModule) -> SomeModule:
        """Sets evaluation mode: `train(False)`."""
        return self.train(False)

    def requires_grad_(self: SomeModule, requires_grad: bool = True) -> SomeModule:
        """Whether the parameters here and below receive gradients (False freezes them)."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drops every parameter's gradient, or fills it with zeros."""
        for parameter in self.parameters():
            if parameter.grad is not None:
                if set_to_none:
                    parameter.grad = None
                else:
                    parameter.grad = parameter.grad.detach()
                    parameter.grad.zero_()

    def apply(self: SomeModule, fn: Callable[[Module], object]) -> SomeModule:
        """Calls `fn` on every module, children first (to initialise a network, say)."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    # Conversion: parameters keep their identity, so an optimiser that holds them stays valid.

    def _apply(self: SomeModule, fn: Callable[[Tensor], Tensor]) -> SomeModule:
        """Replaces the data of every parameter and gradient, and every buffer, by `fn` of it."""
        for child in self.children():
            child._apply(fn)
        for parameter in self._parameters.values():
            if parameter is not None:
                grad = parameter.grad
                parameter.grad = None  # a gradient must match its parameter's dtype at all times
                parameter.data = fn(parameter.data)
                parameter.grad = None if grad is None else fn(grad.detach())
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def to(
        self: SomeModule, *args: Any, memory_format: str = "preserve_format", **kwargs: Any
    ) -> SomeModule:
        """Converts parameters and buffers: `to(dtype)`, `to(device)`, `to(tensor)`.

        A dtype applies to floating-point values only and must itself be floating-point; a memory
        format, to values with 4 dims only.
        """
        wanted = Tensor(0.0).to(*args, **kwargs)
        if not np.issubdtype(wanted.dtype, np.floating):
            raise TypeError(
                f"Module.to: only floating-point dtypes are accepted, got {wanted.dtype}"
            )

        def converted(t: Tensor) -> Tensor:
            order = memory_format if t.ndim == 4 else "preserve_format"
            return t.to(*args, memory_format=order, **kwargs) if t.is_floating_point() else t

        return self._apply(converted)

    def float(self: SomeModule) -> SomeModule:
        """Converts floating-point parameters and buffers to float32."""
        return self._apply(lambda t: t.float() if t.is_floating_point() else t)

    def double(self: SomeModule) -> SomeModule:
        """Converts floating-point parameters and buffers to float64."""
        return self._apply(lambda t: t.double() if t.is_floating_point() else t)

    def cpu(self: SomeModule) -> SomeModule:
        """Moves parameters and buffers to the CPU."""
        return self._apply(lambda t: t.to("cpu"))

    # Printed form.

    def extra_repr(self) -> str:
        """What `repr` prints between the parentheses, one or more lines; subclasses define it."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        if len(lines) == 1 and not self._modules:
            return f"{type(self).__name__}({lines[0]})"
        lines += [f"({name}): {indented(repr(child))}" for name, child in self._modules.items()]
        inside = "\n  " + "\n  ".join(lines) + "\n" if lines else ""
        return f"{type(self).__name__}({inside})"


def indented(text: str) -> str:
    """Text whose lines, but for the first, move in by two columns."""
    return text.replace("\n", "\n  ")


def _type_name(value: Any) -> str:
    """How PyTorch's messages name a type: with its module, but for builtins."""
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
