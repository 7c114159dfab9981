"""Samples to batch: the default way in which a DataLoader puts samples together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..dtypes import float64
from ..ops.convert import from_numpy, tensor
from ..ops.shape import stack
from ..tensor import Tensor


def default_collate(batch: Sequence[Any]) -> Any:
    """Put samples together, entry by entry: `[(x1, y1), (x2, y2)] -> [stack(x1, x2), (y1, y2)]`.

    Args:
        batch: samples of one structure. Tensors and NumPy arrays are stacked along a new dim 0;
            Python numbers become a Tensor (float64, int64 or bool); strings and bytes stay a list;
            dicts, tuples (named ones too) and lists are put together entry by entry.

    Returns:
        One object of that structure; a tuple or list becomes a list, as in PyTorch.

    Raises:
        ValueError: when the batch is empty, or samples differ in shape or length.
        TypeError: for an entry of any other type.

    Example:
        >>> default_collate([{"x": 1, "name": "a"}, {"x": 2, "name": "b"}])
        {'x': tensor([1, 2]), 'name': ['a', 'b']}
    """
    if not batch:
        raise ValueError("default_collate: needs at least one sample, got an empty batch")
    first = batch[0]
    if isinstance(first, Tensor):
        return stack(list(batch), 0)
    if isinstance(first, (np.ndarray, np.generic)):
        return from_numpy(stacked(batch))
    if isinstance(first, float):
        return tensor(batch, dtype=float64)
    if isinstance(first, int):
        return tensor(batch)
    if isinstance(first, (str, bytes)):
        return list(batch)
    if isinstance(first, Mapping):
        return {key: default_collate([sample[key] for sample in batch]) for key in first}
    if isinstance(first, Sequence):
        if any(len(sample) != len(first) for sample in batch):
            lengths = sorted({len(sample) for sample in batch})
            raise ValueError(f"default_collate: samples must have one length, got {lengths}")
        entries = [default_collate(entry) for entry in zip(*batch, strict=True)]
        return type(first)(*entries) if hasattr(first, "_fields") else entries
    raise TypeError(
        "default_collate: samples must hold tensors, arrays, numbers, strings, dicts or sequences, "
        f"got {type(first).__name__}; give the DataLoader a collate_fn"
    )


def stacked(arrays: Sequence[Any]) -> np.ndarray:
    """The arrays along a new dim 0."""
    shapes = sorted({np.shape(array) for array in arrays})
    if len(shapes) > 1:
        raise ValueError(f"default_collate: arrays must have one shape, got {shapes}")
    return np.stack(arrays)


def default_convert(sample: Any) -> Any:
    """One sample with its NumPy arrays as Tensors: what a DataLoader does without batching."""
    if isinstance(sample, (np.ndarray, np.generic)):
        return from_numpy(np.asarray(sample))
    if isinstance(sample, Mapping):
        return {key: default_convert(entry) for key, entry in sample.items()}
    if isinstance(sample, tuple) and hasattr(sample, "_fields"):
        return type(sample)(*map(default_convert, sample))
    if isinstance(sample, (tuple, list)):
        return type(sample)(map(default_convert, sample))
    return sample
