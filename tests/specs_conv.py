"""Rows of convolution."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from hypothesis import strategies as st

import tinygrad_edu as tg
from specs import Spec
from strategies import Case, arrays

Pair = tuple[int, int]


def pair(value: int | Pair) -> Pair:
    return (value, value) if isinstance(value, int) else value


def conv2d_reference(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    stride: int | Pair = 1,
    padding: int | Pair | str = 0,
    dilation: int | Pair = 1,
    groups: int = 1,
) -> np.ndarray:
    """The definition: one shifted, weighted image per tap."""
    if x.ndim == 3:
        return conv2d_reference(x[None], weight, bias, stride, padding, dilation, groups)[0]
    (sh, sw), (dh, dw), (KH, KW) = pair(stride), pair(dilation), weight.shape[2:]
    if padding == "same":
        pads = [(d * (k - 1) // 2, (d * (k - 1) + 1) // 2) for d, k in ((dh, KH), (dw, KW))]
    else:
        ph, pw = (0, 0) if padding == "valid" else pair(padding)  # type: ignore[arg-type]
        pads = [(ph, ph), (pw, pw)]
    x = np.pad(x, [(0, 0), (0, 0), *pads])
    OH = (x.shape[2] - dh * (KH - 1) - 1) // sh + 1
    OW = (x.shape[3] - dw * (KW - 1) - 1) // sw + 1
    N, C, _, _ = x.shape
    filters = weight.reshape(
        groups, len(weight) // groups, *weight.shape[1:]
    )  # (groups, C_out / groups, C, KH, KW)
    out = np.zeros((N, groups, filters.shape[1], OH, OW))
    for k in range(KH):
        for m in range(KW):
            rows = slice(k * dh, k * dh + (OH - 1) * sh + 1, sh)
            columns = slice(m * dw, m * dw + (OW - 1) * sw + 1, sw)
            tap = x[:, :, rows, columns].reshape(N, groups, C // groups, OH, OW)
            out += np.einsum("ngchw,goc->ngohw", tap, filters[..., k, m])
    out = out.reshape(N, len(weight), OH, OW)
    return out if bias is None else out + bias[:, None, None]


def torch_conv2d(*args: Any, **kwargs: Any) -> Any:
    """PyTorch's, without its warning that "same" padding copies the image if the kernel is even."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.nn.functional.conv2d(*args, **kwargs)


@st.composite
def conv_cases(draw: st.DrawFn, depthwise: bool = False) -> Case:
    """Small images, a few of each argument; empty batches and single pixels among them."""
    groups = draw(st.integers(2, 5) if depthwise else st.sampled_from([1, 1, 2, 3]))
    C = 1 if depthwise else draw(st.integers(1, 3))
    C_out = groups * (1 if depthwise else draw(st.integers(1, 3)))
    pairs = {
        name: (draw(st.integers(low, 2)), draw(st.integers(low, 3)))
        for name, low in (("stride", 1), ("padding", 0), ("dilation", 1))
    }
    KH, KW = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    least = [
        d * (k - 1) + 1 - 2 * p
        for d, k, p in zip(pairs["dilation"], (KH, KW), pairs["padding"], strict=True)
    ]
    H, W = (draw(st.integers(max(1, n), max(1, n) + 3)) for n in least)
    keywords: dict[str, Any] = {**pairs, "groups": groups}
    if draw(st.booleans()):
        word = draw(st.sampled_from(["same", "valid"]))
        keywords["padding"] = word
        if word == "same":
            keywords["stride"] = 1
        else:
            H, W = H + 2 * pairs["padding"][0], W + 2 * pairs["padding"][1]
    shape = (
        (groups * C, H, W) if draw(st.booleans()) else (draw(st.integers(0, 3)), groups * C, H, W)
    )
    bias = draw(arrays((C_out,))) if draw(st.booleans()) else None
    return Case((draw(arrays(shape)), draw(arrays((C_out, C, KH, KW))), bias), keywords)


SPECS = [
    Spec(
        tg.nn.functional.conv2d,
        conv2d_reference,
        conv_cases(),
        torch=torch_conv2d,
        tolerance=10,
    ),
    Spec(
        tg.nn.functional.conv2d,
        conv2d_reference,
        conv_cases(depthwise=True),
        torch=torch_conv2d,
        tolerance=10,
        name="conv2d depthwise",
    ),
]
