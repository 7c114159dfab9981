"""How a tensor prints: as PyTorch does, with NumPy's array printer doing the work."""

from __future__ import annotations

from typing import Any

import numpy as np

from .autograd import AccumulateGrad, Tensor
from .dtypes import get_default_dtype

_options: dict[str, Any] = {
    "precision": 4,
    "threshold": 1000,
    "edgeitems": 3,
    "linewidth": 80,
    "suppress": False,
}


def set_printoptions(
    precision: int | None = None,
    threshold: int | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """How tensors print.

    Args:
        precision: digits after the point (4).
        threshold: number of elements from which a tensor is summarised (1000).
        edgeitems: elements shown at each end of a summarised dim (3).
        linewidth: characters a line (80).
        profile: "default", "short" (precision 2, threshold 1000, edgeitems 2) or "full" (no
            summary).
        sci_mode: False: never in scientific notation.
    """
    profiles = {
        "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
        "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
        "full": {"precision": 4, "threshold": 2**31, "edgeitems": 3, "linewidth": 80},
    }
    if profile is not None:
        if profile not in profiles:
            raise ValueError(
                f"set_printoptions: profile must be one of {', '.join(profiles)}, got {profile!r}"
            )
        _options.update(profiles[profile])
    given = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
    }
    _options.update({name: value for name, value in given.items() if value is not None})
    if sci_mode is not None:
        _options["suppress"] = not sci_mode


def _has_fractions(array: np.ndarray) -> bool:
    """Whether some element needs digits after the point: then all show the same number of them."""
    if array.dtype.kind != "f":
        return False
    finite = array[np.isfinite(array)]
    return bool((finite != np.trunc(finite)).any())


def tensor_text(x: Tensor) -> str:
    """The repr of a tensor: values, then what is not obvious from them."""
    array = x.array
    text = np.array2string(
        array,
        precision=_options["precision"],
        threshold=_options["threshold"],
        edgeitems=_options["edgeitems"],
        max_line_width=_options["linewidth"],
        suppress_small=_options["suppress"],
        separator=", ",
        prefix="tensor(",
        floatmode="fixed" if _has_fractions(array) else "maxprec_equal",
    )
    notes = []
    if array.size == 0 and array.ndim != 1:
        notes.append(f"size={tuple(array.shape)}")
    plain = (get_default_dtype(), np.dtype("int64"), np.dtype("bool"))
    if array.dtype not in plain or (array.size == 0 and array.dtype != get_default_dtype()):
        notes.append(f"dtype={array.dtype}")
    if x.node is not None:
        is_leaf = type(x.node) is AccumulateGrad
        notes.append("requires_grad=True" if is_leaf else f"grad_fn={x.node!r}")
    return f"tensor({', '.join([text, *notes])})"
