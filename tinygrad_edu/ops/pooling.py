"""Max and average pooling. Kernels: csrc/pooling.cpp."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import Function, Tensor, wrap
from ..backends import backend
from .image_checks import (
    batched,
    channels_last,
    check_fits,
    check_images,
    check_pair,
    output_size,
    spread,
)


class MaxPool2d(Function):
    """out[n, c, i, j] = max_{k, l} x[n, c, i s + k d - p, ...]; and the tap (k, l) that gave it.

    grad_x = grad_output, sent to the winners and summed there.
    """

    non_differentiable = (1,)

    def forward(self, x: Any, window: tuple[int, ...], size: tuple[int, int]) -> Any:
        images = batched(x)
        shape = (*images.shape[:2], *size)
        out, winner = channels_last(x, shape), channels_last(x, shape, np.dtype("int32"))
        backend(x).max_pool2d(images, out, winner, *window)
        if x.ndim == 3:
            out, winner = out[0], winner[0]
        self.save(winner)
        self.window, self.x_shape = window, x.shape
        return out, winner

    def backward(self, grad_output: Any, _: Any) -> Any:
        (winner,) = self.saved
        return MaxPool2dScatter.apply(grad_output, winner, self.window, self.x_shape)


class MaxPool2dScatter(Function):
    """out[pixel] = sum of g over the windows that this pixel won. grad_g = grad_output gathered."""

    def forward(self, g: Any, winner: Any, window: tuple[int, ...], shape: tuple[int, ...]) -> Any:
        self.save(winner)
        self.window, self.size = window, g.shape[-2:]
        grads = batched(g)
        out = channels_last(g, (*grads.shape[:2], *shape[-2:]))
        backend(g).max_pool2d_backward(grads, batched(winner), out, *window)
        return out if len(shape) == 4 else out[0]

    def backward(self, grad_output: Any) -> Any:
        (winner,) = self.saved
        return MaxPool2dGather.apply(grad_output, winner, self.window)


class MaxPool2dGather(Function):
    """out[n, c, i, j] = x at the winner of that window. grad_x = grad_output scattered."""

    def forward(self, x: Any, winner: Any, window: tuple[int, ...]) -> Any:
        self.save(winner)
        self.window, self.x_shape = window, x.shape
        out = channels_last(x, batched(winner).shape)
        backend(x).max_pool2d_gather(batched(x), batched(winner), out, *window)
        return out if x.ndim == 4 else out[0]

    def backward(self, grad_output: Any) -> Any:
        (winner,) = self.saved
        return MaxPool2dScatter.apply(grad_output, winner, self.window, self.x_shape)


class AvgPool2d(Function):
    """out[n, c, i, j] = sum_{k, l} x[n, c, i s + k - p, ...] / divisor[i, j].

    grad_x[pixel] = sum of grad_output / divisor over the windows that cover the pixel.
    """

    def forward(self, x: Any, window: tuple[int, ...], size: tuple[int, int]) -> Any:
        self.window, self.x_shape = window, x.shape
        images = batched(x)
        out = channels_last(x, (*images.shape[:2], *size))
        backend(x).avg_pool2d(images, out, *window)
        return out if x.ndim == 4 else out[0]

    def backward(self, grad_output: Any) -> Any:
        return AvgPool2dBackward.apply(grad_output, self.window, self.x_shape)


class AvgPool2dBackward(Function):
    """out[pixel] = sum of g / divisor over the windows that cover the pixel.

    grad_g = AvgPool2d(grad_output): the two are transposes of each other.
    """

    def forward(self, g: Any, window: tuple[int, ...], shape: tuple[int, ...]) -> Any:
        self.window, self.size = window, g.shape[-2:]
        grads = batched(g)
        out = channels_last(g, (*grads.shape[:2], *shape[-2:]))
        backend(g).avg_pool2d_backward(grads, out, *window)
        return out if len(shape) == 4 else out[0]

    def backward(self, grad_output: Any) -> Any:
        return AvgPool2d.apply(grad_output, self.window, self.size)


def max_pool2d(
    input: Tensor,
    kernel_size: int | tuple[int, int],
    stride: int | tuple[int, int] | None = None,
    padding: int | tuple[int, int] = 0,
    dilation: int | tuple[int, int] = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """out[n, c, i, j] = max_{k, l} input[n, c, i s + k d - p, j s + l d - p].

    Padding counts as -inf. Of equal maxima the first in row order wins; a NaN wins over every
    number, as in PyTorch.

    Args:
        input: (N, C, H, W) or (C, H, W), float.
        kernel_size: height and width of the window: an int or two, as the next three.
        stride: step between windows; kernel_size if None.
        padding: at most half of kernel_size.
        dilation: step between the taps of a window.
        ceil_mode: also keep a last window that hangs over the end.
        return_indices: also return where each maximum lies.

    Returns:
        (N, C, OH, OW), or without N; with return_indices also an int64 Tensor of the same shape:
        h * W + w of each maximum (-1 for a window that dilation makes miss the image altogether).

    Raises:
        ValueError: the window does not fit, or an argument is out of range.
        TypeError: input is not a float Tensor, or an argument has the wrong type.

    Gradient:
        grad_output goes to the winners; kept: which tap of each window won.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.nn.functional.max_pool2d(tg.tensor([[[1.0, 2.0], [4.0, 3.0]]]), 2)
        tensor([[[4.]]])
    """
    check_images("max_pool2d", input)
    kernel, strides, pads = _window("max_pool2d", kernel_size, stride, padding)
    dilations = check_pair("max_pool2d", "dilation", dilation, 1)
    size = _pooled("max_pool2d", input, kernel, strides, pads, dilations, ceil_mode)
    window = (*kernel, *strides, *pads, *dilations)
    out, winner = MaxPool2d.apply(input, window, size)
    return (out, _indices(winner, input.array.shape[-1], window)) if return_indices else out


def avg_pool2d(
    input: Tensor,
    kernel_size: int | tuple[int, int],
    stride: int | tuple[int, int] | None = None,
    padding: int | tuple[int, int] = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """out[n, c, i, j] = sum_{k, l} input[n, c, i s + k - p, j s + l - p] / divisor.

    Args:
        input: (N, C, H, W) or (C, H, W), float.
        kernel_size: height and width of the window: an int or two, as the next two.
        stride: step between windows; kernel_size if None.
        padding: zeros around the image; at most half of kernel_size.
        ceil_mode: also keep a last window that hangs over the end.
        count_include_pad: whether the padding counts in the divisor. What hangs over the end in
            ceil_mode never does.
        divisor_override: the divisor, instead of the count of elements.

    Returns:
        (N, C, OH, OW), or without N.

    Raises:
        ValueError: the window does not fit, or an argument is out of range.
        TypeError: input is not a float Tensor, or an argument has the wrong type.

    Gradient:
        grad_output / divisor, spread over each window; nothing is kept.

    Example:
        >>> import tinygrad_edu as tg
        >>> tg.nn.functional.avg_pool2d(tg.tensor([[[1.0, 2.0], [4.0, 3.0]]]), 2)
        tensor([[[2.5000]]])
    """
    check_images("avg_pool2d", input)
    kernel, strides, pads = _window("avg_pool2d", kernel_size, stride, padding)
    if divisor_override is not None and divisor_override == 0:
        raise ValueError("avg_pool2d: divisor_override must not be 0")
    size = _pooled("avg_pool2d", input, kernel, strides, pads, (1, 1), ceil_mode)
    window = (*kernel, *strides, *pads, bool(count_include_pad), divisor_override or 0)
    return AvgPool2d.apply(input, window, size)


def _window(op: str, kernel_size: Any, stride: Any, padding: Any) -> tuple[tuple[int, int], ...]:
    """kernel_size, stride and padding as pairs."""
    kernel = check_pair(op, "kernel_size", kernel_size, 1)
    strides = kernel if stride is None else check_pair(op, "stride", stride, 1)
    pads = check_pair(op, "padding", padding, 0)
    if pads[0] > kernel[0] // 2 or pads[1] > kernel[1] // 2:
        raise ValueError(
            f"{op}: padding must be at most half of kernel_size, got padding={padding!r} with "
            f"kernel_size={kernel_size!r}"
        )
    return kernel, strides, pads


def _pooled(
    op: str,
    input: Tensor,
    kernel: tuple[int, int],
    strides: tuple[int, int],
    pads: tuple[int, int],
    dilations: tuple[int, int],
    ceil_mode: bool,
) -> tuple[int, int]:
    """(OH, OW)."""
    H, W = input.array.shape[-2:]
    window = spread(kernel, dilations)
    check_fits(op, (H, W), window, pads)
    return (
        output_size(H, window[0], strides[0], pads[0], ceil_mode),
        output_size(W, window[1], strides[1], pads[1], ceil_mode),
    )


def _indices(winner: Tensor, W: int, window: tuple[int, ...]) -> Any:
    """h * W + w of each window's winning tap; -1 where it has none."""
    _, kernel_w, stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w = window
    tap = winner.array.astype(np.int64)
    i, j = np.ogrid[: tap.shape[-2], : tap.shape[-1]]
    h = i * stride_h - pad_h + tap // kernel_w * dilation_h
    w = j * stride_w - pad_w + tap % kernel_w * dilation_w
    return wrap(np.where(tap < 0, -1, h * W + w))
