"""Creation ops: values against NumPy, dtype rules, layout, errors."""

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

import tinygrad_edu as tg

SHAPES = [(), (0,), (1,), (3,), (2, 0, 3), (2, 3, 4)]
DTYPES = [tg.float32, tg.float64, tg.int64, tg.int32, tg.uint8, tg.bool]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [None, *DTYPES])
def test_filled_tensors(shape, dtype):
    for make, value in ((tg.zeros, 0), (tg.ones, 1)):
        x = make(shape, dtype=dtype)
        assert (x.shape, x.dtype) == (shape, dtype or tg.float32)
        assert (x.numpy() == value).all()
    assert tg.empty(shape, dtype=dtype).shape == shape
    x = tg.full(shape, 3, dtype=dtype)
    expected = np.full(shape, 3, dtype or "i8")
    np.testing.assert_array_equal(x.numpy(), expected)
    assert x.dtype == expected.dtype


def test_sizes_may_stand_alone_or_in_a_sequence():
    for x in (tg.zeros(2, 3), tg.zeros((2, 3)), tg.zeros([2, 3])):
        assert x.shape == (2, 3)
    assert tg.zeros().shape == ()
    assert tg.full(3, 1.0).shape == (3,)


def test_the_dtype_of_full_follows_the_value():
    assert tg.full((1,), 2).dtype == tg.int64
    assert tg.full((1,), 2.0).dtype == tg.float32
    assert tg.full((1,), True).dtype == tg.bool
    assert tg.full((1,), tg.tensor(2.5)).tolist() == [2.5]
    assert tg.full((1,), 2.9, dtype=tg.int64).tolist() == [2]
    assert tg.full((1,), -math.inf).tolist() == [-math.inf]


def test_the_default_dtype_counts():
    before = tg.get_default_dtype()
    tg.set_default_dtype(tg.float64)
    try:
        for x in (tg.zeros(1), tg.rand(1), tg.full((1,), 0.5), tg.arange(0.5), tg.eye(1)):
            assert x.dtype == tg.float64
    finally:
        tg.set_default_dtype(before)


def test_like_keeps_dtype_and_memory_order():
    x = tg.tensor(np.zeros((4, 3, 2)).transpose(2, 0, 1))
    for y in (tg.zeros_like(x), tg.ones_like(x), tg.full_like(x, 2), tg.empty_like(x)):
        assert (y.shape, y.dtype, y.stride()) == (x.shape, x.dtype, x.stride())
    assert tg.full_like(x, 2.5, dtype=tg.int32).numpy().max() == 2
    assert tg.zeros_like(tg.tensor([1, 2]), dtype=tg.float32, requires_grad=True).requires_grad


def test_the_device_may_be_named():
    for device in (None, "cpu", "cpu:0", tg.device("cpu")):
        assert tg.zeros(1, device=device).device.type == "cpu"
        assert tg.rand(1, device=device).device.type == "cpu"


def test_requires_grad_makes_leaves():
    for x in (
        tg.zeros(2, requires_grad=True),
        tg.full((2,), 1.0, requires_grad=True),
        tg.arange(2.0, requires_grad=True),
        tg.eye(2, requires_grad=True),
        tg.rand(2, requires_grad=True),
    ):
        assert x.requires_grad
        assert x.is_leaf


@given(st.integers(-20, 20), st.integers(-20, 20), st.integers(-5, 5).filter(bool))
def test_arange_of_integers(start, end, step):
    if (end - start) * step < 0:
        with pytest.raises(ValueError, match="arange: step must lead"):
            tg.arange(start, end, step)
        return
    x = tg.arange(start, end, step)
    assert x.dtype == tg.int64
    np.testing.assert_array_equal(x.numpy(), np.arange(start, end, step))


def test_arange_of_floats():
    assert tg.arange(5).tolist() == [0, 1, 2, 3, 4]
    x = tg.arange(0, 1, 0.1)
    assert (x.shape, x.dtype) == ((10,), tg.float32)
    np.testing.assert_array_equal(x.numpy(), (0.1 * np.arange(10)).astype("f4"))
    assert tg.arange(1.0, 0.0, -0.25, dtype=tg.float64).tolist() == [1.0, 0.75, 0.5, 0.25]
    assert tg.arange(0.5, 3.5, dtype=tg.int64).tolist() == [0, 1, 2]
    assert tg.arange(tg.tensor(3)).tolist() == [0, 1, 2]


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 10, 101])
def test_linspace(steps):
    x = tg.linspace(-1.5, 2, steps, dtype=tg.float64)
    np.testing.assert_allclose(x.numpy(), np.linspace(-1.5, 2, steps), rtol=1e-15, atol=1e-15)
    if steps > 1:
        assert x.tolist()[0] == -1.5
        assert x.tolist()[-1] == 2.0
    assert tg.linspace(0, 4, 5, dtype=tg.int64).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("size", [(0,), (1,), (3,), (2, 4), (4, 2), (0, 3)])
def test_eye(size):
    np.testing.assert_array_equal(tg.eye(*size).numpy(), np.eye(*size))


@pytest.mark.parity
def test_values_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    for arguments in ((7,), (1, 8, 3), (0.1, 2.0, 0.3), (5, -4, -2), (3.0,)):
        ours, theirs = tg.arange(*arguments), torch.arange(*arguments)
        assert str(ours.dtype) == str(theirs.dtype).removeprefix("torch.")
        np.testing.assert_array_max_ulp(ours.numpy(), theirs.numpy(), 1)
    for steps in (1, 2, 7):
        ours, theirs = tg.linspace(3, 11, steps), torch.linspace(3, 11, steps)
        np.testing.assert_array_max_ulp(ours.numpy(), theirs.numpy(), 1)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: tg.zeros(2, -1), ValueError, r"zeros: sizes must not be negative, got \(2, -1\)"),
        (lambda: tg.ones(2.0), TypeError, "ones: sizes must be ints"),
        (lambda: tg.empty("23"), TypeError, "sizes must be ints"),
        (lambda: tg.zeros(1, dtype="complex64"), TypeError, "not supported"),
        (lambda: tg.zeros(2**45), MemoryError, "cannot allocate"),
        (lambda: tg.zeros(1, dtype=tg.int64, requires_grad=True), RuntimeError, "float"),
        (lambda: tg.zeros(*[1] * 17), ValueError, "16 dimensions"),
        (lambda: tg.full((1,), "x"), TypeError, "fill_value must be a number"),
        (lambda: tg.full((1,), 300, dtype=tg.uint8), ValueError, "300 does not fit"),
        (lambda: tg.full((1,), float("nan"), dtype=tg.int64), ValueError, "must be finite"),
        (lambda: tg.full((1,), 1e300), ValueError, "does not fit dtype float32"),
        (lambda: tg.linspace(0, math.nan, 2, dtype=tg.int64), ValueError, "must be finite"),
        (lambda: tg.zeros_like([1]), TypeError, "zeros_like: input must be a Tensor"),
        (lambda: tg.arange(0, 5, 0), ValueError, "arange: step"),
        (lambda: tg.arange(float("inf")), ValueError, "finite"),
        (lambda: tg.arange("5"), TypeError, "must be a number"),
        (lambda: tg.linspace(0, 1, -1), ValueError, "negative"),
        (lambda: tg.zeros(1, device="cuda"), RuntimeError, "device"),
        (lambda: tg.zeros(1, device="tpu"), RuntimeError, "device"),
    ],
)
def test_errors_say_what_is_wrong(call, error, message):
    with pytest.raises(error, match=message):
        call()
