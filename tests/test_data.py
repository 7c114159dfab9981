"""Data sets, samplers, collation and the DataLoader with its worker threads."""

import collections
import gc
import os
import signal
import threading
import time
import traceback

import numpy as np
import pytest
from hypothesis import given, strategies as st

import tinygrad_edu as tg
from tinygrad_edu.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    TensorDataset,
    default_collate,
    random_split,
)


def workers():
    return [t for t in threading.enumerate() if t.name.startswith("DataLoader worker")]


@pytest.fixture(autouse=True)
def no_thread_left_behind():
    yield
    if workers():
        gc.collect()  # a loop that an error's traceback still held
    assert workers() == []


class Noisy(Dataset):
    """Each sample: its index, and a random number from the library's generator."""

    def __init__(self, size=20, delay=0.0):
        self.size, self.delay = size, delay

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        if self.delay:
            time.sleep(self.delay * (index % 3))  # so that workers finish out of order
        return index, tg.rand(1)


class Broken(Dataset):
    def __init__(self, error, at=5):
        self.error, self.at = error, at

    def __len__(self):
        return 10

    def __getitem__(self, index):
        if index == self.at:
            raise self.error
        return index


# ---- data sets


def test_tensor_dataset():
    x, y = tg.arange(12).reshape(6, 2), tg.arange(6)
    dataset = TensorDataset(x, y)
    assert len(dataset) == 6
    first, second = dataset[4]
    assert first.tolist() == [8, 9] and second.item() == 4
    with pytest.raises(IndexError):
        dataset[6]


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: TensorDataset(), TypeError),
        (lambda: TensorDataset(np.zeros(3)), TypeError),
        (lambda: TensorDataset(tg.zeros(3), tg.zeros(4)), ValueError),
        (lambda: TensorDataset(tg.tensor(3.0)), ValueError),
        (lambda: ConcatDataset([]), ValueError),
    ],
)
def test_data_sets_refuse_nonsense(make, error):
    with pytest.raises(error, match="Dataset: "):
        make()


def test_an_unfinished_data_set_says_so():
    with pytest.raises(NotImplementedError, match="Dataset does not define __len__"):
        len(Dataset())
    with pytest.raises(NotImplementedError, match="__getitem__"):
        Dataset()[0]


def test_concat_and_subset():
    both = Noisy(3) + Noisy(2)
    assert isinstance(both, ConcatDataset) and len(both) == 5
    assert [both[i][0] for i in range(-5, 5)] == [0, 1, 2, 0, 1] * 2
    for index in (5, -6):
        with pytest.raises(IndexError, match="out of range"):
            both[index]
    assert list(Subset(["a", "b", "c"], [2, 0])) == ["c", "a"]
    nested = ConcatDataset([ConcatDataset([[0], [], [1, 2]]), [3]])
    assert list(nested) == [0, 1, 2, 3]


@given(st.integers(0, 50), st.lists(st.floats(0.01, 1), min_size=1, max_size=5))
def test_random_split_by_fractions_is_a_partition(size, weights):
    fractions = [weight / sum(weights) for weight in weights]
    parts = random_split(range(size), fractions)
    assert sorted(index for part in parts for index in part.indices) == list(range(size))
    for part, fraction in zip(parts, fractions, strict=True):
        assert abs(len(part) - size * fraction) <= 1 + 1e-6


def test_random_split_by_sizes_and_seed():
    def parts():
        generator = tg.Generator().manual_seed(3)
        return [list(part) for part in random_split(range(10), [7, 3], generator=generator)]

    assert parts() == parts()
    assert [len(part) for part in parts()] == [7, 3]
    assert [len(p) for p in random_split(range(1), [1])] == [1]


@pytest.mark.parametrize("lengths", [[5, 4], [0.5, 0.4], [11, -1], [5.5, 4.5], []])
def test_random_split_refuses_what_does_not_add_up(lengths):
    with pytest.raises(ValueError, match="random_split"):
        random_split(range(10), lengths)


# ---- samplers


def test_samplers():
    assert list(SequentialSampler("abc")) == [0, 1, 2]
    assert sorted(RandomSampler("abcdef")) == list(range(6))
    drawn = list(RandomSampler("abc", replacement=True, num_samples=50))
    assert len(drawn) == 50 and set(drawn) == {0, 1, 2}
    twice = list(RandomSampler("abc", num_samples=8))
    assert len(twice) == 8 and sorted(twice[:3]) == sorted(twice[3:6]) == [0, 1, 2]


def test_random_sampler_follows_the_seed_and_differs_between_epochs():
    sampler = RandomSampler(range(100))
    tg.manual_seed(0)
    first, second = list(sampler), list(sampler)
    tg.manual_seed(0)
    assert list(sampler) == first != second
    own = RandomSampler(range(100), generator=tg.Generator().manual_seed(1))
    again = RandomSampler(range(100), generator=tg.Generator().manual_seed(1))
    assert [list(own), list(own)] == [list(again), list(again)]


@given(st.integers(0, 30), st.integers(1, 8), st.booleans())
def test_batch_sampler(size, batch_size, drop_last):
    sampler = BatchSampler(range(size), batch_size, drop_last)
    batches = list(sampler)
    assert len(sampler) == len(batches)
    flat = [index for batch in batches for index in batch]
    assert flat == list(range(size - size % batch_size if drop_last else size))
    assert all(len(batch) == batch_size for batch in batches[:-1])


@pytest.mark.parametrize("value", [0, -1, 2.0, True, None])
def test_sampler_arguments_are_checked(value):
    with pytest.raises(ValueError, match="batch_size"):
        BatchSampler(range(3), value, False)
    if value is not None and value is not True:
        with pytest.raises(ValueError, match="num_samples"):
            RandomSampler(range(3), num_samples=value)


# ---- collation


def test_default_collate():
    Point = collections.namedtuple("Point", "x y")
    samples = [
        {
            "tensor": tg.full((2,), float(i)),
            "array": np.full(3, i, np.float32),
            "scalar": np.float32(i),
            "int": i,
            "float": i + 0.5,
            "bool": i == 0,
            "text": f"s{i}",
            "point": Point(i, [i, (i,)]),
        }
        for i in range(2)
    ]
    batch = default_collate(samples)
    assert batch["tensor"].tolist() == [[0, 0], [1, 1]]
    assert batch["array"].shape == (2, 3) and batch["array"].dtype == tg.float32
    assert batch["scalar"].tolist() == [0, 1] and batch["scalar"].dtype == tg.float32
    assert batch["int"].dtype == tg.int64 and batch["float"].dtype == tg.float64
    assert batch["bool"].tolist() == [True, False] and batch["bool"].dtype == tg.bool
    assert batch["text"] == ["s0", "s1"]
    assert isinstance(batch["point"], Point)
    assert batch["point"].y[1][0].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("samples", "error", "text"),
    [
        ([], ValueError, "empty batch"),
        ([None, None], TypeError, "NoneType; give the DataLoader a collate_fn"),
        ([(1, 2), (1,)], ValueError, "one length"),
        ([np.zeros(2), np.zeros(3)], ValueError, "one shape"),
        ([object()], TypeError, "object"),
    ],
)
def test_default_collate_errors(samples, error, text):
    with pytest.raises(error, match=text):
        default_collate(samples)


# ---- loader


def contents(loader):
    return [[entry.tolist() for entry in batch] for batch in loader]


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_any_number_of_workers_gives_the_same_batches_and_random_numbers(shuffle, count):
    def epochs(num_workers):
        tg.manual_seed(7)
        loader = DataLoader(Noisy(20, 0.002), 3, shuffle=shuffle, num_workers=num_workers)
        return [contents(loader), contents(loader), tg.rand(2).tolist()]

    expected = epochs(0)
    assert epochs(count) == expected
    assert expected[0] != expected[1]


def test_a_loaders_own_generator_leaves_the_default_one_alone():
    tg.manual_seed(0)
    expected = tg.rand(3).tolist()
    tg.manual_seed(0)
    loader = DataLoader(Noisy(), 4, shuffle=True, generator=tg.Generator().manual_seed(5))
    first = contents(loader)
    assert tg.rand(3).tolist() == expected
    again = DataLoader(Noisy(), 4, shuffle=True, generator=tg.Generator().manual_seed(5))
    assert contents(again) == first


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("drop_last", [False, True])
def test_lengths(num_workers, drop_last):
    loader = DataLoader(range(10), 4, num_workers=num_workers, drop_last=drop_last)
    assert len(loader) == len(list(loader)) == (2 if drop_last else 3)
    assert list(DataLoader([], 4, shuffle=True, num_workers=num_workers)) == []
    assert len(list(DataLoader(range(10), 100, num_workers=num_workers))) == 1


def test_samplers_and_batch_samplers():
    numbers = list(range(100, 110))
    assert [b.tolist() for b in DataLoader(numbers, 2, sampler=[3, 1, 4])] == [[103, 101], [104]]
    loader = DataLoader(numbers, batch_sampler=[[1], [2, 3]], num_workers=1)
    assert [b.tolist() for b in loader] == [[101], [102, 103]]
    assert list(DataLoader(numbers, batch_size=4, collate_fn=max)) == [103, 107, 109]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_without_batching_samples_come_singly(num_workers):
    samples = [{"x": np.arange(2)}, {"x": np.arange(3)}]
    loader = DataLoader(samples, batch_size=None, num_workers=num_workers)
    assert [sample["x"].tolist() for sample in loader] == [[0, 1], [0, 1, 2]] and len(loader) == 2
    assert list(DataLoader([("a", 1)], batch_size=None)) == [("a", 1)]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"batch_size": 0}, ValueError),
        ({"num_workers": -1}, ValueError),
        ({"timeout": -1}, ValueError),
        ({"prefetch_factor": 0}, ValueError),
        ({"sampler": [0], "shuffle": True}, ValueError),
        ({"batch_sampler": [[0]], "batch_size": 2}, ValueError),
        ({"batch_sampler": [[0]], "sampler": [0]}, ValueError),
        ({"batch_sampler": [[0]], "drop_last": True}, ValueError),
        ({"batch_size": None, "drop_last": True}, ValueError),
    ],
)
def test_arguments_are_checked(arguments, error):
    with pytest.raises(error):
        DataLoader(range(3), **arguments)


def test_an_iterator_is_no_data_set():
    with pytest.raises(TypeError, match="got generator; a list of samples will do"):
        DataLoader(x for x in range(3))


# ---- fast path


class Rows(TensorDataset):
    """A subclass with samples of its own."""

    def __getitem__(self, index):
        return super().__getitem__(index)[0] * 10


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_tensor_data_set_is_read_by_one_indexing_call_a_batch(num_workers, monkeypatch):
    x, y = tg.rand(20, 3), tg.arange(20)
    dataset = Subset(TensorDataset(x, y), list(range(19, -1, -1)))
    slow = [default_collate([dataset[i] for i in range(k, min(k + 6, 20))]) for k in (0, 6, 12, 18)]

    def refuse(self, index):
        assert isinstance(index, tg.Tensor), "read sample by sample"
        return original(self, index)

    original = tg.Tensor.__getitem__
    monkeypatch.setattr(tg.Tensor, "__getitem__", refuse)
    fast = list(DataLoader(dataset, 6, num_workers=num_workers))
    monkeypatch.undo()
    for (x1, y1), (x2, y2) in zip(fast, slow, strict=True):
        assert (x1 == x2).all() and (y1 == y2).all()
        assert x1.dtype == x2.dtype and y1.dtype == y2.dtype


def test_a_subclass_keeps_its_own_samples():
    batch = next(iter(DataLoader(Rows(tg.arange(4)), 4)))
    assert batch.tolist() == [0, 10, 20, 30]
    assert next(iter(DataLoader(Subset(Rows(tg.arange(4)), [3, 1]), 2))).tolist() == [30, 10]


def test_getitems_is_used_where_a_data_set_has_it():
    class Several(Dataset):
        def __len__(self):
            return 4

        def __getitems__(self, indices):
            return [index * 2 for index in indices]

    assert [b.tolist() for b in DataLoader(Several(), 3)] == [[0, 2, 4], [6]]


# ---- workers that fail, are left, or interrupted


@pytest.mark.parametrize("num_workers", [0, 1, 3])
def test_an_error_comes_in_its_batchs_turn_with_its_own_traceback(num_workers):
    seen = []
    with pytest.raises(KeyError, match="lost") as caught:
        for batch in DataLoader(Broken(KeyError("lost")), 2, num_workers=num_workers):
            seen.append(batch.tolist())
    assert seen == [[0, 1], [2, 3]]
    assert "raise self.error" in "".join(traceback.format_tb(caught.value.__traceback__))
    if num_workers and hasattr(caught.value, "__notes__"):
        assert "DataLoader worker" in caught.value.__notes__[0]


def test_an_error_in_the_sampler_or_the_setup_reaches_the_consumer():
    def sampler():
        yield from (0, 1, 0)
        raise LookupError("sampler")

    def setup(number):
        raise LookupError("setup")

    for num_workers in (0, 1, 2, 5):
        seen = []
        with pytest.raises(LookupError, match="sampler"):
            for batch in DataLoader([1, 2], sampler=sampler(), num_workers=num_workers):
                seen.append(batch.item())
        assert seen == [1, 2, 1]
    with pytest.raises(LookupError, match="setup"):
        list(DataLoader([1, 2], num_workers=2, worker_init_fn=setup))


def test_worker_init_fn_runs_once_in_each_worker():
    numbers = []
    list(DataLoader(range(8), num_workers=3, worker_init_fn=numbers.append))
    assert set(numbers) <= {0, 1, 2} and len(numbers) == len(set(numbers))


def test_leaving_early_ends_the_workers_after_the_sample_at_hand():
    class Slow(Noisy):
        def __getitem__(self, index):
            time.sleep(0.05)
            return super().__getitem__(index)

    started = time.monotonic()
    for _ in DataLoader(Slow(1000), 10, num_workers=2):
        break
    gc.collect()
    assert workers() == []
    assert time.monotonic() - started < 10  # the whole loop would take 25


def test_an_iterator_that_is_dropped_ends_its_workers():
    iterator = iter(DataLoader(Noisy(), num_workers=2))
    next(iterator)
    assert len(workers()) == 2
    del iterator


def test_no_more_batches_are_prepared_than_asked_for():
    read = []

    class Recorded(Noisy):
        def __getitem__(self, index):
            read.append(index)
            return index

    iterator = iter(DataLoader(Recorded(100), num_workers=2, prefetch_factor=3))
    next(iterator)
    deadline = time.monotonic() + 5
    while len(read) < 2 * 3 + 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)  # time for one too many
    assert len(read) == 2 * 3 + 1
    del iterator


def test_a_late_batch_is_an_error_where_a_timeout_is_given():
    class Stuck(Noisy):
        def __getitem__(self, index):
            time.sleep(1.0)
            return index

    with pytest.raises(RuntimeError, match=r"no batch came within 0\.05 seconds"):
        list(DataLoader(Stuck(), num_workers=1, timeout=0.05))


def test_ctrl_c_is_passed_on_promptly():
    release = threading.Event()

    class Stuck(Noisy):
        def __getitem__(self, index):
            release.wait(10)
            return index

    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        list(DataLoader(Stuck(), num_workers=2))
    assert time.monotonic() - started < 5
    timer.join()
    release.set()
    for worker in workers():
        worker.join(5)


def test_workers_follow_the_consumers_grad_mode():
    weight = tg.ones(3, requires_grad=True)
    samples = [lambda: weight * 2] * 4
    for num_workers in (0, 2):
        loader = DataLoader(samples, None, num_workers=num_workers, collate_fn=lambda f: f())
        assert all(batch.requires_grad for batch in loader)
        with tg.no_grad():
            assert not any(batch.requires_grad for batch in loader)


def test_loops_within_loops():
    loader = DataLoader(range(6), 2, shuffle=True, num_workers=1)
    pairs = [(a.tolist(), b.tolist()) for a in loader for b in loader]
    assert len(pairs) == 9


# ---- against PyTorch


@pytest.mark.parity
def test_collation_as_pytorch():
    torch = pytest.importorskip("torch")
    samples = [
        {"a": (1, 2.0, True), "b": [np.float32(3), "x"]},
        {"a": (3, 4.0, False), "b": [np.float32(1), "y"]},
    ]
    ours, theirs = default_collate(samples), torch.utils.data.default_collate(samples)

    def flat(x):
        if isinstance(x, dict):
            return {key: flat(value) for key, value in x.items()}
        if isinstance(x, (list, tuple)):
            return [flat(value) for value in x]
        return (str(x.dtype).removeprefix("torch."), x.tolist()) if hasattr(x, "tolist") else x

    assert flat(ours) == flat(theirs)


@pytest.mark.parity
@pytest.mark.parametrize("lengths", [[0.5, 0.5], [0.3, 0.3, 0.4], [3, 4], [0.25] * 4])
def test_split_sizes_as_pytorch(lengths):
    torch = pytest.importorskip("torch")
    ours = [len(part) for part in random_split(range(7), lengths)]
    assert ours == [len(part) for part in torch.utils.data.random_split(range(7), lengths)]
