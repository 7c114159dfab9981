"""What all optimisers share: parameter groups, state, saving and loading, the kernel's arguments.

An optimiser is a class with a table of settings (`defaults`) and two methods: `check_settings` and
`update`, which makes the step for parameters of one group, dtype and device, in one kernel call.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import chain
from typing import Any

from ..autograd import wrap
from ..backends import backend
from ..grad_mode import enable_grad, no_grad
from ..ops.inplace import check_writable
from ..tensor import Tensor

Group = dict[str, Any]
Params = Iterable[Tensor] | Iterable[dict[str, Any]]


class Optimizer:
    """The base of all optimisers.

    Args:
        params: Tensors, or dicts {"params": Tensors, ...} whose other entries override `defaults`.
        defaults: the settings and their values.

    Raises:
        TypeError: a parameter is not a Tensor, or not of a floating-point dtype.
        ValueError: there is no parameter, one is no leaf or appears twice, or a setting is out of
            range.
    """

    def __init__(self, params: Params, defaults: Group) -> None:
        if isinstance(params, Tensor):
            raise TypeError(
                f"{self._name}: params must be an iterable of Tensors or dicts, got a Tensor; "
                "pass [tensor]"
            )
        self.defaults = defaults
        self.state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[Group] = []
        given: list[Any] = list(params)
        if not given:
            raise ValueError(f"{self._name}: got an empty parameter list")
        groups: list[Any] = given if isinstance(given[0], dict) else [{"params": given}]
        for group in groups:
            self.add_param_group(group)

    @property
    def _name(self) -> str:
        return type(self).__name__

    def check_settings(self, group: Group) -> None:
        """Raises ValueError if a setting of the group is out of range."""
        raise NotImplementedError

    def update(self, parameters: list[Tensor], group: Group) -> None:
        """Makes one step for parameters that all have gradients, one dtype and one device."""
        raise NotImplementedError

    def add_param_group(self, param_group: Group) -> None:
        """Adds parameters with settings of their own, such as a layer that is unfrozen during
        training.

        Args:
            param_group: {"params": a Tensor or an iterable of Tensors, ...settings}.

        Raises:
            As the constructor.
        """
        if not isinstance(param_group, dict):
            raise TypeError(
                f"{self._name}: a parameter group must be a dict, got {type(param_group).__name__}"
            )
        params = param_group["params"]
        params = [params] if isinstance(params, Tensor) else list(params)
        group = {**self.defaults, **param_group, "params": params}
        seen = {id(p) for g in self.param_groups for p in g["params"]}
        for p in params:
            self._check_parameter(p)
            if id(p) in seen:
                raise ValueError(
                    f"{self._name}: a parameter of shape {p.shape} appears more than once"
                )
            seen.add(id(p))
        self.check_settings(group)
        self.param_groups.append(group)

    def _check_parameter(self, p: Any) -> None:
        if not isinstance(p, Tensor):
            raise TypeError(f"{self._name}: can only optimize Tensors, got {type(p).__name__}")
        if not p.is_leaf:
            raise ValueError(
                f"{self._name}: can't optimize a non-leaf Tensor (made by {p.grad_fn}); "
                "pass the leaf it came from"
            )
        if p.array.dtype.kind != "f":
            raise TypeError(f"{self._name}: parameters must be floating-point, got {p.dtype}")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forgets all gradients, or fills them with zeros if `set_to_none` is False."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif p.grad is not None:
                    p.grad = p.grad.detach()
                    p.grad.zero_()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Changes every parameter that has a gradient, in place.

        Args:
            closure: computes the loss and its gradients anew; called first, with the graph on.

        Returns:
            What the closure returned, or None.

        Raises:
            TypeError, ValueError: a gradient has not the dtype or shape of its parameter.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            kinds: dict[Any, list[Tensor]] = {}
            for p in group["params"]:
                if p.grad is not None:
                    kinds.setdefault((backend(p.array), p.array.dtype), []).append(p)
            for parameters in kinds.values():
                self.update(parameters, group)
        return loss

    # What subclasses build `update` from.

    def gather(self, parameters: list[Tensor], names: list[str]) -> tuple[list[Any], ...]:
        """Lists of arrays for the kernel: parameters, gradients, then one list per name of a state.

        Item by item they are dense and have one memory order, the parameter's, so the kernel may
        take each as a flat run.
        """
        lists: tuple[list[Any], ...] = tuple([] for _ in range(2 + len(names)))
        for p in parameters:
            array = p.array
            if not _is_dense(array.shape, array.strides, array.itemsize):
                with no_grad():
                    check_writable(self._name, p)
                array = backend(array).contiguous(array)  # a view as leaf: `scatter` writes it back
            lists[0].append(array)
            grad = p.grad
            lists[1].append(self._matching(grad, array, "gradient"))
            for name, arrays in zip(names, lists[2:], strict=True):
                state = self.state[p][name]
                arrays.append(self._matching(state, array, name))
                state.array = arrays[-1]
        return lists

    def _matching(self, tensor: Tensor, array: Any, what: str) -> Any:
        """The tensor's array in the memory order of the parameter's."""
        found = tensor.array
        if found.shape != array.shape:
            raise ValueError(
                f"{self._name}: the {what} has shape {found.shape}, its parameter {array.shape}"
            )
        if found.dtype != array.dtype:
            raise TypeError(
                f"{self._name}: the {what} has dtype {found.dtype}, its parameter {array.dtype}"
            )
        if found.strides == array.strides:
            return found
        out = _empty_as(array)
        out[...] = found
        return out

    def scatter(self, parameters: list[Tensor], arrays: list[Any]) -> None:
        """After the kernel: the parameters have changed, and graphs that saved them must know."""
        for p, array in zip(parameters, arrays, strict=True):
            if array is not p.array:
                p.array[...] = array
            p.version[0] += 1

    def new_state(self, p: Tensor) -> Tensor:
        """Zeros like the parameter, in its memory order."""
        array = _empty_as(p.array)
        array[...] = 0
        state: Tensor = wrap(array)
        return state

    def new_step(self, p: Tensor, count: float = 0) -> Tensor:
        """A count of steps: a 0-d Tensor of the parameter's dtype, for the kernel to advance."""
        step: Tensor = wrap(backend(p.array).full((), count, p.array.dtype))
        return step

    # Saving and loading.

    def state_dict(self) -> dict[str, Any]:
        """{"state": {index: state}, "param_groups": [settings and indices]}, parameters numbered in
        group order.

        The state's Tensors are those of the optimiser, not copies.
        """
        order = {id(p): i for i, p in enumerate(self._parameters())}
        groups = [{**g, "params": [order[id(p)] for p in g["params"]]} for g in self.param_groups]
        state = {order[id(p)]: dict(values) for p, values in self.state.items()}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes settings and state from what `state_dict` returned; PyTorch's dicts have the same
        form.

        Args:
            state_dict: is copied; Tensors in it are cast to their parameter's dtype.

        Raises:
            ValueError: the groups differ in number or size, or a state has not its parameter's
            shape.
        """
        groups = state_dict["param_groups"]
        ours, theirs = ([len(g["params"]) for g in some] for some in (self.param_groups, groups))
        if ours != theirs:
            raise ValueError(
                f"load_state_dict: the groups have {theirs} parameters, "
                f"those of this {self._name} {ours}"
            )
        indices = chain.from_iterable(g["params"] for g in groups)
        by_index = dict(zip(indices, self._parameters(), strict=True))
        state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        for index, values in state_dict["state"].items():
            p = by_index[index]
            state[p] = {name: self._loaded(name, value, p) for name, value in values.items()}
        self.state = state
        self.param_groups = [
            {
                **copy.deepcopy({k: v for k, v in new.items() if k != "params"}),
                "params": old["params"],
            }
            for old, new in zip(self.param_groups, groups, strict=True)
        ]

    def _loaded(self, name: str, value: Any, p: Tensor) -> Any:
        if name == "step":
            return self.new_step(p, value.item() if isinstance(value, Tensor) else value)
        if not isinstance(value, Tensor):
            return copy.deepcopy(value)
        if value.shape != p.shape:
            raise ValueError(
                f"load_state_dict: {name} has shape {value.shape}, its parameter {p.shape}"
            )
        array = _empty_as(p.array)
        array[...] = value.array
        return wrap(array)

    def _parameters(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]

    def __repr__(self) -> str:
        lines = [f"{self._name} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines.extend(f"    {key}: {group[key]}" for key in sorted(group) if key != "params")
        return "\n".join([*lines, ")"])


@lru_cache(maxsize=4096)
def _is_dense(shape: tuple[int, ...], strides: tuple[int, ...], itemsize: int) -> bool:
    """Whether the elements fill one block of memory, in whatever order of dims."""
    expected = itemsize
    for stride, size in sorted((t, n) for t, n in zip(strides, shape, strict=True) if n != 1):
        if stride != expected:
            return False
        expected *= size
    return True


def _empty_as(array: Any) -> Any:
    """A new dense array of the same shape and dtype, in the same memory order if that is dense."""
    strides = None
    if _is_dense(array.shape, array.strides, array.itemsize):
        strides = tuple(stride // array.itemsize for stride in array.strides)
    return backend(array).empty(array.shape, array.dtype, strides)


def check_not_negative(name: str, group: Group, *keys: str) -> None:
    """ValueError unless these settings are numbers >= 0."""
    for key in keys:
        if not group[key] >= 0:
            raise ValueError(f"{name}: {key} must be >= 0, got {group[key]}")
