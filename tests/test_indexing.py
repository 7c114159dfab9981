"""Indexing and assignment, gathering and scattering: what rows of specs cannot say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

import tinygrad_edu as tg
from specs_indexing import assigned, getitem, indexed
from strategies import LAYOUTS, Case, layouts


def test_views_and_copies() -> None:
    x = tg.arange(12.0).reshape(3, 4)
    for key in (0, (0, 1), slice(1, 3), (..., 2), None, (slice(None), None, 1), tg.tensor(1)):
        assert np.shares_memory(x[key].array, x.array)
    for key in ([0, 1], tg.tensor([2]), x > 3, (0, [1, 2]), True):
        assert not np.shares_memory(x[key].array, x.array)


@given(indexed(True), layouts)
def test_integers_are_indexed_likewise(case: Case, layout: str) -> None:
    x, key = case.args
    whole = np.asarray(LAYOUTS[layout]((x * 100).astype(np.int64)))
    for dtype in ("int64", "uint8", "bool"):
        values = whole.astype(dtype)
        np.testing.assert_array_equal(tg.from_numpy(values)[key].array, getitem(values, key))


def test_ints_are_applied_before_index_tensors() -> None:
    """x[0, :, i] keeps the sliced dim in front, where NumPy would move it behind the indices."""
    x = tg.zeros(2, 3, 4)
    index = tg.tensor([0, 1, 1, 2, 3])
    assert x[0, :, index].shape == (3, 5)
    assert x[index[:2], :, index[:2]].shape == (2, 3)
    assert x[:, index[:2] * 0].shape == (2, 2, 4)


def test_equal_indices_add_up_in_the_gradient() -> None:
    x = tg.zeros(3, 2, requires_grad=True)
    x[[0, 2, 0, 0]].sum().backward()
    assert x.grad.tolist() == [[3, 3], [0, 0], [1, 1]]
    y = tg.zeros(3, requires_grad=True)
    y.take(tg.tensor([-1, 2, 0])).sum().backward()
    assert y.grad.tolist() == [1, 0, 2]


def test_many_equal_indices_give_the_same_bits_every_time() -> None:
    index = tg.randint(0, 50, (20_000,))
    source = tg.randn(20_000, 70)
    before = tg.get_num_threads()
    sums = []
    for threads in (1, 2, 3):
        tg.set_num_threads(threads)
        sums.append(tg.zeros(50, 70).index_add(0, index, source).array.tobytes())
    tg.set_num_threads(before)
    assert sums[0] == sums[1] == sums[2]


# ---- assignment ---------------------------------------------------------------------------------


@given(assigned(), layouts)
def test_assignment_writes_in_place(case: Case, layout: str) -> None:
    x, key, value = case.args
    memory = np.asarray(LAYOUTS[layout](x))
    expected = memory.copy()
    expected[key] = value
    tg.from_numpy(memory)[key] = tg.from_numpy(value)
    np.testing.assert_array_equal(memory, expected)


def test_assignment_by_masks_and_indices() -> None:
    x = tg.arange(6.0).reshape(2, 3)
    x[x > 3] = -1
    assert x.tolist() == [[0, 1, 2], [3, -1, -1]]
    x[:, [2, 0]] = tg.tensor([[7.0, 8.0]])
    assert x.tolist() == [[8, 1, 7], [8, -1, 7]]
    x[0, tg.tensor([1, 1])] = tg.tensor([5.0, 6.0])  # of equal indices the last one holds
    assert x.tolist() == [[8, 6, 7], [8, -1, 7]]
    x[1] = tg.tensor([[1, 2, 3]])  # leading 1s dropped, integers converted
    assert x.tolist() == [[8, 6, 7], [1, 2, 3]]
    x[:, 0] += 1
    assert x.tolist() == [[9, 6, 7], [2, 2, 3]]
    whole = tg.tensor([1, 2, 3])
    whole[[0, 2]] = 9
    whole[tg.tensor([False, True, False])] = 0
    assert whole.tolist() == [9, 0, 9]
    x[:] = x.T.reshape(2, 3)
    y = tg.arange(4.0)
    y[[1, 2, 3]] = y[:3]  # read before it is written, although memory overlaps
    assert y.tolist() == [0, 0, 1, 2]


@pytest.mark.parametrize(
    "key", [0, (slice(None), 1), [0, 1], (slice(None), [2, 0]), "mask"], ids=str
)
def test_gradients_of_assignment(key: Any) -> None:
    """0 for what was there before, grad_output[key] for the value."""
    leaf = tg.rand(2, 3, dtype=tg.float64, requires_grad=True)
    if key == "mask":
        key = tg.tensor([[True, False, True], [False, True, False]])
    shape = leaf.detach()[key].shape
    value = tg.rand(*shape, dtype=tg.float64, requires_grad=True)
    weights = tg.rand(2, 3, dtype=tg.float64)
    x = leaf * 2
    x[key] = value
    (x * weights).sum().backward()
    expected = 2 * weights
    expected[key] = 0
    np.testing.assert_allclose(leaf.grad.array, expected.array)
    np.testing.assert_allclose(value.grad.array, weights[key].array)


def test_gradients_of_assignment_to_views() -> None:
    leaf = tg.ones(2, 3, requires_grad=True)
    value = tg.tensor(5.0, requires_grad=True)
    x = leaf * 2
    row = x[1]
    row[[0, 2]] = value
    assert x.tolist() == [[2, 2, 2], [5, 2, 5]]
    (x * x).sum().backward()
    assert leaf.grad.tolist() == [[8, 8, 8], [0, 8, 0]]
    assert value.grad.item() == 20


def test_leaves_and_expanded_memory_are_protected() -> None:
    leaf = tg.zeros(3, requires_grad=True)
    for key in (0, [0, 1], slice(None)):
        with pytest.raises(RuntimeError, match="leaf"):
            leaf[key] = 1.0
    with tg.no_grad():
        leaf[[0, 1]] = 1.0
    assert leaf.tolist() == [1, 1, 0]
    with pytest.raises(RuntimeError, match="expanded"):
        tg.zeros(1).expand(3)[[0]] = 1.0


def test_index_put_accumulates() -> None:
    x = tg.zeros(3)
    x.index_put_((tg.tensor([0, 0, 2]),), tg.tensor(1.0), accumulate=True)
    assert x.tolist() == [2, 0, 1]
    assert x.index_put((tg.tensor([1]),), tg.tensor(9.0)).tolist() == [2, 9, 1]
    assert x.tolist() == [2, 0, 1]
    whole = tg.zeros(3, dtype=tg.int64)
    whole.scatter_add_(0, tg.tensor([1, 1]), tg.tensor([4, 5]))
    assert whole.tolist() == [0, 9, 0]


def test_scatter() -> None:
    x = tg.zeros(2, 3)
    assert x.scatter(1, tg.tensor([[2], [0]]), 1.0).tolist() == [[0, 0, 1], [1, 0, 0]]
    x.scatter_(0, tg.tensor([[1, 0, 1]]), tg.tensor([[4.0, 5.0, 6.0]]))
    assert x.tolist() == [[0, 5, 0], [4, 0, 6]]
    assert x.index_copy(1, tg.tensor([0]), tg.ones(2, 1)).tolist() == [[1, 5, 0], [1, 0, 6]]


# ---- where and masks ----------------------------------------------------------------------------


def test_where() -> None:
    x = tg.tensor([-1.0, 2.0], requires_grad=True)
    assert tg.where(x > 0, x, 0).dtype == tg.float32
    assert tg.where(x > 0, 1, 0).dtype == tg.int64
    assert tg.where(tg.tensor([True, False]), tg.tensor([1, 2]), 0.5).tolist() == [1, 0.5]
    assert [p.tolist() for p in tg.where(x > 0)] == [[1]]
    tg.where(x > 0, x, (x * 0) / 0).sum().backward()  # the value not chosen is NaN
    assert x.grad is not None
    with pytest.raises(TypeError, match="where: condition must be a bool tensor"):
        tg.where(x, x, x)
    with pytest.raises(ValueError, match="where: shapes"):
        tg.where(x > 0, x, tg.zeros(3))


def test_masks() -> None:
    x = tg.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert x.masked_fill(x > 2, 0).tolist() == [[1, 2], [0, 0]]
    assert x.masked_select(tg.tensor([True, False])).tolist() == [1, 3]
    assert x.nonzero().tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert tg.tensor(3.0).nonzero().shape == (1, 0)
    assert x[tg.tensor([True, False])].tolist() == [[1, 2]]
    assert x[True].shape == (1, 2, 2) and x[False].shape == (0, 2, 2)
    with pytest.raises(TypeError, match="mask must be a bool tensor"):
        x.masked_fill(x, 0)


# ---- errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize("key, error, text", [
    (2, IndexError, "index: 2 is out of range for dim 0 of size 2"),
    ((0, -4), IndexError, "index: -4 is out of range for dim 1 of size 3"),
    ([0, 2], IndexError, "index: 2 is out of range for dim 0 of size 2"),
    ((slice(None), [-4]), IndexError, "index: -4 is out of range for dim 1 of size 3"),
    ((0, 0, 0), IndexError, "3 indices for a tensor of 2 dims"),
    ((..., 0, ...), IndexError, "can stand only once"),
    (slice(None, None, -1), ValueError, "a slice's step must be positive, got -1; use flip"),
    (slice(None, None, 0), ValueError, "step must be positive"),
    (slice(0.5), TypeError, "slice bounds must be ints"),
    (1.0, TypeError, "float is no index"),
    ("a", TypeError, "str is no index"),
    ([0.5], TypeError, "must hold integers or bools"),
    (([0, 1], [0, 1, 2]), IndexError, "must broadcast against each other"),
    ([True, False, True], IndexError, "a mask must have the sizes of the dims it covers"),
])  # fmt: skip
def test_index_errors(key: Any, error: type[Exception], text: str) -> None:
    x = tg.zeros(2, 3)
    with pytest.raises(error, match=text):
        x[key]
    with pytest.raises(error, match=text):
        x[key] = 1.0


@pytest.mark.parametrize("call, error, text", [
    (lambda x: x.index_select(1, tg.tensor([3])), IndexError, "index 3 is out of range for dim 1"),
    (lambda x: x.index_select(1, tg.tensor([-1])), IndexError, "index -1 is out of range"),
    (lambda x: x.gather(0, tg.tensor([[5]])), IndexError, "gather: index 5 is out of range"),
    (lambda x: x.gather(0, tg.tensor([5])), ValueError, "as many dims as input"),
    (lambda x: x.gather(0, tg.zeros(1, 4, dtype=tg.int64)), ValueError, "reaches past dim 1"),
    (lambda x: x.gather(0, tg.zeros(1, 1)), TypeError, "must hold integers"),
    (lambda x: x.take(tg.tensor([6])), IndexError, "take: index out of range"),
    (lambda x: x.scatter_add(0, tg.tensor([[2]]), tg.ones(1, 1)), IndexError, "index 2 is out"),
    (lambda x: x.scatter(0, tg.zeros(2, 1, dtype=tg.int64), tg.ones(1, 1)), ValueError, "fit into"),
    (lambda x: x.index_add(0, tg.tensor([0]), tg.ones(2, 3)), ValueError, "does not broadcast"),
    (lambda x: x.__setitem__(0, tg.zeros(4)), ValueError, "does not broadcast"),
    (lambda x: x.__setitem__([0], tg.zeros(4)), ValueError, "does not broadcast"),
])  # fmt: skip
def test_errors(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call(tg.zeros(2, 3))


@pytest.mark.parity
@given(indexed(True), st.booleans())
def test_keys_mean_what_they_mean_in_pytorch(case: Case, as_tensors: bool) -> None:
    torch = pytest.importorskip("torch")
    x, key = case.args
    ours, theirs = [], []
    for part in key:
        is_array = isinstance(part, np.ndarray)
        ours.append(tg.from_numpy(part) if is_array and as_tensors else part)
        theirs.append(torch.from_numpy(part) if is_array else part)
    expected = torch.from_numpy(x)[tuple(theirs)]
    out = tg.from_numpy(x)[tuple(ours)]
    assert out.shape == tuple(expected.shape)
    np.testing.assert_array_equal(out.array, expected.numpy())
