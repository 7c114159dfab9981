"""What convolution and pooling share: checks of images and windows, and output sizes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import Tensor
from ..backends import backend
from .checks import check_float, check_tensor


def check_images(op: str, x: Any) -> Tensor:
    """x, if it is a float Tensor (N, C, H, W) or (C, H, W)."""
    images = check_tensor(op, x)
    check_float(op, images)
    if images.array.ndim not in (3, 4):
        raise ValueError(
            f"{op}: input must be (N, C, H, W) or (C, H, W), got shape {images.array.shape}; add "
            "the missing dims with unsqueeze or reshape"
        )
    return images


def check_pair(op: str, name: str, value: Any, least: int) -> tuple[int, int]:
    """An int or two ints, for height and width, as a pair; none below `least`."""
    pair = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    for number in pair:
        if isinstance(number, (bool, np.bool_)) or not isinstance(number, (int, np.integer)):
            raise TypeError(f"{op}: {name} must be an int or two ints, got {value!r}")
    if len(pair) != 2:
        raise ValueError(f"{op}: {name} must be an int or two ints (height, width), got {value!r}")
    if min(pair) < least:
        raise ValueError(f"{op}: {name} must be at least {least}, got {value!r}")
    return int(pair[0]), int(pair[1])


def spread(kernel_size: tuple[int, int], dilation: tuple[int, int]) -> tuple[int, int]:
    """Height and width of the window, the gaps between its taps included."""
    return dilation[0] * (kernel_size[0] - 1) + 1, dilation[1] * (kernel_size[1] - 1) + 1


def check_fits(
    op: str,
    size: tuple[int, int],
    window: tuple[int, int],
    padding: tuple[int, int],
) -> None:
    """ValueError if the window, with its gaps, is larger than the padded image."""
    padded = size[0] + 2 * padding[0], size[1] + 2 * padding[1]
    if window[0] > padded[0] or window[1] > padded[1]:
        raise ValueError(
            f"{op}: the window must fit into the padded image, got a window of {window} on "
            f"{padded}; use a smaller kernel, less dilation or more padding"
        )


def output_size(size: int, window: int, stride: int, padding: int, ceil_mode: bool = False) -> int:
    """How many windows start at every stride-th position; with ceil_mode also one that hangs over
    the end, if it starts inside of the image or of the padding before it.
    """
    room = size + 2 * padding - window
    count = room // stride + 1
    if ceil_mode and room % stride and count * stride < size + padding:
        count += 1
    return count


def batched(x: Any) -> Any:
    """An image as a batch of one: (C, H, W) becomes (1, C, H, W)."""
    return x if x.ndim == 4 else x[None]


def channels_last(x: Any, shape: tuple[int, ...], dtype: Any = None) -> Any:
    """An empty array (N, C, H, W) with the channels of a pixel contiguous, beside x."""
    _, C, H, W = shape
    return backend(x).empty(shape, dtype or x.dtype, (H * W * C, 1, W * C, C))
