"""Handles of registered hooks."""

from __future__ import annotations

import itertools
from typing import Any

_next_id = itertools.count().__next__


class RemovableHandle:
    """What registering a hook returns: `remove()` takes the hook away again; as a context, at
    its end.
    """

    def __init__(self, hooks: dict[int, Any], *more: dict[int, Any]):
        self.id = _next_id()
        self._hooks = (hooks, *more)

    def remove(self) -> None:
        for hooks in self._hooks:
            hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()


def register(hooks: dict[int, Any], hook: Any) -> RemovableHandle:
    """Adds a hook to a dict of hooks and returns its handle."""
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle
