"""Conv2d: learned filters slid over an image."""

from __future__ import annotations

import math
from typing import Any

from ..tensor import Tensor
from . import functional as F, init
from .module import Module
from .parameter import Parameter, empty_parameter

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class Conv2d(Module):
    """out[n,o,y,x] = bias[o] + sum_{c,i,j} weight[o,c,i,j] * input[n, c, s y + d i, s x + d j].

    s is the stride, d the dilation; the input is padded first. Starts with weight and bias uniform
    in [-1/sqrt(fan_in), 1/sqrt(fan_in)], fan_in = in_channels / groups * KH * KW.

    Args:
        in_channels: channels of the input, C_in.
        out_channels: channels of the output, C_out.
        kernel_size: KH and KW, or one int for both.
        stride: step between windows.
        padding: added on all four sides; an int, a pair, "valid" (none) or "same" (stride 1 only).
        dilation: distance between the taps of a window.
        groups: channels are cut into so many groups that do not see each other.
        bias: whether to add a learned bias.
        padding_mode: "zeros", "reflect", "replicate" or "circular".
        device: where the parameters live.
        dtype: their floating-point dtype.

    Attributes:
        weight: (C_out, C_in / groups, KH, KW).
        bias: (C_out,), or None.

    Example:
        >>> tg.nn.Conv2d(3, 8, kernel_size=3, padding=1)(tg.ones(2, 3, 32, 32)).shape
        (2, 8, 32, 32)
    """

    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: str | int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if groups <= 0:
            raise ValueError(f"Conv2d: groups must be positive, got {groups}")
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                "Conv2d: in_channels and out_channels must be divisible by groups, got "
                f"{in_channels} and {out_channels} with groups={groups}"
            )
        if padding_mode not in PADDING_MODES:
            raise ValueError(
                f"Conv2d: padding_mode must be one of {PADDING_MODES}, got {padding_mode!r}"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = F.pair(kernel_size)
        self.stride = F.pair(stride)
        self.dilation = F.pair(dilation)
        self.padding = self._checked_padding(padding)
        self.groups = groups
        self.padding_mode = padding_mode
        self.weight = empty_parameter(
            out_channels, in_channels // groups, *self.kernel_size, device=device, dtype=dtype
        )
        if bias:
            self.bias = empty_parameter(out_channels, device=device, dtype=dtype)
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _checked_padding(self, padding: str | int | tuple[int, int]) -> str | tuple[int, int]:
        """Padding as a pair or as one of the two words."""
        if not isinstance(padding, str):
            return F.pair(padding)
        if padding not in ("same", "valid"):
            raise ValueError(
                f"Conv2d: padding must be 'same', 'valid' or a number, got {padding!r}"
            )
        if padding == "same" and self.stride != (1, 1):
            raise ValueError(f"Conv2d: padding='same' needs stride 1, got {self.stride}")
        return padding

    def reset_parameters(self) -> None:
        """Draws weight and bias anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))  # the bound 1/sqrt(fan_in)
        init.bias_uniform_(self.bias, self.weight)

    def forward(self, input: Tensor) -> Tensor:
        padding: Any = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._pad_widths(), mode=self.padding_mode)
            padding = (0, 0)
        return F.conv2d(
            input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )

    def _pad_widths(self) -> tuple[int, int, int, int]:
        """(left, right, top, bottom) for `pad`, which sees to the modes that conv2d lacks."""
        if isinstance(self.padding, tuple):
            rows, columns = self.padding
            return (columns, columns, rows, rows)
        if self.padding == "valid":
            return (0, 0, 0, 0)
        # "same": where the total is odd, the larger half goes to the right and to the bottom.
        rows, columns = (d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True))
        left, top = columns // 2, rows // 2
        return (left, columns - left, top, rows - top)

    def extra_repr(self) -> str:
        parts = [
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}",
            f"stride={self.stride}",
        ]
        if self.padding != (0, 0):
            parts.append(f"padding={self.padding}")
        if self.dilation != (1, 1):
            parts.append(f"dilation={self.dilation}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)
