"""Devices: where a tensor's memory is. Only "cpu" in this version."""

from __future__ import annotations

from typing import Any


class device:
    """A device by name: device("cpu"). Equal to its name as a string.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.zeros(2).device
        device(type='cpu')
    """

    __slots__ = ("index", "type")

    def __init__(self, name: Any, index: int | None = None):
        text = name.type if isinstance(name, device) else name
        if not isinstance(text, str):
            raise TypeError(f"device: expected a name such as 'cpu', got {type(name).__name__}")
        kind, _, number = text.partition(":")
        if kind not in ("cpu", "cuda"):
            raise RuntimeError(f"device: expected 'cpu' or 'cuda', got {text!r}")
        if number and not number.isdigit():
            raise RuntimeError(f"device: the index must be a number, got {text!r}")
        self.type: str = kind
        self.index: int | None = int(number) if number else index

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            return str(self) == other or (self.type == other and self.index in (None, 0))
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        suffix = "" if self.index is None else f", index={self.index}"
        return f"device(type='{self.type}'{suffix})"


CPU = device("cpu")


def check_device(wanted: Any) -> device:
    """The device, if this build can use it."""
    found = CPU if wanted is None else device(wanted)
    if found.type != "cpu":
        raise RuntimeError(
            f"device: '{found}' is not available: this version computes on the CPU only; use 'cpu'"
        )
    return CPU
