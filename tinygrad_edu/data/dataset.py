"""Data sets: anything with a length whose samples are read by index."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

from ..ops.convert import tensor
from ..ops.random import randperm
from ..random import Generator
from ..tensor import Tensor


class Dataset:
    """What a DataLoader reads: `len(dataset)` samples, each as `dataset[index]`.

    A subclass defines `__len__` and `__getitem__`. Where a whole batch can be read at once, it may
    also define `collated`.

    Example:
        >>> class Squares(Dataset):
        ...     def __len__(self):
        ...         return 10
        ...     def __getitem__(self, index):
        ...         return index, index**2
        >>> Squares()[3]
        (3, 9)
    """

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define __getitem__")

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} does not define __len__")

    def __add__(self, other: Dataset) -> ConcatDataset:
        return ConcatDataset([self, other])

    def collated(self, indices: Sequence[int]) -> Any:
        """`default_collate([self[i] for i in indices])`, or None where there is no shorter way."""
        return None


class TensorDataset(Dataset):
    """Samples are rows of tensors: `dataset[i] = (tensors[0][i], tensors[1][i], ...)`.

    With the default collate function, a DataLoader reads a batch by one indexing call per tensor.

    Args:
        tensors: any number of tensors with the same size in dim 0.

    Raises:
        ValueError: when the sizes differ, or a tensor is 0-d.

    Example:
        >>> import tinygrad_edu as tg
        >>> dataset = TensorDataset(tg.arange(6).reshape(3, 2), tg.tensor([7, 8, 9]))
        >>> dataset[1]
        (tensor([2, 3]), tensor(8))
    """

    def __init__(self, *tensors: Tensor) -> None:
        if not tensors or any(not isinstance(column, Tensor) for column in tensors):
            found = ", ".join(type(column).__name__ for column in tensors) or "nothing"
            raise TypeError(f"TensorDataset: needs one Tensor or more, got {found}")
        if any(column.ndim == 0 for column in tensors) or len({t.shape[0] for t in tensors}) > 1:
            shapes = ", ".join(str(tuple(column.shape)) for column in tensors)
            raise ValueError(f"TensorDataset: tensors must have one size in dim 0, got {shapes}")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(column[index] for column in self.tensors)

    def __len__(self) -> int:
        return self.tensors[0].shape[0]

    def collated(self, indices: Sequence[int]) -> list[Tensor] | None:
        if type(self).__getitem__ is not TensorDataset.__getitem__:
            return None  # a subclass whose samples are something else
        rows = tensor(indices)  # once, not for each tensor
        return [column[rows] for column in self.tensors]


class Subset(Dataset):
    """The samples of a data set at some indices: `subset[i] = dataset[indices[i]]`."""

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: int) -> Any:
        return self.dataset[self.indices[index]]

    def __len__(self) -> int:
        return len(self.indices)

    def collated(self, indices: Sequence[int]) -> Any:
        if type(self).__getitem__ is not Subset.__getitem__:
            return None
        if not isinstance(self.dataset, Dataset):
            return None
        return self.dataset.collated([self.indices[index] for index in indices])


class ConcatDataset(Dataset):
    """Data sets one after another: the first's samples, then the second's, and so on.

    Raises:
        ValueError: when there is none.
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset: needs at least one data set, got none")
        self.cumulative_sizes = list(accumulate(len(dataset) for dataset in self.datasets))

    def __getitem__(self, index: int) -> Any:
        if not -len(self) <= index < len(self):
            raise IndexError(f"ConcatDataset: index {index} out of range, got {len(self)} samples")
        index %= len(self)
        which = bisect.bisect_right(self.cumulative_sizes, index)
        before = self.cumulative_sizes[which - 1] if which else 0
        return self.datasets[which][index - before]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]


def random_split(
    dataset: Any, lengths: Sequence[int | float], generator: Generator | None = None
) -> list[Subset]:
    """Split a data set at random into disjoint parts of the given lengths.

    Args:
        dataset: the data set to split.
        lengths: sizes that add up to `len(dataset)`, or fractions that add up to 1. Of fractions,
            each part gets the rounded-down share; what is left goes to the first parts, one each.
        generator: where the order comes from; the default generator if None.

    Returns:
        One Subset per length.

    Raises:
        ValueError: when the lengths do not add up.

    Example:
        >>> train, validation = random_split(range(10), [0.8, 0.2])
        >>> len(train), len(validation), sorted([*train, *validation])
        (8, 2, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """
    total = len(dataset)
    sizes = split_sizes(total, lengths)
    order = randperm(total, generator=generator).tolist()
    ends = list(accumulate(sizes))
    return [Subset(dataset, order[end - n : end]) for n, end in zip(sizes, ends, strict=True)]


def split_sizes(total: int, lengths: Sequence[int | float]) -> list[int]:
    """The part sizes that `lengths`, sizes or fractions, mean for `total` samples."""
    if any(length < 0 for length in lengths):
        raise ValueError(f"random_split: lengths must not be negative, got {list(lengths)}")
    if math.isclose(sum(lengths), 1.0):
        sizes = [math.floor(total * fraction) for fraction in lengths]
        for part in range(total - sum(sizes)):
            sizes[part % len(sizes)] += 1
        return sizes
    if sum(lengths) != total or any(length != int(length) for length in lengths):
        raise ValueError(
            f"random_split: lengths must add up to the {total} samples, or as fractions to 1, "
            f"got {list(lengths)}, together {sum(lengths)}"
        )
    return [int(length) for length in lengths]
