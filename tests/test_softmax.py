"""softmax and log_softmax: kernels at every level and layout, special values, errors, PyTorch."""

import numpy as np
import pytest

import tinygrad_edu as tg
from strategies import LAYOUTS
from tinygrad_edu import _C

NAMES = ("softmax", "log_softmax")
SHAPES = [(5,), (0, 5), (5, 0), (1, 1), (16, 4), (17, 5), (4, 3, 5), (2, 3, 5, 7)]


def reference(name, x, dim):
    x = x.astype(np.float64)
    shifted = x - x.max(dim, keepdims=True, initial=-np.inf)
    with np.errstate(divide="ignore"):  # rows of no elements
        log_sum = np.log(np.exp(shifted).sum(dim, keepdims=True))
    return np.exp(shifted - log_sum) if name == "softmax" else shifted - log_sum


def reference_backward(name, g, out, dim):
    g, out = g.astype(np.float64), out.astype(np.float64)
    if name == "softmax":
        return out * (g - (g * out).sum(dim, keepdims=True))
    return g - np.exp(out) * g.sum(dim, keepdims=True)


def run(name, *arrays, dim):
    """The kernel's result, the same for one and two threads."""
    results = []
    threads = _C.num_threads()
    try:
        for n in (1, 2):
            _C.set_num_threads(n)
            out = np.empty_like(arrays[-1])
            getattr(_C, name)(*arrays, out, dim)
            results.append(out)
    finally:
        _C.set_num_threads(threads)
    np.testing.assert_array_equal(*results)
    return results[0]


def shapes_around_blocks(dtype):
    width = _C.constants()["row_vector_bytes"] // dtype.itemsize
    task = _C.constants()["row_task_elements"]
    rows = [(3, n) for n in (width - 1, width, width + 1, 3 * width + 1)]
    columns = [(3, 2, n) for n in (width - 1, width, width + 1)]
    return [*SHAPES, *rows, *columns, (task // 64 + 1, 64), (33, task // 32 + 1), (2, task + 1)]


@pytest.mark.parametrize("dtype", [np.dtype("f4"), np.dtype("f8")], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_kernels(level, name, dtype):
    rng = np.random.default_rng(0)
    tolerance = (
        {"rtol": 2e-5, "atol": 2e-5} if dtype.itemsize == 4 else {"rtol": 1e-12, "atol": 1e-12}
    )
    for shape in shapes_around_blocks(dtype):
        x, g = (rng.normal(size=shape).astype(dtype) for _ in range(2))
        small = x.size < 1000
        for dim in range(len(shape)):
            for layout in LAYOUTS if small else ("contiguous",):
                out = run(name, LAYOUTS[layout](4 * x), dim=dim)
                np.testing.assert_allclose(out, reference(name, 4 * x, dim), **tolerance)
                grad = run(f"{name}_backward", LAYOUTS[layout](g), out, dim=dim)
                np.testing.assert_allclose(grad, reference_backward(name, g, out, dim), **tolerance)


@pytest.mark.parametrize("dtype", [tg.float32, tg.float64], ids=str)
@pytest.mark.parametrize("columns", [False, True])
def test_special_values(level, dtype, columns):
    inf, nan = float("inf"), float("nan")
    cases = [
        ([-inf, 0.0, 0.0], [0.0, 0.5, 0.5]),
        ([-inf, -inf, -inf], [nan, nan, nan]),
        ([inf, 0.0, 0.0], [nan, nan, nan]),
        ([nan, 0.0, 0.0], [nan, nan, nan]),
        ([1e4, 1e4, -1e4], [0.5, 0.5, 0.0]),
        ([0.0, -1e38, 0.0], [0.5, 0.0, 0.5]),
    ]
    x = tg.tensor([row for row, _ in cases], dtype=dtype)
    expected = np.array([row for _, row in cases])
    out = tg.softmax(x.t().contiguous(), 0).t() if columns else tg.softmax(x, 1)
    np.testing.assert_allclose(out.numpy(), expected, rtol=1e-6)
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(
            tg.log_softmax(x, 1).numpy()[0, 1:], np.log(expected)[0, 1:], rtol=1e-6
        )
    np.testing.assert_array_equal(
        tg.log_softmax(tg.tensor([1e4, 0.0], dtype=dtype), 0).numpy(), [0.0, -1e4]
    )


def test_small_exponentials_are_exactly_zero():
    out = tg.softmax(tg.tensor([0.0, -87.0, -88.0, -104.0]), 0).numpy()
    assert out[1] > 0 and out[2] == 0 and out[3] == 0


def test_shapes_and_dtypes():
    assert tg.softmax(tg.tensor(3.0), 0).item() == 1.0
    assert tg.log_softmax(tg.tensor(3.0), -1).item() == 0.0
    assert tg.softmax(tg.zeros(0, 3), 0).shape == (0, 3)
    assert tg.softmax(tg.tensor([1, 2]), 0, dtype=tg.float64).dtype == tg.float64
    x = tg.from_numpy(LAYOUTS["channels_last"](np.ones((2, 3, 4, 5))))
    assert tg.softmax(x, 1).stride() == x.stride()


def test_errors():
    with pytest.raises(TypeError, match=r"softmax: input must be a float tensor, got int64"):
        tg.softmax(tg.tensor([1, 2]), 0)
    with pytest.raises(TypeError, match=r"log_softmax: input must be a Tensor, got list"):
        tg.log_softmax([1.0], 0)
    with pytest.raises(IndexError, match=r"softmax: dim must be in \[-2, 1\], got 2"):
        tg.softmax(tg.zeros(2, 3), 2)


@pytest.mark.parity
@pytest.mark.parametrize("name", NAMES)
def test_parity_of_specials_and_gradients(name):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    x = rng.normal(size=(6, 7)) * 100
    x[1, 2] = -np.inf
    x[2, :] = -np.inf
    x[3, 0], x[4, 0] = np.nan, np.inf
    g = rng.normal(size=x.shape)
    for dim in (0, 1):
        ours, theirs = tg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        out, expected = getattr(tg, name)(ours, dim), getattr(torch, name)(theirs, dim)
        out.backward(tg.tensor(g))
        expected.backward(torch.tensor(g))
        np.testing.assert_allclose(
            out.detach().numpy(), expected.detach().numpy(), rtol=1e-12, atol=1e-14
        )
        np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-12, atol=1e-13)
