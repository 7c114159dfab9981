"""Where arrays live and kernels run. `backend(array)` is the module with the functions for that
array's device.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from . import cpu


def backend(array: Any) -> ModuleType:
    """The backend of an array: cpu for numpy.ndarray."""
    if isinstance(array, np.ndarray):
        return cpu
    raise TypeError(f"backend: no backend for {type(array).__name__}")


def backend_of_device(device: str) -> ModuleType:
    """The backend by device type."""
    if device == "cpu":
        return cpu
    raise RuntimeError(f"device: '{device}' is not available in this build; use 'cpu'")
