"""Writing in place: values, gradients, views, and the errors that keep gradients right."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg


def both():
    """The two libraries, where PyTorch is installed."""
    return [pytest.importorskip("torch"), tg]


def run(program, *shapes):
    """The program's result and the gradients of its inputs, from both libraries."""
    results = []
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape) for shape in shapes]
    for lib in both():
        inputs = [lib.tensor(a, requires_grad=True) for a in arrays]
        out = program(lib, *inputs)
        weight = lib.tensor(np.random.default_rng(1).standard_normal(tuple(out.shape)))
        (out * weight).sum().backward()
        grads = [None if x.grad is None else np.asarray(x.grad.tolist()) for x in inputs]
        results.append((np.asarray(out.tolist()), grads))
    return results


def write_whole(lib, x):
    y = x * 2
    y.mul_(x)
    return y + x


def write_then_read_view(lib, x):
    y = x * 2
    v = y[1:]
    y.mul_(3)
    return v * x[1:]


def write_view_then_read_base(lib, x):
    y = x * 2
    v = y[0]
    v.mul_(x[1])
    return y * y


def write_view_of_view(lib, x):
    y = x * 2
    v = y.transpose(0, 1)[1]
    v.exp_()
    return y.sum(0) * v[0]


def write_two_views(lib, x):
    y = x * 2
    a, b = y[0], y[1]
    a.mul_(3)
    b.add_(a * 2)
    return y * 1


def write_into_constant(lib, x):
    buffer = lib.zeros(3, 4, dtype=lib.float64)
    buffer[1] = x[0]
    buffer[:, 2] += x[1, 0]
    return buffer * 2


def write_broadcast(lib, x):
    y = x * 1
    y[:, 1:3] = x[0, 0] * 2
    return y


def write_integer_index(lib, x):
    y = x * 1
    y[lib.tensor([0, 2]), lib.tensor([1, 1])] = x[0, :2] * 3
    return y


def write_mask(lib, x):
    y = x * 1
    y[y > 0] = 0.5
    return y * x


def write_saved_output(lib, x):
    y = x.exp()
    z = y * 1
    z.sigmoid_()
    return z


def fill_and_copy(lib, x):
    y = x * 1
    y[0].fill_(2.0)
    y[1].copy_(x[2])
    y[2].zero_()
    return y * x


PROGRAMS = [
    write_whole,
    write_then_read_view,
    write_view_then_read_base,
    write_view_of_view,
    write_two_views,
    write_into_constant,
    write_broadcast,
    write_integer_index,
    write_mask,
    write_saved_output,
    fill_and_copy,
]


@pytest.mark.parity
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_values_and_gradients_are_those_of_pytorch(program):
    (expected, expected_grads), (out, grads) = run(program, (3, 4))
    np.testing.assert_allclose(out, expected, rtol=1e-12)
    for mine, theirs in zip(grads, expected_grads, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-14)


def test_second_order_through_an_in_place_write():
    x = tg.tensor([1.0, 2.0, 3.0], dtype=tg.float64, requires_grad=True)
    y = x * 1
    y[1:].mul_(x[:2])  # y = x0, x1 x0, x2 x1
    (first,) = tg.autograd.grad((y**2).sum(), x, create_graph=True)
    (second,) = tg.autograd.grad(first.sum(), x)
    x0, x1, x2 = 1.0, 2.0, 3.0
    gradient = [2 * x0 + 2 * x0 * x1**2, 2 * x1 * x0**2 + 2 * x1 * x2**2, 2 * x2 * x1**2]
    np.testing.assert_allclose(first.tolist(), gradient)
    hessian = [
        [2 + 2 * x1**2, 4 * x0 * x1, 0],
        [4 * x0 * x1, 2 * x0**2 + 2 * x2**2, 4 * x1 * x2],
        [0, 4 * x1 * x2, 2 * x1**2],
    ]
    np.testing.assert_allclose(second.tolist(), np.sum(hessian, axis=0))


def test_a_leaf_cannot_be_written_while_recording():
    x = tg.ones(3, requires_grad=True)
    for write in (lambda: x.add_(1), lambda: x.zero_(), lambda: x[0].fill_(1)):
        with pytest.raises(RuntimeError, match="leaf that requires grad"):
            write()
    with tg.no_grad():
        x.mul_(2)
    x.data -= 1
    assert x.tolist() == [1.0, 1.0, 1.0] and x.is_leaf


def test_using_a_value_changed_since_it_was_saved_names_the_op():
    x = tg.ones(3, requires_grad=True)
    y = x * 2
    z = y.exp()
    z.add_(1)
    with pytest.raises(RuntimeError, match="exp: a value of shape .* was changed in place"):
        z.sum().backward()
    y = x * 2
    z = y * x
    y[0] = 5.0
    with pytest.raises(RuntimeError, match="mul: .* changed in place"):
        z.sum().backward()


def test_an_optimiser_step_between_forward_and_backward_is_noticed():
    weight = tg.ones(2, 2, requires_grad=True)
    loss = (weight * weight).sum()
    loss.backward(retain_graph=True)
    tg.optim.SGD([weight], lr=0.1).step()
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


def test_memory_that_must_not_be_written():
    expanded = tg.ones(1, 3).expand(4, 3)
    with pytest.raises(RuntimeError, match="expanded"):
        expanded.add_(1)
    frozen = np.ones(3, dtype=np.float32)
    frozen.flags.writeable = False
    with pytest.raises(RuntimeError, match="read-only"):
        tg.from_numpy(frozen).add_(1)
    assert frozen.tolist() == [1, 1, 1]


def test_operands_that_overlap_are_read_before_they_are_written():
    x = tg.arange(9.0).reshape(3, 3)
    x.add_(x.transpose(0, 1).clone())
    y = tg.arange(9.0).reshape(3, 3)
    with tg.no_grad():
        y.add_(y.transpose(0, 1))
    assert tg.equal(x, y)
    z = tg.arange(6.0)
    with tg.no_grad():
        z[1:].copy_(z[:-1])
    assert z.tolist() == [0, 0, 1, 2, 3, 4]


def test_a_result_that_does_not_fit_is_refused_and_nothing_is_written():
    x = tg.ones(3)
    with pytest.raises(ValueError, match="add_: .*shape"):
        x.add_(tg.ones(2, 3))
    with pytest.raises(TypeError, match="mul_: .*int64"):
        tg.ones(3, dtype=tg.int64).mul_(1.5)
    assert x.tolist() == [1, 1, 1]


def test_masked_fill_in_place():
    x = tg.ones(2, 2, dtype=tg.float64, requires_grad=True)
    y = x * 3
    assert y.masked_fill_(tg.tensor([[True, False], [False, True]]), 0.5) is y
    assert y.tolist() == [[0.5, 3], [3, 0.5]]
    y.sum().backward()
    assert x.grad.tolist() == [[0, 3], [3, 0]]


def test_a_view_that_became_a_leaf_stays_one_when_it_is_written():
    x = tg.ones(2, 3).t().requires_grad_()
    with tg.no_grad():
        x.mul_(2)
    assert x.requires_grad and x.is_leaf
    (x * x).sum().backward()
    assert (x.grad == 4).all()
    with pytest.raises(RuntimeError, match="view of a leaf"):
        x[0] = 1.0


def test_a_write_through_a_reshape_of_a_permuted_base_has_its_gradient():
    base = tg.ones(3, 2, dtype=tg.float64).t().requires_grad_()
    x = base.clone()  # columns are neighbours in memory
    x.t().flatten()[:3].zero_()
    (x * tg.arange(6.0).reshape(2, 3)).sum().backward()
    assert x.tolist() == [[0, 0, 1], [0, 1, 1]]
    assert base.grad.tolist() == [[0, 0, 2], [0, 4, 5]]


def test_augmented_logic_writes_in_place():
    mask = tg.tensor([True, False, True])
    view = mask[:2]
    view &= tg.tensor([False, True])
    assert mask.tolist() == [False, False, True]
    mask |= tg.tensor([True, False, False])
    mask ^= tg.tensor(True)
    assert view.tolist() == [False, True] and mask.tolist() == [False, True, False]
    with pytest.raises(TypeError, match="bitwise_and_: .*int64"):
        mask &= tg.tensor([1, 2, 3])
