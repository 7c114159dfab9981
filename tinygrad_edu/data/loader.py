"""DataLoader: batches of a data set, in order or shuffled, read ahead by threads where asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from ..random import Generator, use_generator
from .collate import default_collate, default_convert
from .dataset import Dataset
from .prefetch import prefetch
from .sampler import BatchSampler, RandomSampler, SequentialSampler, draw_seed


class DataLoader:
    """An iterable of batches: `collate_fn([dataset[i] for i in indices])` for each list of indices.

    Whatever the number of workers, batches come in the same order with the same contents: random
    transforms draw from a generator that is seeded for each batch, from one number that the epoch
    draws from `generator`. An error in a worker is raised where its batch was asked for. Leaving
    the loop early ends the workers.

    A batch of a TensorDataset (or of a Subset of one, or of an image data set without transforms)
    is read by one indexing call instead of sample by sample.

    Args:
        dataset: anything with `__len__` and `__getitem__`, a list too.
        batch_size: samples in a batch; None gives single samples, unbatched.
        shuffle: read in random order, another one in every epoch.
        sampler: an iterable of indices that gives the order; excludes `shuffle`.
        batch_sampler: an iterable of lists of indices; excludes the four arguments that it
            replaces.
        num_workers: threads that prepare batches in advance; 0 reads in the caller's thread.
        collate_fn: makes a batch of a list of samples; `default_collate` if None.
        pin_memory: accepted for PyTorch's sake, without effect.
        drop_last: leave out the last batch if it is smaller.
        timeout: seconds after which a batch that a worker does not deliver is an error; 0 waits.
        worker_init_fn: called in each worker thread first, with the thread's number.
        generator: gives the order and the transforms' seeds; the default generator if None.
        prefetch_factor: batches prepared in advance per worker, 2 if None.
        persistent_workers: accepted for PyTorch's sake, without effect: threads start in no time.

    Raises:
        ValueError: for arguments that exclude each other or are out of range.
        TypeError: when the data set has no `__getitem__` or no length.

    Example:
        >>> loader = DataLoader(range(5), batch_size=2)
        >>> len(loader), list(loader)
        (3, [tensor([0, 1]), tensor([2, 3]), tensor([4])])
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool = False,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Sequence[Any]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
    ) -> None:
        if not hasattr(dataset, "__getitem__") or not hasattr(dataset, "__len__"):
            raise TypeError(
                "DataLoader: the data set must have __getitem__ and __len__, got "
                f"{type(dataset).__name__}; a list of samples will do"
            )
        if num_workers < 0 or timeout < 0 or (prefetch_factor is not None and prefetch_factor < 1):
            raise ValueError(
                "DataLoader: num_workers and timeout must be >= 0, prefetch_factor >= 1, "
                f"got {num_workers}, {timeout} and {prefetch_factor}"
            )
        if sampler is not None and shuffle:
            raise ValueError("DataLoader: sampler and shuffle exclude each other")
        if batch_sampler is not None and (
            batch_size != 1 or shuffle or sampler is not None or drop_last
        ):
            raise ValueError(
                "DataLoader: batch_sampler excludes batch_size, shuffle, sampler and drop_last"
            )
        if batch_size is None and drop_last:
            raise ValueError("DataLoader: drop_last needs a batch_size")
        if sampler is None:
            sampler = (
                RandomSampler(dataset, generator=generator)
                if shuffle and len(dataset) > 0
                else SequentialSampler(dataset)
            )
        if batch_sampler is None and batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.dataset = dataset
        self.batch_size = getattr(batch_sampler, "batch_size", None)
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.num_workers = num_workers
        default = default_convert if batch_sampler is None else default_collate
        self.collate_fn = default if collate_fn is None else collate_fn
        self.pin_memory = pin_memory
        self.drop_last = drop_last
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.generator = generator
        self.prefetch_factor = 2 if prefetch_factor is None else prefetch_factor
        self.persistent_workers = persistent_workers

    def __len__(self) -> int:
        batches = self.sampler if self.batch_sampler is None else self.batch_sampler
        return len(batches)  # type: ignore[arg-type]  # a sampler without length raises

    def __iter__(self) -> Iterator[Any]:
        seed = draw_seed(self.generator)
        batches = enumerate(self.sampler if self.batch_sampler is None else self.batch_sampler)

        def fetch(task: tuple[int, Any], stopped: Callable[[], bool]) -> Any:
            number, indices = task
            with use_generator(Generator().manual_seed((seed + number) % 2**63)):
                return self.fetch(indices, stopped)

        if self.num_workers == 0:
            for task in batches:
                yield fetch(task, lambda: False)
            return
        yield from prefetch(
            fetch,
            batches,
            workers=self.num_workers,
            ahead=self.num_workers * self.prefetch_factor,
            timeout=self.timeout or None,
            setup=self.worker_init_fn,
        )

    def fetch(self, indices: Any, stopped: Callable[[], bool]) -> Any:
        """The batch of these indices; None as soon as `stopped()` says that nobody wants it."""
        if self.batch_sampler is None:
            return self.collate_fn(self.dataset[indices])
        quick = self.collate_fn is default_collate and isinstance(self.dataset, Dataset)
        if quick and len(indices) > 0:
            batch = self.dataset.collated(indices)
            if batch is not None:
                return batch
        if hasattr(self.dataset, "__getitems__"):  # PyTorch's name for reading several at once
            return self.collate_fn(self.dataset.__getitems__(indices))
        samples = []
        for index in indices:
            if stopped():
                return None
            samples.append(self.dataset[index])
        return self.collate_fn(samples)
