"""Samplers: the order in which a DataLoader reads a data set, as an iterable of indices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from itertools import islice
from typing import Any, Generic, TypeVar

from ..ops.random import randint, randperm
from ..random import Generator

T = TypeVar("T", covariant=True)


class Sampler(Generic[T]):
    """An iterable of indices, iterated afresh in every epoch. A subclass defines `__iter__`."""

    def __iter__(self) -> Iterator[T]:
        raise NotImplementedError(f"{type(self).__name__} does not define __iter__")


class SequentialSampler(Sampler[int]):
    """0, 1, ..., len(data_source) - 1."""

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """Indices in random order, another one in every epoch.

    Args:
        data_source: the data set; only its length is read.
        replacement: draw each index independently, so that some come twice and some never.
        num_samples: how many to draw; `len(data_source)` if None. Without replacement, more than
            that means one permutation after another.
        generator: where the order comes from. If None, each epoch takes one number from the
            default generator, so that `manual_seed` fixes the order.

    Raises:
        ValueError: when `num_samples` is not positive or there is nothing to draw from.

    Example:
        >>> sorted(RandomSampler(range(5)))
        [0, 1, 2, 3, 4]
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        if num_samples is not None and (not isinstance(num_samples, int) or num_samples <= 0):
            raise ValueError(f"RandomSampler: num_samples must be positive, got {num_samples!r}")
        if num_samples is not None and len(data_source) == 0:
            raise ValueError(f"RandomSampler: cannot draw {num_samples} samples from an empty set")
        self.data_source = data_source
        self.replacement = replacement
        self.generator = generator
        self._num_samples = num_samples

    @property
    def num_samples(self) -> int:
        """How many indices one epoch has."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        size, count = len(self.data_source), self.num_samples
        # A generator of its own: what the program draws meanwhile does not change the order.
        generator = self.generator or Generator().manual_seed(draw_seed())
        if self.replacement:
            yield from randint(0, max(size, 1), (count,), generator=generator).tolist()
            return
        while count > 0:
            yield from randperm(size, generator=generator).tolist()[:count]
            count -= size

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Lists of `batch_size` indices of another sampler.

    Args:
        sampler: any iterable of indices.
        batch_size: how many make a batch.
        drop_last: leave out the last batch if it is smaller.

    Example:
        >>> list(BatchSampler(range(5), batch_size=2, drop_last=False))
        [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[Any], batch_size: int, drop_last: bool) -> None:
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size <= 0:
            raise ValueError(f"BatchSampler: batch_size must be a positive int, got {batch_size!r}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        while batch := list(islice(indices, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self) -> int:
        size: int = len(self.sampler)  # type: ignore[arg-type]  # an iterable without one raises
        return size // self.batch_size if self.drop_last else -(-size // self.batch_size)


def draw_seed(generator: Generator | None = None) -> int:
    """A seed for another generator, drawn from this one (the default one if None)."""
    return int(randint(0, 2**63 - 1, (1,), generator=generator).item())
