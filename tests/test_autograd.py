"""The engine: what the graph holds, how the walk goes, and what it says when it cannot.

One test a property; the gradients of ops are test_gradients.py's business, in-place writes are
test_inplace.py's.
"""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.autograd import Function


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Runs a test with the garbage collector off: memory must return by reference counts."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def leaf(*values: float, dtype: Any = tg.float64) -> tg.Tensor:
    return tg.tensor(values if len(values) > 1 else values[0], dtype=dtype, requires_grad=True)


class Recorded(Function):
    """The identity; keeps the order in which its nodes are visited."""

    visits: ClassVar[list[str]] = []

    def forward(self, x: Any, name: str) -> Any:
        self.label = name
        return x * 1

    def backward(self, grad_output: Any) -> Any:
        Recorded.visits.append(self.label)
        return grad_output


class Split(Function):
    """(2x, 3x, index): two outputs with a gradient, one without."""

    non_differentiable = (2,)

    def forward(self, x: Any) -> Any:
        return 2 * x, 3 * x, np.arange(x.size)

    def backward(self, grad_double: Any, grad_triple: Any, grad_index: Any) -> Any:
        assert grad_index is None
        total = None
        for grad, factor in ((grad_double, 2), (grad_triple, 3)):
            if grad is not None:
                total = grad * factor if total is None else total + grad * factor
        return total


class SavesOutput(Function):
    """e^x, whose gradient reads the output."""

    def forward(self, x: Any) -> Any:
        out = np.exp(x)
        self.save(out)
        return out

    def backward(self, grad_output: Any) -> Any:
        (out,) = self.saved
        return grad_output * out


# ---- the walk ------------------------------------------------------------------------------------


def test_diamond_sums_both_paths() -> None:
    x = leaf(3.0)
    a = x * 2
    (a * a + a).backward()
    assert x.grad.item() == 2 * (2 * 6) + 2


def test_each_node_is_visited_once_newest_first() -> None:
    x = leaf(1.0)
    Recorded.visits = []
    a = Recorded.apply(x, "a")
    b = Recorded.apply(a, "b")
    c = Recorded.apply(a, "c")
    Recorded.apply(b * c + b + a, "d").backward()
    assert Recorded.visits == ["d", "c", "b", "a"]


def test_twenty_doublings_take_twenty_visits() -> None:
    x = leaf(1.0)
    Recorded.visits = []
    y = x
    for _ in range(20):
        y = Recorded.apply(y, "")
        y = y + y
    y.backward()
    assert x.grad.item() == 2.0**20 and len(Recorded.visits) == 20


def test_a_hundred_thousand_ops_deep(no_collector: None) -> None:
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y * 1.0
    y.backward()
    assert x.grad.item() == 1.0
    node = weakref.ref(y.array)
    del y  # must not recurse either
    assert node() is None


def test_only_the_path_to_the_inputs_is_walked() -> None:
    x, w = leaf(2.0), leaf(3.0)
    Recorded.visits = []
    y = Recorded.apply(x, "x") * Recorded.apply(w, "w")
    assert tg.autograd.grad(y, w)[0].item() == 2.0
    assert Recorded.visits == ["w"]


def test_gradient_at_an_intermediate_leaves_what_is_before_it_alone() -> None:
    """The walk ends at the inputs asked for: nothing below them is computed or freed."""
    x = leaf(2.0)
    h = x.exp()
    (g,) = tg.autograd.grad(h.sin(), h)
    assert g.item() == pytest.approx(np.cos(np.exp(2.0)))
    h.backward()
    assert x.grad.item() == pytest.approx(np.exp(2.0))


def test_inputs_on_one_path() -> None:
    x = leaf(2.0)
    h = x * x
    y = h * 3
    assert [g.item() for g in tg.autograd.grad(y, [x, h, y])] == [12.0, 3.0, 1.0]


def test_backward_adds_only_to_the_inputs_given() -> None:
    x, w = leaf(2.0), leaf(3.0)
    (x * w).backward(inputs=[w])
    assert x.grad is None and w.grad.item() == 2.0


def test_several_roots() -> None:
    x = leaf(2.0)
    y = x * x
    tg.autograd.backward([y, y * 3, y], [tg.tensor(1.0), None, tg.tensor(10.0)])
    assert x.grad.item() == 4 * (1 + 3 + 10)


def test_broadcast_operands_are_summed_to_their_shape() -> None:
    x = tg.ones(3, 1, dtype=tg.float64, requires_grad=True)
    y = tg.ones(4, dtype=tg.float64, requires_grad=True)
    z = leaf(5.0)
    (x * y * z).sum().backward()
    assert x.grad.shape == (3, 1) and y.grad.shape == (4,) and z.grad.shape == ()
    assert z.grad.item() == 12


# ---- several outputs -----------------------------------------------------------------------------


@pytest.mark.parametrize("used, expected", [((0,), 2), ((1,), 3), ((0, 1), 5), ((0, 0, 1), 7)])
def test_outputs_in_any_combination(used: tuple[int, ...], expected: float) -> None:
    x = leaf(1.0, 2.0)
    outs = Split.apply(x)
    sum(outs[i].sum() for i in used).backward()
    assert x.grad.tolist() == [expected, expected]
    assert not outs[2].requires_grad and outs[2].is_leaf


def test_gradient_at_one_of_several_outputs() -> None:
    x = leaf(1.0, 2.0)
    double, triple, _ = Split.apply(x)
    y = (double * triple).sum()
    at_double, at_x = tg.autograd.grad(y, [double, x])
    assert at_double.tolist() == [3.0, 6.0] and at_x.tolist() == [12.0, 24.0]


def test_a_saved_output_among_several_keeps_its_place_in_the_graph() -> None:
    """x -> (e^x, e^2x): the gradient of the first reads it, so it can be differentiated for it."""

    class Powers(Function):
        def forward(self, x: Any) -> Any:
            outs = np.exp(x), np.exp(2 * x)
            self.save(*outs)
            return outs

        def backward(self, grad_first: Any, grad_second: Any) -> Any:
            first, _ = self.saved
            return grad_first * first

    x = leaf(0.5)
    first, _ = Powers.apply(x)
    (g,) = tg.autograd.grad(first, x, create_graph=True)
    at_first, at_x = tg.autograd.grad(g, [first, x])
    assert at_first.item() == 1.0 and at_x.item() == pytest.approx(np.exp(0.5))


# ---- what the graph holds ------------------------------------------------------------------------


def test_intermediates_are_freed_as_soon_as_nobody_reads_them(no_collector: None) -> None:
    x = leaf(1.0, 2.0)
    middle = x + 1
    alive = weakref.ref(middle.array)
    z = middle + 2
    del middle
    assert alive() is None and z.requires_grad


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_a_step_returns_its_memory_without_the_collector(no_collector: None, order: int) -> None:
    """Order 0: no backward at all; above 1: gradients of gradients, through grad()."""
    x = leaf(0.5, 0.25)
    out = (SavesOutput.apply(x).tanh() * x).exp()
    doubled, tripled, _ = Split.apply(out)
    y = (doubled * tripled).sum()
    alive = [weakref.ref(t.array) for t in (out, doubled, tripled, y)]
    del doubled, tripled, out
    grads: Any = None
    if order == 1:
        y.backward()
    for _ in range(order if order > 1 else 0):
        (grads,) = tg.autograd.grad(y if grads is None else grads.sum(), x, create_graph=True)
    del y, grads
    assert [ref() is None for ref in alive] == [True] * 4


def test_pytorch_style_functions_leave_no_cycles(no_collector: None) -> None:
    class Square(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, grad_output: Any) -> Any:
            (x,) = ctx.saved_tensors
            return grad_output * 2 * x

    x = leaf(3.0)
    Square.apply(x).backward()
    assert x.grad.item() == 6.0
    gc.collect()
    Square.apply(x).backward()
    assert gc.collect() == 0


def test_pytorch_style_functions_may_set_the_context_up_apart() -> None:
    class Scale(Function):
        @staticmethod
        def forward(x: Any, factor: float) -> Any:
            return x * factor

        @staticmethod
        def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
            x, ctx.factor = inputs
            ctx.save_for_backward(x, output)

        @staticmethod
        def backward(ctx: Any, grad_output: Any) -> Any:
            x, out = ctx.saved_tensors
            assert out.tolist() == (x * ctx.factor).tolist()
            return grad_output * ctx.factor, None

    x = leaf(1.0, 2.0)
    assert tg.gradcheck(lambda x: Scale.apply(x, 3.0), x)


def test_backward_with_create_graph_into_grad_warns() -> None:
    x = leaf(2.0)
    with pytest.warns(UserWarning, match=r"use grad\(\)"):
        (x * x).backward(create_graph=True)
    assert x.grad.requires_grad
    x.grad = None


# ---- accumulation --------------------------------------------------------------------------------


def test_gradients_add_up_over_calls() -> None:
    x = leaf(2.0)
    for _ in range(3):
        (x * x).backward()
    assert x.grad.item() == 12.0


def test_leaves_never_share_a_gradient() -> None:
    """a + b hands the same gradient to both; scaling one must leave the other alone."""
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (a + b).sum().backward()
    a.grad.mul_(10)
    assert b.grad.tolist() == [1.0, 1.0]


def test_a_given_gradient_stays_the_callers() -> None:
    x = leaf(1.0, 2.0)
    given = tg.ones(2, dtype=tg.float64)
    (x + 0).backward(given)
    x.grad.mul_(5)
    assert given.tolist() == [1.0, 1.0]
    (x + 0).backward(given)
    assert given.tolist() == [1.0, 1.0]


def test_a_fresh_gradient_is_taken_over_not_copied() -> None:
    x = tg.ones(100, 100, requires_grad=True)
    addresses = []

    class Note(Function):
        def forward(self, x: Any) -> Any:
            return x * 1

        def backward(self, grad_output: Any) -> Any:
            grad = grad_output * 2
            addresses.append(grad.array.ctypes.data)
            return grad

    Note.apply(x).sum().backward()
    assert x.grad.array.ctypes.data == addresses[0]


def test_a_gradient_takes_the_layout_of_its_leaf() -> None:
    x = tg.from_numpy(np.asfortranarray(np.ones((3, 4)))).requires_grad_()
    (x * tg.from_numpy(np.ones((3, 4)))).sum().backward()
    assert x.grad.stride() == x.stride()


def test_sums_of_the_walk_do_not_reach_what_a_hook_keeps() -> None:
    x = leaf(1.0, 2.0)
    kept = []
    a = x * 1
    a.register_hook(lambda grad: kept.append(grad))
    b = a * 2
    b.register_hook(lambda grad: kept.append(grad))
    (b + b + b + a).sum().backward()
    assert [grad.tolist() for grad in kept] == [[3.0, 3.0], [7.0, 7.0]]


# ---- saved values --------------------------------------------------------------------------------


def test_an_output_saved_and_then_written_is_an_error() -> None:
    x = leaf(1.0, 2.0)
    y = SavesOutput.apply(x)
    with tg.no_grad():
        y.mul_(2)
    with pytest.raises(RuntimeError, match="saves_output.*changed in place"):
        y.sum().backward()


def test_an_input_saved_and_then_written_is_an_error() -> None:
    x = leaf(1.0, 2.0)
    y = x * x
    with tg.no_grad():
        x.add_(1)
    with pytest.raises(RuntimeError, match="mul.*changed in place"):
        y.sum().backward()


def test_second_backward_says_what_was_freed() -> None:
    x = leaf(2.0)
    y = x.exp()
    y.backward()
    with pytest.raises(RuntimeError, match=r"exp.*second time.*retain_graph=True"):
        y.backward()


def test_retain_graph_allows_a_second_backward() -> None:
    x = leaf(2.0)
    y = SavesOutput.apply(x) * x
    y.backward(retain_graph=True)
    first = x.grad.item()
    y.backward()
    assert x.grad.item() == 2 * first


def test_saved_outputs_are_differentiated_again() -> None:
    x = leaf(0.5)
    value = SavesOutput.apply(x)
    for _ in range(3):
        (value,) = tg.autograd.grad(value, x, create_graph=True)
        assert value.item() == pytest.approx(np.exp(0.5))


def test_needs_input_grad_spares_what_nobody_asked_for() -> None:
    seen = []

    class Product(Function):
        def forward(self, x: Any, y: Any, factor: float) -> Any:
            self.save(x, y)
            return x * y * factor

        def backward(self, grad_output: Any) -> Any:
            seen.append(self.needs_input_grad)
            x, y = self.saved
            return grad_output * y, grad_output * x

    x, y = leaf(2.0), tg.tensor(3.0, dtype=tg.float64)
    Product.apply(x, y, 1.0).backward()
    assert seen == [(True, False, False)] and x.grad.item() == 3.0


# ---- modes ---------------------------------------------------------------------------------------


def test_no_grad_as_context_decorator_and_nested() -> None:
    x = leaf(1.0)

    @tg.no_grad()
    def double() -> tg.Tensor:
        return x * 2

    with tg.no_grad():
        assert not (x * 2).requires_grad
        with tg.enable_grad():
            assert (x * 2).requires_grad
        assert not (x * 2).requires_grad
    assert not double().requires_grad and (x * 2).requires_grad
    with tg.inference_mode():
        assert not (x * 2).requires_grad
    with tg.set_grad_enabled(False):
        assert not (x * 2).requires_grad


def test_modes_end_with_an_exception_and_belong_to_one_thread() -> None:
    with pytest.raises(KeyError), tg.no_grad():
        raise KeyError
    assert tg.is_grad_enabled()
    found = []
    with tg.no_grad():
        thread = threading.Thread(target=lambda: found.append(tg.is_grad_enabled()))
        thread.start()
        thread.join()
    assert found == [True]


def test_an_error_in_a_rule_leaves_the_mode_alone() -> None:
    class Fails(Function):
        def forward(self, x: Any) -> Any:
            return x * 1

        def backward(self, grad_output: Any) -> Any:
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        Fails.apply(leaf(1.0)).backward()
    assert tg.is_grad_enabled()


def test_detach_cuts_the_graph() -> None:
    x = leaf(2.0)
    (x * x.detach()).backward()
    assert x.grad.item() == 2.0


def test_two_threads_walk_their_own_graphs() -> None:
    x = leaf(*np.linspace(0, 1, 50))
    grads: list[Any] = []

    def work() -> None:
        for _ in range(50):
            (g,) = tg.autograd.grad((x.tanh() * x).sum(), x)
        grads.append(g.tolist())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(grads) == 4 and all(g == grads[0] for g in grads)


# ---- hooks and retained gradients ----------------------------------------------------------------


def test_a_hook_may_replace_the_gradient() -> None:
    x = leaf(2.0)
    h = x * 3
    handle = h.register_hook(lambda grad: grad * 10)
    (h * 1).backward(retain_graph=False)
    assert x.grad.item() == 30.0
    handle.remove()
    x.grad = None
    (x * 3).backward()
    assert x.grad.item() == 3.0


def test_a_hook_may_not_change_the_shape() -> None:
    x = leaf(1.0, 2.0)
    y = x * 2
    y.register_hook(lambda grad: grad.sum())
    with pytest.raises(RuntimeError, match=r"hook of mul.*\(2,\).*got \(\)"):
        y.sum().backward()


def test_retain_grad_keeps_what_arrives_at_an_intermediate() -> None:
    x = leaf(2.0)
    h = x * x
    h.retain_grad()
    (h * h).backward()
    assert h.grad.item() == 8.0 and x.grad.item() == 32.0


# ---- errors --------------------------------------------------------------------------------------


def test_errors_of_backward_and_grad() -> None:
    x, unused = leaf(1.0, 2.0), leaf(1.0)
    with pytest.raises(RuntimeError, match="one element"):
        (x * 2).backward()
    with pytest.raises(RuntimeError, match="does not require grad"):
        tg.ones(()).backward()
    with pytest.raises(RuntimeError, match=r"shape \(2,\), got \(3,\)"):
        (x * 2).backward(tg.ones(3))
    with pytest.raises(RuntimeError, match="input 1 .*allow_unused"):
        tg.autograd.grad(x.sum(), [x, unused])
    assert tg.autograd.grad(x.sum(), [unused], allow_unused=True) == (None,)
    (zeros,) = tg.autograd.grad(x.sum(), [unused], materialize_grads=True)
    assert zeros.item() == 0.0


def test_a_rule_that_returns_the_wrong_shape_is_named() -> None:
    class Wrong(Function):
        def forward(self, x: Any) -> Any:
            return x * 1

        def backward(self, grad_output: Any) -> Any:
            return tg.ones(5, dtype=tg.float64)

    with pytest.raises(RuntimeError, match=r"wrong.*\(5,\).*\(2,\)"):
        Wrong.apply(leaf(1.0, 2.0)).sum().backward()


def test_a_rule_that_returns_the_wrong_dtype_does_not_lose_it() -> None:
    class Wrong(Function):
        def forward(self, x: Any) -> Any:
            return x * 1

        def backward(self, grad_output: Any) -> Any:
            return grad_output.double()

    x = leaf(1.0, 2.0, dtype=tg.float32)
    y = Wrong.apply(x)
    (y + x).sum().backward()
    (y.detach() * x).sum().backward()
    assert x.grad.dtype == tg.float32 and x.grad.tolist() == [3.0, 4.0]


def test_a_rule_with_too_many_gradients_is_named() -> None:
    class Wrong(Function):
        def forward(self, x: Any) -> Any:
            return x * 1

        def backward(self, grad_output: Any) -> Any:
            return grad_output, grad_output

    with pytest.raises(RuntimeError, match="wrong.*2 gradients for 1 argument"):
        Wrong.apply(leaf(1.0)).backward()


def test_next_functions_tell_the_graph() -> None:
    x = leaf(2.0)
    y = x.exp() * x
    names = [node.name() for node, _ in y.grad_fn.next_functions]
    assert names == ["exp", "accumulate_grad"]
