"""Whether ops record a graph: no_grad, enable_grad, set_grad_enabled, inference_mode."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

# Per thread, and per asyncio task.
_grad_mode: ContextVar[bool] = ContextVar("grad_mode", default=True)


def is_grad_enabled() -> bool:
    """Whether ops record a graph in this thread."""
    return _grad_mode.get()


class set_grad_enabled:
    """Turns the recording of the graph on or off: a context, a decorator, or, called alone,
    until the next call.
    """

    def __init__(self, mode: bool):
        self._mode = bool(mode)
        self._before = [_grad_mode.get()]
        _grad_mode.set(self._mode)

    def __enter__(self) -> None:
        _grad_mode.set(self._mode)

    def __exit__(self, *error: object) -> None:
        _grad_mode.set(self._before[0])

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        _grad_mode.set(self._before[0])
        return _decorate(function, self._mode)


class _Mode:
    """A context and decorator with a fixed mode; one object may be entered again while it is
    active.
    """

    _mode = True

    def __init__(self, function: Callable[..., Any] | None = None) -> None:
        self._tokens: list[bool] = []

    def __enter__(self) -> None:
        self._tokens.append(_grad_mode.get())
        _grad_mode.set(self._mode)

    def __exit__(self, *error: object) -> None:
        _grad_mode.set(self._tokens.pop())

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return _decorate(function, self._mode)

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        return object.__new__(cls) if function is None else _decorate(function, cls._mode)


class no_grad(_Mode):
    """Context and decorator: ops inside record no graph."""

    _mode = False


class enable_grad(_Mode):
    """Context and decorator: ops inside record a graph, also within no_grad."""


class inference_mode(_Mode):
    """Context and decorator: the same as no_grad here (results may enter a later graph as
    constants); inference_mode(False) is enable_grad.
    """

    def __new__(cls, mode: Any = True) -> Any:
        kind: Any = no_grad if mode else enable_grad
        return kind(mode if callable(mode) else None)


def _decorate(function: Callable[..., Any], mode: bool) -> Callable[..., Any]:
    if inspect.isgeneratorfunction(function):
        raise TypeError(
            f"grad mode: {function.__name__} is a generator; use the mode inside it, around each "
            "step"
        )

    @functools.wraps(function)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        before = _grad_mode.get()
        _grad_mode.set(mode)
        try:
            return function(*args, **kwargs)
        finally:
            _grad_mode.set(before)

    return decorated
