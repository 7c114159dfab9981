"""Rows of pooling."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

import tinygrad_edu as tg
from specs import Spec
from strategies import Case, arrays

Pair = tuple[int, int]


def windows(
    x: np.ndarray, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Every window's elements and where they lie in the image (h * W + w; -1 outside), both of
    shape (..., OH, OW, KH * KW).
    """
    sizes, positions = x.shape[-2:], []
    for n, k, s, p, d in zip(sizes, kernel, stride, padding, dilation, strict=True):
        room = n + 2 * p - d * (k - 1) - 1
        count = -(-room // s) + 1 if ceil_mode else room // s + 1
        if (count - 1) * s >= n + p:  # would start behind the image
            count -= 1
        positions.append(np.arange(count)[:, None] * s - p + np.arange(k) * d)  # (count, k)
    h, w = positions
    inside = ((h >= 0) & (h < sizes[0]))[:, None, :, None] & ((w >= 0) & (w < sizes[1]))[
        None, :, None
    ]
    flat = h[:, None, :, None] * sizes[1] + w[None, :, None]  # (OH, OW, KH, KW)
    where = np.where(inside, flat, -1).reshape(*flat.shape[:2], kernel[0] * kernel[1])
    return x.reshape(*x.shape[:-2], sizes[0] * sizes[1])[..., where], where


def max_pool2d_reference(
    x: np.ndarray,
    kernel_size: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    ceil_mode: bool,
    return_indices: bool,
) -> Any:
    values, where = windows(x, kernel_size, stride, padding, dilation, ceil_mode)
    values = np.where(where < 0, -np.inf, values)
    best = values.argmax(-1)[..., None]
    out = np.take_along_axis(values, best, -1)[..., 0]
    if not return_indices:
        return out
    return out, np.take_along_axis(np.broadcast_to(where, values.shape), best, -1)[..., 0]


def avg_pool2d_reference(
    x: np.ndarray,
    kernel_size: Pair,
    stride: Pair,
    padding: Pair,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> np.ndarray:
    values, where = windows(x, kernel_size, stride, padding, (1, 1), ceil_mode)
    total = np.where(where < 0, 0, values).sum(-1)
    if divisor_override is not None:
        return total / divisor_override
    if not count_include_pad:
        return total / (where >= 0).sum(-1)
    padded = np.ones([n + 2 * p for n, p in zip(x.shape[-2:], padding, strict=True)])
    counted, where = windows(padded, kernel_size, stride, (0, 0), (1, 1), ceil_mode)
    OH, OW = total.shape[-2:]
    return total / np.where(where < 0, 0, counted).sum(-1)[:OH, :OW]


@st.composite
def pool_cases(draw: st.DrawFn, maximum: bool) -> Case:
    kernel = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    stride = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    # A window never misses the image: its last tap past it and its first before it would need both.
    dilation = (
        (draw(st.integers(1, 2)), draw(st.integers(1, 2)))
        if maximum and not any(padding)
        else (1, 1)
    )
    least = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    H, W = (draw(st.integers(n, n + 5)) for n in least)
    C = draw(st.sampled_from([1, 2, 5, 17]))
    shape = (C, H, W) if draw(st.booleans()) else (draw(st.integers(0, 2)), C, H, W)
    x = draw(arrays(shape, distinct=maximum))
    ceil_mode = draw(st.booleans())
    if maximum:
        return Case((x, kernel, stride, padding, dilation, ceil_mode, draw(st.booleans())))
    divisor = draw(st.sampled_from([None, None, 3]))
    return Case((x, kernel, stride, padding, ceil_mode, draw(st.booleans()), divisor))


SPECS = [
    Spec(
        tg.nn.functional.max_pool2d,
        max_pool2d_reference,
        pool_cases(maximum=True),
        torch="nn.functional.max_pool2d",
    ),
    Spec(
        tg.nn.functional.avg_pool2d,
        avg_pool2d_reference,
        pool_cases(maximum=False),
        torch="nn.functional.avg_pool2d",
        tolerance=4,
    ),
]
