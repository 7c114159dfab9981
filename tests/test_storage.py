"""The caching allocator, seen through the arrays that live in it."""

import gc
import os
import threading
import warnings

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tinygrad_edu import _C

float32 = np.dtype("float32")
cached = pytest.mark.skipif(
    bool(os.environ.get("ASAN_OPTIONS")), reason="under the address sanitizer nothing is cached"
)


@pytest.fixture
def empty_cache():
    gc.collect()
    _C.empty_cache()
    yield
    _C.set_cache_limit(-1)
    _C.empty_cache()


def floats(count):
    return _C.empty((count,), float32)


@given(st.integers(0, 3_000_000))
def test_blocks_are_aligned_and_hardly_larger_than_asked(bytes_asked):
    before = _C.memory_stats()["in_use"]
    array = _C.empty((bytes_asked,), np.dtype("uint8"))
    assert array.ctypes.data % 64 == 0
    taken = _C.memory_stats()["in_use"] - before
    assert bytes_asked <= taken <= max(1.25 * bytes_asked, bytes_asked + 64)
    array[...] = 1


@cached
@pytest.mark.parametrize("count", [0, 1, 16, 1000, 100_000, 10_000_000])
def test_released_memory_is_handed_out_again(empty_cache, count):
    first = floats(count)
    address = first.ctypes.data
    del first
    hits = _C.memory_stats()["hits"]
    second = floats(count)
    assert second.ctypes.data == address
    assert _C.memory_stats()["hits"] == hits + 1


def test_a_view_keeps_the_memory():
    array = floats(1000)
    array[...] = 7
    view = array[10:20]
    del array
    others = [floats(1000) for _ in range(5)]
    for other in others:
        other[...] = 0
    assert (view == 7).all()


@cached
def test_stats_count_bytes_and_calls(empty_cache):
    _C.reset_peak_memory()
    start = _C.memory_stats()
    array = floats(256)
    during = _C.memory_stats()
    del array
    end = _C.memory_stats()
    assert during["in_use"] - start["in_use"] == 1024
    assert during["allocations"] - start["allocations"] == 1
    assert end["in_use"] == start["in_use"]
    assert end["cached"] == 1024
    assert end["peak"] == during["in_use"]


@cached
def test_empty_cache_gives_everything_back(empty_cache):
    blocks = [floats(count) for count in (1, 100, 10_000, 1_000_000)]
    del blocks
    assert _C.memory_stats()["cached"] > 4_000_000
    _C.empty_cache()
    assert _C.memory_stats()["cached"] == 0


@cached
def test_the_cache_keeps_no_more_than_its_limit(empty_cache):
    _C.set_cache_limit(1_000_000)
    blocks = [floats(50_000) for _ in range(20)]
    del blocks
    assert 200_000 <= _C.memory_stats()["cached"] <= 1_000_000
    large = floats(1_000_000)
    del large
    assert _C.memory_stats()["cached"] <= 1_000_000


def test_too_much_memory_is_a_memory_error():
    with pytest.raises(MemoryError, match="cannot allocate"):
        _C.empty((2**45,), float32)
    with pytest.raises(MemoryError, match="cannot allocate"):
        _C.empty((2**40, 2**40), float32)


def test_blocks_may_be_released_by_another_thread():
    def work(seed):
        kept = []
        for i in range(300):
            array = floats(1 + (seed * 31 + i * 7) % 500)
            array[...] = seed
            kept.append(array)
            if i % 3 == 0:
                shared.append(kept.pop(0))
        bad.extend(array for array in kept if not (array == seed).all())

    shared, bad = [], []
    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not bad
    assert len(shared) == 400


def test_a_forked_child_can_allocate_and_release():
    kept = floats(1000)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # Python 3.12: fork in a threaded process
        child = os.fork()
    if child == 0:
        del kept
        arrays = [floats(count) for count in range(1, 200)]
        os._exit(0 if len(arrays) == 199 else 1)
    assert os.waitpid(child, 0)[1] == 0
