"""Data types: NumPy's dtype objects under PyTorch's names, and the default for new float
tensors.
"""

from __future__ import annotations

from typing import Any

import numpy as np

float32 = np.dtype("float32")
float64 = np.dtype("float64")
int64 = np.dtype("int64")
int32 = np.dtype("int32")
int16 = np.dtype("int16")
int8 = np.dtype("int8")
uint8 = np.dtype("uint8")
bool_ = np.dtype("bool")

SUPPORTED = (float32, float64, int64, int32, int16, int8, uint8, bool_)

_default = float32


def get_default_dtype() -> np.dtype[Any]:
    """The dtype of new float tensors made from Python numbers."""
    return _default


def set_default_dtype(dtype: Any) -> None:
    """Makes float32 or float64 the dtype of new float tensors made from Python numbers."""
    global _default
    wanted = as_dtype(dtype)
    if wanted not in (float32, float64):
        raise TypeError(f"set_default_dtype: the default must be float32 or float64, got {wanted}")
    _default = wanted


def as_dtype(dtype: Any) -> np.dtype[Any]:
    """Any spelling of a supported dtype (tg.float32, "float32", np.float32, float) as the dtype
    object.
    """
    if dtype is float:
        return _default
    if dtype is int:
        return int64
    try:
        result = np.dtype(dtype)
    except TypeError:
        raise TypeError(f"dtype: {dtype!r} is not a data type") from None
    if result.newbyteorder("=") not in SUPPORTED:
        raise TypeError(
            f"dtype: {result} is not supported; use one of {', '.join(str(d) for d in SUPPORTED)}"
        )
    return np.dtype(result.newbyteorder("="))


def is_float(dtype: np.dtype[Any]) -> bool:
    return dtype.kind == "f"
