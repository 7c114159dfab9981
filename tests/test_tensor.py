"""The user's object: conversions, interoperation, copies, hooks, and the errors of wrong use."""

from __future__ import annotations

import copy
import gc
import itertools
import math
import pickle
import weakref

import numpy as np
import pytest

import tinygrad_edu as tg

DTYPES = ["float32", "float64", "int64", "int32", "int16", "int8", "uint8", "bool"]


def test_numpy_shares_memory_both_ways():
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    x = tg.from_numpy(array)
    x[0, 0] = 7
    assert array[0, 0] == 7
    x.numpy()[1, 2] = 9
    assert x.tolist() == [[7, 1, 2], [3, 4, 9]]
    assert np.asarray(x).base is not None and np.shares_memory(np.asarray(x), array)
    assert np.asarray(x, dtype=np.float64).dtype == np.float64


def test_dlpack_both_ways():
    x = tg.arange(6.0).reshape(2, 3)
    array = np.from_dlpack(x)  # read-only before NumPy 2.1
    x[0, 0] = 5
    assert array[0, 0] == 5
    assert tg.from_dlpack(np.ones(3, dtype=np.float32)).tolist() == [1, 1, 1]


@pytest.mark.parity
def test_dlpack_with_pytorch():
    torch = pytest.importorskip("torch")
    theirs = torch.arange(6.0).reshape(2, 3).t()
    ours = tg.from_dlpack(theirs)
    ours[0, 0] = 8
    assert theirs[0, 0] == 8 and ours.stride() == (1, 3)
    assert torch.from_dlpack(ours).tolist() == theirs.tolist()


def test_an_array_times_a_tensor_is_a_tensor_with_a_graph():
    x = tg.ones(3, dtype=tg.float64, requires_grad=True)
    for make in (lambda: np.arange(3.0) * x, lambda: np.float64(2) * x, lambda: np.arange(3.0) - x):
        assert isinstance(make(), tg.Tensor) and make().requires_grad
    with pytest.raises(TypeError):
        np.exp(x)


def test_a_tensor_that_requires_grad_does_not_turn_into_an_array_silently():
    x = tg.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="detach"):
        x.numpy()
    with pytest.raises(RuntimeError, match="detach"):
        np.asarray(x)
    assert x.detach().numpy().tolist() == [1, 1, 1]


def test_arrays_that_kernels_cannot_read():
    swapped = np.arange(3, dtype=">f4")
    record = np.zeros(4, dtype=[("a", "f4"), ("b", "u1")])["a"]
    for array in (swapped, record):
        with pytest.raises((ValueError, TypeError), match="from_numpy"):
            tg.from_numpy(array)
        assert tg.tensor(array).dtype == tg.float32
    with pytest.raises(TypeError, match="complex"):
        tg.tensor(1j)
    with pytest.raises(ValueError, match="equal lengths"):
        tg.tensor([[1, 2], [3]])


@pytest.mark.parity
@pytest.mark.parametrize("a, b", list(itertools.product(DTYPES, DTYPES)))
def test_promotion_is_that_of_pytorch(a, b):
    torch = pytest.importorskip("torch")
    values = {
        lib: [
            *(lib.ones(2, dtype=getattr(lib, d)) for d in (a, b)),
            lib.ones((), dtype=getattr(lib, b)),
        ]
        for lib in (torch, tg)
    }
    scalars = [True, 2, 2.5]
    for name in ("add", "mul", "div", "maximum"):
        results = []
        for lib in (torch, tg):
            x, y, zero = values[lib]
            op = getattr(lib, name)
            others = [y, zero] if name == "maximum" else [y, zero, *scalars]
            results.append([str(op(x, other).dtype).replace("torch.", "") for other in others])
        assert results[0] == results[1], name


def test_number_conversions():
    x = tg.tensor(2.5)
    assert (float(x), int(x), bool(x), x.item(), f"{x:.2f}") == (2.5, 2, True, 2.5, "2.50")
    assert [10, 20, 30][tg.tensor(1)] == 20
    with pytest.raises(TypeError, match="integer"):
        [1, 2][tg.tensor(1.0)]
    with pytest.raises(RuntimeError, match="neither true nor false"):
        bool(tg.ones(2))
    with pytest.raises(RuntimeError, match="one element"):
        tg.ones(2).item()
    assert tg.tensor([1.0, 2.0]).tolist() == [1.0, 2.0] and 2.0 in tg.tensor([1.0, 2.0])
    assert len(tg.ones(3, 2)) == 3 and [r.tolist() for r in tg.eye(2)] == [[1, 0], [0, 1]]
    with pytest.raises(TypeError, match="0-d"):
        len(x)
    with pytest.raises(TypeError, match="0-d"):
        iter(x)


@pytest.mark.parity
@pytest.mark.parametrize(
    "data",
    [[-1.0, 0.5, 3.0], [1, 2, 3], [1e-6, 1.0], [[1.25, 2], [3, 4]], 3.14159, [], [True, False]],
    ids=str,
)
def test_repr_is_that_of_pytorch(data):
    torch = pytest.importorskip("torch")
    assert repr(tg.tensor(data)) == repr(torch.tensor(data))


def test_repr_tells_dtype_and_history():
    assert repr(tg.ones(2, dtype=tg.float64)) == "tensor([1., 1.], dtype=float64)"
    x = tg.ones(2, requires_grad=True)
    assert repr(x) == "tensor([1., 1.], requires_grad=True)"
    assert repr(x * 2) == "tensor([2., 2.], grad_fn=<mul>)"
    assert "..." in repr(tg.zeros(2000))


def test_copies():
    x = tg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    (x * x).sum().backward()
    for other in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert other.requires_grad and other.is_leaf and tg.equal(other, x)
        with tg.no_grad():
            other.zero_()
        assert x.sum().item() == 10
    assert tg.equal(copy.deepcopy(x).grad, x.grad)
    with pytest.raises(RuntimeError, match="leaves"):
        copy.deepcopy(x * 2)
    view = pickle.loads(pickle.dumps(tg.arange(6).reshape(2, 3).transpose(0, 1)))
    assert view.tolist() == [[0, 3], [1, 4], [2, 5]]


def test_detach_and_data_share_memory():
    x = tg.ones(3, requires_grad=True)
    assert not x.detach().requires_grad
    x.data -= 0.5
    x.detach().mul_(2)
    assert x.tolist() == [1, 1, 1] and x.requires_grad
    x.data = tg.zeros(3)
    assert x.tolist() == [0, 0, 0] and x.requires_grad


def test_requires_grad_and_grad_checks():
    with pytest.raises(RuntimeError, match="float"):
        tg.ones(2, dtype=tg.int64).requires_grad_()
    x = tg.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="leaves"):
        (x * 2).requires_grad_(False)
    with pytest.raises(RuntimeError, match="shape"):
        x.grad = tg.ones(3)
    with pytest.raises(TypeError, match="Tensor"):
        x.grad = 3
    x.grad = tg.ones(2)
    x.sum().backward()
    assert x.grad.tolist() == [2, 2]
    x.requires_grad_(False)
    assert x.grad.tolist() == [2, 2] and not x.requires_grad


def test_hooks_run_in_order_and_can_replace_the_gradient():
    x = tg.ones(2, requires_grad=True)
    y = x * 3
    seen = []
    first = y.register_hook(lambda g: seen.append(g.tolist()))
    y.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: seen.append(g.tolist()))
    x.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad.tolist()))
    y.sum().backward()
    assert seen == [[1, 1], [30, 30], [30, 30]]
    first.remove()
    seen.clear()
    (x * 3).sum().backward()
    assert seen == [[3, 3], [33, 33]]
    with pytest.raises(RuntimeError, match="does not require grad"):
        tg.ones(1).register_hook(print)


def test_devices():
    assert tg.ones(1).device == "cpu" == str(tg.device("cpu"))
    assert tg.ones(2).to("cpu").to(tg.float64).dtype == tg.float64
    with pytest.raises(RuntimeError, match="cuda"):
        tg.ones(1).to("cuda")
    with pytest.raises(RuntimeError, match="'cpu' or 'cuda'"):
        tg.device("tpu")


def test_too_many_dims_is_an_error():
    with pytest.raises(ValueError, match="16 dimensions"):
        tg.tensor(np.ones((1,) * 17))
    x = tg.ones((1,) * 16)
    with pytest.raises(ValueError, match="16 dimensions"):
        x.unsqueeze(0) * 2


def test_memory_returns_at_once_without_the_garbage_collector():
    gc.collect()
    gc.disable()
    try:
        x = tg.ones(3, requires_grad=True)
        y = (x * x).exp()
        node = weakref.ref(y)
        y.sum().backward()
        del y
        assert node() is None
        before = tg.memory_stats()["in_use"]
        z = (x * x).tanh().sum()  # never differentiated
        del z
        assert tg.memory_stats()["in_use"] == before
    finally:
        gc.enable()


def test_python_floats_keep_their_digits_in_the_dtype_asked_for():
    assert tg.tensor(0.2, dtype=tg.float64).item() == 0.2
    assert tg.tensor([[0.2]], dtype=tg.float64).tolist() == [[0.2]]
    assert tg.tensor([0.2]).dtype == tg.float32


def test_own_functions_of_0d_arrays_where_numpy_returns_scalars():
    class Exp(tg.autograd.Function):
        def forward(self, x):
            out = np.exp(x)  # an np.float64, no array
            self.save(out)
            return out

        def backward(self, grad_output):
            (out,) = self.saved
            return grad_output * out

    x = tg.tensor(0.5, dtype=tg.float64, requires_grad=True)
    y = Exp.apply(x)
    (first,) = tg.autograd.grad(y, [x], create_graph=True)
    (second,) = tg.autograd.grad(first, [x])
    assert y.item() == first.item() == second.item() == np.exp(0.5)


def test_to_changes_the_order_in_memory():
    x = tg.rand(2, 3, 4, 5, requires_grad=True)
    y = x.to(memory_format=tg.channels_last)
    assert y.is_contiguous(memory_format=tg.channels_last) and y.tolist() == x.tolist()
    assert y.to(tg.float64, memory_format=tg.contiguous_format).is_contiguous()
    assert x.to(memory_format=tg.preserve_format) is x
    with pytest.raises(TypeError):
        x.to(tg.float64, dtpye=tg.float32)
    layer = tg.nn.Conv2d(3, 4, 3).to(memory_format=tg.channels_last)
    assert layer.weight.is_contiguous(memory_format=tg.channels_last)
    assert layer.bias.shape == (4,)


def test_new_tensors_take_the_dtype():
    x = tg.ones(2, dtype=tg.float64)
    made = x.new_tensor([1, 2]), x.new_empty(2), x.new_full((2,), 3), x.new_zeros(2), x.new_ones(2)
    assert all((y.dtype, y.shape) == (tg.float64, (2,)) for y in made)
    assert [y.tolist() for y in made[2:]] == [[3, 3], [0, 0], [1, 1]]
    assert x.new_zeros((1, 2), dtype=tg.int64).dtype == tg.int64


def test_questions_about_tensors_and_dtypes():
    x = tg.ones(2, 3)
    assert tg.is_tensor(x) and not tg.is_tensor(x.array)
    assert tg.numel(x) == 6 and tg.is_floating_point(x)
    assert isinstance(x.dtype, tg.dtype) and tg.finfo(x.dtype).bits == 32
    assert tg.iinfo(tg.uint8).max == 255
    assert tg.promote_types(tg.int64, tg.float32) == tg.float32
    assert tg.result_type(tg.ones(1, dtype=tg.int64), 2.5) == tg.float32


@pytest.mark.parametrize(
    "write",
    [
        lambda x, mask: x.fill_(0.1),
        lambda x, mask: x.__setitem__(0, 0.1),
        lambda x, mask: x.__setitem__(mask, 0.1),
        lambda x, mask: x.masked_fill(mask, 0.1),
        lambda x, mask: x.scatter(0, tg.tensor([0]), 0.1),
        lambda x, mask: tg.where(mask, 0.1, x),
        lambda x, mask: x * 0 + 0.1,
    ],
)
def test_python_numbers_meet_float64_tensors_in_full_precision(write):
    x = tg.tensor([0.5, 0.7], dtype=tg.float64)
    result = write(x, tg.tensor([True, False]))
    first = x[0] if result is None else result[0]
    assert first.item() == 0.1 and first == 0.1 and first // 0.1 == 1


def test_numbers_past_the_range_of_the_default_dtype():
    assert tg.tensor([1e300, -1e300]).tolist() == [math.inf, -math.inf]
    assert not (tg.ones(2) == 1e300).any() and tg.as_tensor(2**62).item() == 2**62
    with pytest.raises(TypeError, match="numbers"):
        tg.as_tensor(2**70)
