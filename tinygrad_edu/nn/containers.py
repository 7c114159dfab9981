"""Containers: Sequential calls its modules in turn, ModuleList and ModuleDict only hold them."""

from __future__ import annotations

import operator
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from itertools import groupby
from typing import Any, TypeVar

from .module import Module, indented

Numbered = TypeVar("Numbered", bound="NumberedModules")


class NumberedModules(Module):
    """Children under the names "0", "1", ...: what Sequential and ModuleList share."""

    def _name(self, index: int) -> str:
        """The name of the child at an index (names can be words in a Sequential)."""
        index = operator.index(index)
        if not -len(self) <= index < len(self):
            raise IndexError(
                f"{type(self).__name__}: index {index} is out of range for {len(self)} modules"
            )
        return list(self._modules)[index]

    def _renumber(self, modules: Iterable[Any]) -> None:
        """Holds just these modules, numbered from 0."""
        modules = list(modules)
        self._modules.clear()
        for module in modules:
            self.append(module)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._name(index), module)

    def __delitem__(self, index: int | slice) -> None:
        names = list(self._modules)
        for name in names[index] if isinstance(index, slice) else [self._name(index)]:
            del self._modules[name]
        self._renumber(self)

    def append(self: Numbered, module: Module) -> Numbered:
        """Adds a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self: Numbered, modules: Iterable[Module]) -> Numbered:
        """Adds modules at the end."""
        if not isinstance(modules, Iterable):
            raise TypeError(
                f"{type(self).__name__}.extend: expected an iterable of modules, "
                f"got {type(modules).__name__}"
            )
        for module in list(modules):
            self.append(module)
        return self

    def insert(self: Numbered, index: int, module: Module) -> Numbered:
        """Puts a module before the one at `index`."""
        if not isinstance(module, Module):
            raise TypeError(
                f"{type(self).__name__}.insert: expected a Module, got {type(module).__name__}"
            )
        if not -len(self) <= index <= len(self):
            raise IndexError(f"{type(self).__name__}.insert: index {index} is out of range")
        modules = list(self)
        modules.insert(index, module)
        self._renumber(modules)
        return self

    def pop(self, index: int | slice) -> Any:
        """Removes and returns a module, or a slice of them."""
        popped = self[index]  # type: ignore[index]
        del self[index]
        return popped


class Sequential(NumberedModules):
    """output = module_n(... module_1(module_0(input))).

    Args:
        *modules: modules in calling order, or one dictionary of named modules.

    Example:
        >>> tg.nn.Sequential(tg.nn.Linear(4, 2), tg.nn.ReLU())
        Sequential(
          (0): Linear(in_features=4, out_features=2, bias=True)
          (1): ReLU()
        )
    """

    def __init__(self, *modules: Any) -> None:
        super().__init__()
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            for name, module in modules[0].items():
                self.add_module(name, module)
        else:
            self.extend(modules)

    def forward(self, input: Any) -> Any:
        for module in self._modules.values():
            input = module(input)  # type: ignore[misc]
        return input

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(dict(list(self._modules.items())[index]))
        return self._modules[self._name(index)]

    def __add__(self, other: Sequential) -> Sequential:
        if not isinstance(other, Sequential):
            return NotImplemented
        return Sequential(*self, *other)

    def __iadd__(self, other: Sequential) -> Sequential:
        if not isinstance(other, Sequential):
            return NotImplemented
        return self.extend(other)

    def __mul__(self, times: int) -> Sequential:
        if not isinstance(times, int):
            return NotImplemented
        if times <= 0:
            raise ValueError(
                f"Sequential: can only be repeated a positive number of times, got {times}"
            )
        return Sequential(*list(self) * times)

    __rmul__ = __mul__

    def __imul__(self, times: int) -> Sequential:
        repeated = self * times
        self._renumber(repeated)
        return self


class ModuleList(NumberedModules):
    """A list of modules that are registered; it has no forward of its own.

    Args:
        modules: the modules to start with.

    Example:
        >>> layers = tg.nn.ModuleList(tg.nn.Linear(4, 4) for _ in range(3))
        >>> layers
        ModuleList(
          (0-2): 3 x Linear(in_features=4, out_features=4, bias=True)
        )
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        self.extend(() if modules is None else modules)

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return self._modules[self._name(index)]

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])

    def __iadd__(self, other: Iterable[Module]) -> ModuleList:
        return self.extend(other)

    def __repr__(self) -> str:
        if not self._modules:
            return f"{type(self).__name__}()"
        lines = []
        numbered = enumerate(repr(module) for module in self)
        for text, run in groupby(numbered, key=lambda pair: pair[1]):
            first, *others = [number for number, _ in run]
            place = f"({first}-{others[-1]}): {len(others) + 1} x " if others else f"({first}): "
            lines.append(place + indented(text))
        return f"{type(self).__name__}(\n  " + "\n  ".join(lines) + "\n)"


class ModuleDict(Module):
    """A dictionary of modules that are registered, in order of insertion.

    Args:
        modules: a mapping, or pairs of name and module, to start with.

    Example:
        >>> heads = tg.nn.ModuleDict({"digit": tg.nn.Linear(8, 10), "parity": tg.nn.Linear(8, 2)})
        >>> list(heads)
        ['digit', 'parity']
    """

    def __init__(
        self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None
    ) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, name: str) -> Any:
        return self._modules[name]

    def __setitem__(self, name: str, module: Module) -> None:
        self.add_module(name, module)

    def __delitem__(self, name: str) -> None:
        del self._modules[name]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, name: object) -> bool:
        return name in self._modules

    def keys(self) -> KeysView[str]:
        """The names."""
        return self._modules.keys()

    def values(self) -> ValuesView[Any]:
        """The modules."""
        return self._modules.values()

    def items(self) -> ItemsView[str, Any]:
        """Pairs of name and module."""
        return self._modules.items()

    def clear(self) -> None:
        """Removes all modules."""
        self._modules.clear()

    def pop(self, name: str) -> Any:
        """Removes and returns a module."""
        return self._modules.pop(name)

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Adds or replaces modules, from a mapping or from pairs."""
        if not isinstance(modules, Iterable):
            raise TypeError(
                "ModuleDict.update: expected a mapping or pairs of name and module, "
                f"got {type(modules).__name__}"
            )
        pairs = modules.items() if isinstance(modules, Mapping) else modules
        for pair in pairs:
            if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                raise ValueError(f"ModuleDict.update: expected (name, module) pairs, got {pair!r}")
            self[pair[0]] = pair[1]
