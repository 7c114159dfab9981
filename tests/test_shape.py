"""Views share memory, copies do not; what rows of specs cannot say about shapes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

import tinygrad_edu as tg
from specs_shape import reshapes
from strategies import LAYOUTS, Case, layouts
from tinygrad_edu.ops.view import can_view


def shares(x: Any, y: Any) -> bool:
    return bool(np.shares_memory(x.array, y.array))


VIEWS: dict[str, Any] = {
    "reshape": lambda x: x.reshape(4, 6),
    "view": lambda x: x.view(-1),
    "flatten": lambda x: x.flatten(1),
    "unflatten": lambda x: x.unflatten(2, (2, -1)),
    "squeeze": lambda x: x.squeeze(),
    "unsqueeze": lambda x: x.unsqueeze(-1),
    "transpose": lambda x: x.transpose(0, 2),
    "permute": lambda x: x.permute(2, 0, 1),
    "movedim": lambda x: x.movedim(0, -1),
    "T": lambda x: x.T,
    "mT": lambda x: x.mT,
    "narrow": lambda x: x.narrow(1, 1, 2),
    "select": lambda x: x.select(2, -1),
    "getitem": lambda x: x[:, 1:, None, ::2],
    "diagonal": lambda x: x.diagonal(1, 1, 2),
    "unfold": lambda x: x.unfold(2, 2, 2),
    "as_strided": lambda x: x.as_strided((2, 3), (3, 1), 4),
    "split": lambda x: x.split(2, 1)[1],
    "chunk": lambda x: x.chunk(2, 2)[0],
    "unbind": lambda x: x.unbind(1)[2],
}


@pytest.mark.parametrize("name", VIEWS)
def test_views_share_memory_both_ways(name: str) -> None:
    x = tg.arange(24.0).reshape(2, 3, 4).clone()
    view = VIEWS[name](x)
    assert shares(x, view)
    view.zero_()
    assert 0 < int((x == 0).sum()) <= 24
    x.fill_(7)
    assert (view == 7).all()


@pytest.mark.parametrize("name", VIEWS)
def test_writes_through_views_reach_the_graph(name: str) -> None:
    """d/dw of what the base holds after view *= w; the base's own gradient is w inside the view."""
    leaf = tg.rand(2, 3, 4, dtype=tg.float64, requires_grad=True)
    x = leaf * 1
    view = VIEWS[name](x)
    view.mul_(3)
    weights = tg.rand(2, 3, 4, dtype=tg.float64)
    (x * weights).sum().backward()
    inside = tg.zeros(2, 3, 4, dtype=tg.float64)
    VIEWS[name](inside).fill_(1)
    np.testing.assert_allclose(leaf.grad.array, (weights * (1 + 2 * inside)).array)
    np.testing.assert_array_equal(view.detach().array, VIEWS[name](x.detach()).array)


def test_writes_to_the_base_reach_the_graph_of_views() -> None:
    leaf = tg.ones(4, requires_grad=True)
    x = leaf * 1
    first, second = x.split(2)
    x.mul_(5)
    (first.sum() + 2 * second.sum()).backward()
    assert leaf.grad.tolist() == [5, 5, 10, 10]


def test_a_saved_value_changed_through_a_view_is_an_error() -> None:
    x = tg.rand(4, requires_grad=True) * 1
    y = x * x
    x.view(2, 2)[0].zero_()
    with pytest.raises(RuntimeError, match="changed in place"):
        y.sum().backward()


@pytest.mark.parametrize("name", ["clone", "contiguous", "cat", "repeat", "flip", "roll", "pad"])
def test_copies_do_not_share_memory(name: str) -> None:
    x = tg.rand(3, 4)
    copy = {
        "clone": lambda: x.clone(),
        "contiguous": lambda: x.T.contiguous(),
        "cat": lambda: tg.cat([x]),
        "repeat": lambda: x.repeat(1, 1),
        "flip": lambda: x.flip(()),
        "roll": lambda: x.roll(0, 0),
        "pad": lambda: tg.pad(x, (0, 0)),
    }[name]()
    assert not shares(x, copy)


def test_expanded_memory_cannot_be_written() -> None:
    with pytest.raises(RuntimeError, match="expanded"):
        tg.zeros(1, 3).expand(2, 3).add_(1)


@given(reshapes(), layouts)
def test_reshape_copies_only_where_it_must(case: Case, layout: str) -> None:
    """can_view agrees with NumPy on when strides can describe the new shape."""
    x = np.asarray(LAYOUTS[layout](case.args[0]))
    out = tg.from_numpy(x).reshape(case.args[1])
    if x.size:
        assert np.shares_memory(x, out.array) == np.shares_memory(x, x.reshape(case.args[1]))
    assert can_view(x, out.shape) or not np.shares_memory(x, out.array)


def test_view_refuses_what_the_caller_laid_out() -> None:
    x = tg.rand(3, 4)
    with pytest.raises(ValueError, match="view: no strides give shape"):
        x.T.view(12)
    assert x.T.reshape(12).shape == (12,)


def test_view_copies_what_the_engine_laid_out() -> None:
    """A program that calls view(N, -1) did not choose channels-last; the copy is read-only."""
    x = tg.rand(2, 3, 4, 5).contiguous(memory_format="channels_last")
    assert x.is_contiguous(memory_format="channels_last") and not x.is_contiguous()
    flat = x.view(2, -1)
    np.testing.assert_array_equal(flat.array, x.array.reshape(2, -1))
    with pytest.raises(RuntimeError, match="cannot be written"):
        flat.add_(1)
    np.testing.assert_array_equal(x[1:].view(-1).array, x.array[1:].reshape(-1))
    with pytest.raises(ValueError, match="view: no strides"):
        x.permute(1, 0, 2, 3).view(-1)


def test_dims_keep_their_order_in_memory() -> None:
    x = tg.rand(2, 3, 4, 5).contiguous(memory_format="channels_last")
    for y in (x.clone(), tg.cat([x, x], 1), tg.cat([x, x], 0), x.flip(2), x * 2):
        assert y.is_contiguous(memory_format="channels_last")
    assert x.clone(memory_format="contiguous_format").is_contiguous()
    with pytest.raises(ValueError, match="memory_format must be one of"):
        x.contiguous(memory_format="nhwc")
    with pytest.raises(ValueError, match="channels_last is for 4 dims"):
        tg.rand(3).contiguous(memory_format="channels_last")


def test_integers_and_bools() -> None:
    x = tg.tensor([[1, 2], [3, 4]])
    assert tg.cat([x, x], 1).tolist() == [[1, 2, 1, 2], [3, 4, 3, 4]]
    assert tg.cat([x, tg.tensor([[0.5, 1.5]])]).dtype == tg.float32
    assert tg.stack([x > 1, x > 3]).dtype == tg.bool
    assert x.flip(0).tolist() == [[3, 4], [1, 2]] and x.roll(1).tolist() == [[4, 1], [2, 3]]
    assert tg.pad(x, (1, 0)).tolist() == [[0, 1, 2], [0, 3, 4]]
    assert x.tril().tolist() == [[1, 0], [3, 4]] and x.triu(1).tolist() == [[0, 2], [0, 0]]
    assert x.repeat_interleave(tg.tensor([0, 2]), dim=0).tolist() == [[3, 4], [3, 4]]
    assert (tg.ones(2, 2) * math.inf).tril().tolist() == [[math.inf, 0], [math.inf, math.inf]]


def test_split_gradients_meet_in_one_array() -> None:
    x = tg.rand(6, requires_grad=True)
    first, _, third = x.split(2)
    (first * 2 + third * 3).sum().backward()
    assert x.grad.tolist() == [2, 2, 0, 0, 3, 3]


def test_overlapping_windows_add_up() -> None:
    x = tg.rand(5, requires_grad=True)
    x.unfold(0, 3, 1).sum().backward()
    assert x.grad.tolist() == [1, 2, 3, 2, 1]
    y = tg.rand(4, requires_grad=True)
    y.as_strided((3, 2), (1, 1)).sum().backward()
    assert y.grad.tolist() == [1, 2, 2, 1]


@pytest.mark.parametrize("call, error, text", [
    (lambda x: x.reshape(5), ValueError, r"reshape: shape \(5,\) does not hold the 6 elements"),
    (lambda x: x.reshape(-1, -1), ValueError, "only one size can be -1"),
    (lambda x: x.reshape(4, -1), ValueError, "does not hold"),
    (lambda x: x.reshape(-2), ValueError, "must not be negative"),
    (lambda x: x.reshape(2.0, 3), TypeError, "sizes must be ints"),
    (lambda x: x.transpose(0, 2), IndexError, r"transpose: dim must be in \[-2, 1\], got 2"),
    (lambda x: x.permute(0, 0), ValueError, "appears more than once"),
    (lambda x: x.permute(0), ValueError, "every dim must be named once"),
    (lambda x: x.expand(3, 3), ValueError, "expand: only dims of size 1"),
    (lambda x: x.expand(3), ValueError, "expand: only dims of size 1"),
    (lambda x: x.narrow(0, 1, 2), IndexError, "narrow: start 1 and length 2"),
    (lambda x: x.select(1, 3), IndexError, "select: index 3 is out of range for dim 1 of size 3"),
    (lambda x: x.split([1, 1], 1), ValueError, "must add up to 3"),
    (lambda x: x.split(0), ValueError, "split_size must be positive"),
    (lambda x: x.chunk(0), ValueError, "chunks must be positive"),
    (lambda x: x.flatten(1, 0), ValueError, "start_dim must not come after"),
    (lambda x: x.unfold(0, 3, 1), ValueError, "size must be in"),
    (lambda x: x.as_strided((7,), (1,)), ValueError, "leave the memory of 6 elements"),
    (lambda x: x.diagonal(0, 1, 1), ValueError, "must be different dims"),
    (lambda x: tg.cat([]), ValueError, "at least one tensor"),
    (lambda x: tg.cat([x, x[0]]), ValueError, "shapes must agree but for dim 0"),
    (lambda x: tg.cat([x, x.T]), ValueError, "shapes must agree but for dim 0"),
    (lambda x: tg.cat(x), TypeError, "expected a list or tuple"),
    (lambda x: tg.stack([x, x.T]), ValueError, "stack: shapes must be equal"),
    (lambda x: x.repeat(2), ValueError, "one count for each dim"),
    (lambda x: x.roll((1, 2), 0), ValueError, "equal lengths"),
    (lambda x: tg.pad(x, (1,)), ValueError, "two numbers for each"),
    (lambda x: tg.pad(x, (-2, -2)), ValueError, "leave a negative size"),
    (lambda x: tg.pad(x, (3, 0), "reflect"), ValueError, "at most 2 places"),
    (lambda x: tg.pad(x, (1, 0), "mirror"), ValueError, "mode must be"),
    (lambda x: x[0].tril(), ValueError, "at least 2 dims"),
])  # fmt: skip
def test_errors(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call(tg.zeros(2, 3))


@pytest.mark.parity
@given(st.integers(1, 9), st.integers(1, 5))
def test_chunks_are_pytorchs(size: int, chunks: int) -> None:
    torch = pytest.importorskip("torch")
    ours = [part.shape for part in tg.zeros(size, 2).chunk(chunks)]
    assert ours == [tuple(part.shape) for part in torch.zeros(size, 2).chunk(chunks)]
