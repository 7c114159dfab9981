"""Pooling layers: the largest value, or the mean, of each window of an image."""

from __future__ import annotations

from ..tensor import Tensor
from . import functional as F
from .module import Module

Size = int | tuple[int, int]


class MaxPool2d(Module):
    """out[n, c, y, x] = max_{i, j} input[n, c, s y + d i, s x + d j].

    Args:
        kernel_size: height and width of a window, or one int for both.
        stride: step between windows (default: kernel_size).
        padding: -inf added on all four sides, at most half a window.
        dilation: distance between the taps of a window.
        return_indices: also return each maximum's index in its image's H * W values.
        ceil_mode: round the output size up rather than down.

    Example:
        >>> tg.nn.MaxPool2d(2)(tg.ones(1, 3, 8, 8)).shape
        (1, 3, 4, 4)
    """

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        dilation: Size = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        return F.max_pool2d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            ceil_mode=self.ceil_mode,
            return_indices=self.return_indices,
        )

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class AvgPool2d(Module):
    """out[n, c, y, x] = mean_{i, j} input[n, c, s y + i, s x + j].

    Args:
        kernel_size: height and width of a window, or one int for both.
        stride: step between windows (default: kernel_size).
        padding: zeros added on all four sides, at most half a window.
        ceil_mode: round the output size up rather than down.
        count_include_pad: whether the padding's zeros count in the mean.
        divisor_override: divide the sums by this instead of by the count.

    Example:
        >>> tg.nn.AvgPool2d(2)(tg.ones(1, 3, 8, 8)).shape
        (1, 3, 4, 4)
    """

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool2d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"
