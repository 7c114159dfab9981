"""Two-dimensional convolution. Kernels: csrc/conv.cpp, conv_input.cpp, conv_weight.cpp.

The three products of a convolution - its value and its two gradients - are linear in each operand,
so each is the gradient of the others: three Functions close the circle, and gradients exist to any
order.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..autograd import Function, Tensor
from ..backends import backend
from .checks import check_float, check_same_dtype, check_tensor
from .image_checks import (
    batched,
    channels_last,
    check_fits,
    check_images,
    check_pair,
    output_size,
    spread,
)


class Geometry(NamedTuple):
    """How the window moves: what all three kernels take. Padding is that before the image; what
    lies behind it follows from the output's size.
    """

    stride_h: int
    stride_w: int
    pad_h: int
    pad_w: int
    dilation_h: int
    dilation_w: int
    groups: int


class Conv2d(Function):
    """out[n, o, i, j] = bias[o] + sum_{c, k, l} weight[o, c, k, l] * x[n, c, i s + k d - p, ...].

    grad_x = the same sum transposed: Conv2dInput(grad_output, weight)
    grad_weight[o, c, k, l] = sum_{n, i, j} grad_output[n, o, i, j] * x[n, c, i s + k d - p, ...]
    grad_bias[o] = sum_{n, i, j} grad_output[n, o, i, j]
    """

    def forward(self, x: Any, weight: Any, bias: Any, geometry: Geometry, size: Any) -> Any:
        self.save(x, weight)
        self.geometry, self.x_shape, self.kernel_size = geometry, x.shape, weight.shape[2:]
        images = batched(x)  # (N, C_in, H, W)
        out = channels_last(x, (images.shape[0], weight.shape[0], *size))  # (N, C_out, OH, OW)
        backend(x).conv2d(images, weight, bias, out, *geometry, False)
        return out if x.ndim == 4 else out[0]

    def backward(self, grad_output: Any) -> Any:
        x, weight = self.saved
        wants_x, wants_weight, wants_bias = self.needs_input_grad[:3]
        grad_x = grad_weight = grad_bias = None
        if wants_x:
            grad_x = Conv2dInput.apply(grad_output, weight, self.geometry, self.x_shape)
        if wants_weight:
            grad_weight = Conv2dWeight.apply(x, grad_output, self.geometry, self.kernel_size)
        if wants_bias:
            grad_bias = grad_output.sum((-2, -1) if grad_output.ndim == 3 else (0, 2, 3))
        return grad_x, grad_weight, grad_bias


class Conv2dInput(Function):
    """out[n, c, h, w] = sum of weight[o, c, k, l] * g[n, o, i, j] over i s + k d - p = h, ...

    grad_g = Conv2d(grad_output, weight)
    grad_weight = Conv2dWeight(grad_output, g)
    """

    def forward(self, g: Any, weight: Any, geometry: Geometry, shape: tuple[int, ...]) -> Any:
        self.save(g, weight)
        self.geometry, self.size, self.kernel_size = geometry, g.shape[-2:], weight.shape[2:]
        grads = batched(g)  # (N, C_out, OH, OW)
        out = channels_last(g, (grads.shape[0], *shape[-3:]))  # (N, C_in, H, W)
        backend(g).conv2d_input(grads, weight, out, *geometry)
        return out if len(shape) == 4 else out[0]

    def backward(self, grad_output: Any) -> Any:
        g, weight = self.saved
        wants_g, wants_weight = self.needs_input_grad[:2]
        grad_g = grad_weight = None
        if wants_g:
            grad_g = Conv2d.apply(grad_output, weight, None, self.geometry, self.size)
        if wants_weight:
            grad_weight = Conv2dWeight.apply(grad_output, g, self.geometry, self.kernel_size)
        return grad_g, grad_weight


class Conv2dWeight(Function):
    """out[o, c, k, l] = sum_{n, i, j} g[n, o, i, j] * x[n, c, i s + k d - p, ...].

    grad_x = Conv2dInput(g, grad_output)
    grad_g = Conv2d(x, grad_output)
    """

    def forward(self, x: Any, g: Any, geometry: Geometry, kernel_size: Any) -> Any:
        self.save(x, g)
        self.geometry, self.size, self.x_shape = geometry, g.shape[-2:], x.shape
        C_out, C_in = g.shape[-3], x.shape[-3] // geometry.groups
        out = backend(x).empty((C_out, C_in, *kernel_size), x.dtype)
        backend(x).conv2d_weight(batched(x), batched(g), out, *geometry)
        return out

    def backward(self, grad_output: Any) -> Any:
        x, g = self.saved
        wants_x, wants_g = self.needs_input_grad[:2]
        grad_x = grad_g = None
        if wants_x:
            grad_x = Conv2dInput.apply(g, grad_output, self.geometry, self.x_shape)
        if wants_g:
            grad_g = Conv2d.apply(x, grad_output, None, self.geometry, self.size)
        return grad_x, grad_g


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] | str = 0,
    dilation: int | tuple[int, int] = 1,
    groups: int = 1,
) -> Any:
    """out[n, o, i, j] = bias[o] + sum_{c, k, l} weight[o, c, k, l] * input[n, c, i s + k d - p, .]

    Cross-correlation, as in PyTorch: the kernel is not flipped. The output has NCHW shape and
    channels-last strides; input in that order is read in place, any other is copied into it.

    Args:
        input: (N, C_in, H, W) or (C_in, H, W), float.
        weight: (C_out, C_in / groups, KH, KW), of input's dtype.
        bias: (C_out,) or None.
        stride: step between windows: an int or (height, width), as the next two.
        padding: zeros before and after the image, or "valid" (none), or "same": as many as keep H
            and W, the odd one after the image; with stride 1 only.
        dilation: step between the taps of a window.
        groups: input and output channels are cut into so many groups, convolved apart.

    Returns:
        (N, C_out, OH, OW), or (C_out, OH, OW); OH = (H + 2 p - d (KH - 1) - 1) // s + 1.

    Raises:
        ValueError: shapes do not match, a window does not fit, or an argument is out of range.
        TypeError: dtypes differ or are not float, or an argument has the wrong type.

    Gradient:
        grad_input and grad_weight are sums of the same form; input and weight are kept.
        grad_bias = sum of grad_output over n, i, j.

    Reference:
        Y. LeCun et al., "Gradient-Based Learning Applied to Document Recognition", Proc. IEEE 86
        (1998), section II. V. Dumoulin, F. Visin, "A guide to convolution arithmetic for deep
        learning", arXiv:1603.07285 (2016), for the sizes.

    Example:
        >>> import tinygrad_edu as tg
        >>> edges = tg.tensor([[[[-1.0, 1.0]]]])
        >>> tg.nn.functional.conv2d(tg.tensor([[[[0.0, 0.0, 5.0, 5.0]]]]), edges)
        tensor([[[[0., 5., 0.]]]])
    """
    check_images("conv2d", input)
    check_float("conv2d", check_tensor("conv2d", weight, "weight"), "weight")
    if bias is not None:
        check_tensor("conv2d", bias, "bias")
    check_same_dtype("conv2d", input=input, weight=weight, bias=bias)
    _check_channels(input.array.shape, weight.array.shape, groups)
    C_out, _, *kernel = weight.array.shape
    if bias is not None and bias.array.shape != (C_out,):
        raise ValueError(
            f"conv2d: bias must have one element per output channel ({C_out}), "
            f"got shape {bias.array.shape}"
        )
    strides = check_pair("conv2d", "stride", stride, 1)
    dilations = check_pair("conv2d", "dilation", dilation, 1)
    H, W = input.array.shape[-2:]
    window = spread((kernel[0], kernel[1]), dilations)
    if padding == "same":
        if strides != (1, 1):
            raise ValueError(f'conv2d: padding="same" needs stride 1, got stride {stride!r}')
        pads = (window[0] - 1) // 2, (window[1] - 1) // 2
        size = H, W
    else:
        pads = _check_padding(padding)
        check_fits("conv2d", (H, W), window, pads)
        size = (
            output_size(H, window[0], strides[0], pads[0]),
            output_size(W, window[1], strides[1], pads[1]),
        )
    geometry = Geometry(*strides, *pads, *dilations, groups=groups)
    return Conv2d.apply(input, weight, bias, geometry, size)


def _check_padding(padding: Any) -> tuple[int, int]:
    if isinstance(padding, str):
        if padding != "valid":
            raise ValueError(
                f'conv2d: padding must be "same", "valid", an int or two ints, got {padding!r}'
            )
        return 0, 0
    return check_pair("conv2d", "padding", padding, 0)


def _check_channels(shape: tuple[int, ...], weight: tuple[int, ...], groups: Any) -> None:
    if isinstance(groups, bool) or not isinstance(groups, int):
        raise TypeError(f"conv2d: groups must be an int, got {groups!r}")
    if groups < 1:
        raise ValueError(f"conv2d: groups must be positive, got {groups}")
    if len(weight) != 4 or min(weight[0], weight[2], weight[3]) < 1:
        raise ValueError(
            f"conv2d: weight must be (C_out, C_in / groups, KH, KW), got shape {weight}"
        )
    if weight[0] % groups:
        raise ValueError(
            f"conv2d: output channels must be divisible by groups, got {weight[0]} and "
            f"groups={groups}"
        )
    if weight[1] * groups != shape[-3]:
        raise ValueError(
            f"conv2d: input channels must be weight.shape[1] * groups = {weight[1] * groups}, got "
            f"input {shape} with {shape[-3]} channels, weight {weight}, groups={groups}"
        )
