"""Image transforms, as in torchvision: each a callable from sample to sample, chained by Compose.

`ToTensor` comes first; the others take images as Tensors whose last two dims are height and width,
(C, H, W) or a batch (N, C, H, W), which then undergoes one and the same random choice. Random ones
draw from the default generator, which a DataLoader seeds afresh for every batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..dtypes import float32, float64, uint8
from ..ops.convert import from_numpy, tensor
from ..ops.random import rand
from ..ops.shape import pad
from ..tensor import Tensor


class Compose:
    """One transform after the other: `x -> transforms[-1](...transforms[0](x))`.

    Example:
        >>> Compose([abs, str])(-3)
        '3'
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = list(transforms)

    def __call__(self, image: Any) -> Any:
        for transform in self.transforms:
            image = transform(image)
        return image

    def __repr__(self) -> str:
        return f"Compose({self.transforms})"


class Lambda:
    """Any function as a transform."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        if not callable(function):
            raise TypeError(f"Lambda: needs a function, got {type(function).__name__}")
        self.function = function

    def __call__(self, image: Any) -> Any:
        return self.function(image)

    def __repr__(self) -> str:
        return f"Lambda({getattr(self.function, '__name__', self.function)})"


class ToTensor:
    """A raw image (H, W) or (H, W, C) as a Tensor (C, H, W); uint8 0..255 becomes float32 0..1.

    Takes a NumPy array or anything that NumPy can read, a PIL image for one. Other dtypes than
    uint8 keep dtype and scale.

    Raises:
        ValueError: when the image has not two or three dims.

    Example:
        >>> image = np.full((2, 2), 255, np.uint8)
        >>> ToTensor()(image)
        tensor([[[1., 1.],
                 [1., 1.]]])
    """

    def __call__(self, image: Any) -> Tensor:
        array = np.array(image)  # a copy: the Tensor must not write into the data set
        if array.ndim not in (2, 3):
            raise ValueError(f"ToTensor: needs an image (H, W) or (H, W, C), got {array.shape}")
        return channels_first(from_numpy(array[None]), array.ndim == 3)[0]

    def __repr__(self) -> str:
        return "ToTensor()"


def channels_first(images: Tensor, color: bool) -> Tensor:
    """Raw images (N, H, W) or (N, H, W, C) as (N, C, H, W); uint8 becomes float32 in 0..1."""
    if images.dtype == uint8:
        images = images.to(float32) / 255
    return images.permute(0, 3, 1, 2) if color else images.unsqueeze(1)


class Normalize:
    """out[c] = (image[c] - mean[c]) / std[c] for each channel c.

    Args:
        mean, std: one number per channel, or one for all.

    Raises:
        ValueError: when a std is 0, or the image has another number of channels.
        TypeError: when the image is not of a float dtype.
    """

    def __init__(self, mean: float | Sequence[float], std: float | Sequence[float]) -> None:
        means, stds = np.atleast_1d(mean), np.atleast_1d(std)
        if means.ndim != 1 or stds.shape != means.shape or not stds.all():
            raise ValueError(
                f"Normalize: needs a mean and a std, not 0, for each channel, got {mean} and {std}"
            )
        self.mean = tensor(means, dtype=float64).reshape(-1, 1, 1)  # (C, 1, 1)
        self.std = tensor(stds, dtype=float64).reshape(-1, 1, 1)

    def __call__(self, image: Tensor) -> Tensor:
        check_image("Normalize", image)
        if not image.is_floating_point():
            raise TypeError(
                f"Normalize: needs a float image, got {image.dtype}; put ToTensor() first"
            )
        if len(self.mean) not in (1, image.shape[-3]):
            raise ValueError(
                f"Normalize: has {len(self.mean)} channels, got an image {tuple(image.shape)}"
            )
        return (image - self.mean.to(image.dtype)) / self.std.to(image.dtype)

    def __repr__(self) -> str:
        return f"Normalize({self.mean.flatten().tolist()}, {self.std.flatten().tolist()})"


class RandomCrop:
    """A window of the image at a random place, each place equally likely.

    Args:
        size: (height, width) of the window; one int for a square.
        padding: pixels added around the image first: one int for all sides, (x, y) for
            left-and-right and top-and-bottom, or (left, top, right, bottom).
        fill: the value of the added pixels.

    Raises:
        ValueError: when the window is larger than the padded image.

    Example:
        >>> import tinygrad_edu as tg
        >>> RandomCrop(8, padding=1)(tg.ones(1, 8, 8)).shape
        (1, 8, 8)
    """

    def __init__(
        self, size: int | Sequence[int], padding: int | Sequence[int] = 0, fill: float = 0.0
    ) -> None:
        self.size = (size, size) if isinstance(size, int) else tuple(size)
        sides = (padding,) if isinstance(padding, int) else tuple(padding)
        if len(self.size) != 2 or min(self.size) < 1:
            raise ValueError(f"RandomCrop: size must be positive, one int or two, got {size!r}")
        if len(sides) not in (1, 2, 4) or min(sides) < 0:
            raise ValueError(
                f"RandomCrop: padding must be 1, 2 or 4 ints, none negative, got {padding!r}"
            )
        self.padding = sides * (4 // len(sides))  # left, top, right, bottom
        self.fill = fill

    def __call__(self, image: Tensor) -> Tensor:
        check_image("RandomCrop", image)
        left, top, right, bottom = self.padding
        if any(self.padding):
            image = pad(image, (left, right, top, bottom), value=self.fill)
        height, width = self.size
        spare_y, spare_x = image.shape[-2] - height, image.shape[-1] - width
        if spare_y < 0 or spare_x < 0:
            raise ValueError(
                f"RandomCrop: the window {self.size} must fit into the padded image, "
                f"got {tuple(image.shape[-2:])}"
            )
        u, v = rand(2).tolist()  # in [0, 1)
        y, x = int(u * (spare_y + 1)), int(v * (spare_x + 1))
        return image[..., y : y + height, x : x + width]

    def __repr__(self) -> str:
        return f"RandomCrop({self.size}, padding={self.padding})"


class RandomHorizontalFlip:
    """The image mirrored left to right, with probability p."""

    def __init__(self, p: float = 0.5) -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"RandomHorizontalFlip: p must lie in 0..1, got {p}")
        self.p = p

    def __call__(self, image: Tensor) -> Tensor:
        check_image("RandomHorizontalFlip", image)
        return image.flip(-1) if rand(1).item() < self.p else image

    def __repr__(self) -> str:
        return f"RandomHorizontalFlip(p={self.p})"


def check_image(name: str, image: Any) -> None:
    """Raise unless the image is a Tensor (..., C, H, W)."""
    if not isinstance(image, Tensor):
        raise TypeError(f"{name}: needs a Tensor, got {type(image).__name__}; put ToTensor() first")
    if image.ndim < 3:
        raise ValueError(f"{name}: needs an image (..., C, H, W), got shape {tuple(image.shape)}")
