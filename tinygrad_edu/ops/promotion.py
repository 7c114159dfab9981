"""Type promotion: which dtype an op on mixed operands computes in. PyTorch's rules.

Three kinds, bool < integer < float, and three ranks: tensors with dims, tensors without (0-d),
Python numbers. An operand of lower rank changes the result only if its kind is higher: float32
tensor + 2.5 stays float32, int64 tensor + 2.5 becomes the default float dtype.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..dtypes import bool_, get_default_dtype, int64

_KIND = {"b": 0, "u": 1, "i": 1, "f": 2}


@functools.cache
def promote_types(a: np.dtype[Any], b: np.dtype[Any]) -> np.dtype[Any]:
    """The smallest dtype that holds both; a float wins over any integer."""
    if a.kind == "f" and b.kind != "f":
        return a
    if b.kind == "f" and a.kind != "f":
        return b
    return np.promote_types(a, b)


def _scalar_dtype(value: Any) -> np.dtype[Any]:
    if isinstance(value, (bool, np.bool_)):
        return bool_
    if isinstance(value, (int, np.integer)):
        return int64
    return get_default_dtype()


def _join(higher: np.dtype[Any] | None, lower: np.dtype[Any] | None) -> np.dtype[Any] | None:
    """The dtype of a rank, raised by a lower rank only where that one's kind is higher."""
    if higher is None or lower is None:
        return higher or lower
    if _KIND[lower.kind] > _KIND[higher.kind]:
        return promote_types(higher, lower)
    return higher


def result_type(*operands: Any) -> np.dtype[Any]:
    """The dtype that an op on these tensors, arrays and Python numbers computes in."""
    ranks: list[np.dtype[Any] | None] = [None, None, None]
    for x in operands:
        if hasattr(x, "dtype") and hasattr(x, "ndim") and not isinstance(x, np.generic):
            rank, dtype = (0 if x.ndim else 1), x.dtype
            if dtype.kind not in _KIND:
                raise TypeError(f"result_type: operands must be numbers, got an array of {dtype}")
        else:
            rank, dtype = 2, _scalar_dtype(x)
        known = ranks[rank]
        ranks[rank] = dtype if known is None else promote_types(known, dtype)
    result = _join(ranks[0], _join(ranks[1], ranks[2]))
    assert result is not None
    return result
