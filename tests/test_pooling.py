"""max_pool2d and avg_pool2d beyond their rows in specs_pooling.py: ties, NaN and infinity, sizes
around a register and a task, storage, levels, threads, errors, PyTorch.
"""

import itertools

import numpy as np
import pytest

import tinygrad_edu as tg
from specs_pooling import avg_pool2d_reference, max_pool2d_reference
from strategies import LAYOUTS
from tinygrad_edu import _C
from tinygrad_edu.nn import functional as F

CHANNELS = [1, 3, 4, 5, 8, 15, 16, 17, 32, 33]  # around a register of every level and dtype
# (kernel, stride, padding, dilation, ceil_mode): gaps, overlaps, hanging windows.
WINDOWS = [
    ((2, 2), (2, 2), (0, 0), (1, 1), False),
    ((3, 3), (2, 2), (1, 1), (1, 1), True),
    ((3, 2), (1, 3), (1, 0), (1, 1), False),
    ((2, 3), (4, 1), (0, 1), (1, 2), False),
    ((4, 1), (3, 2), (2, 0), (1, 1), True),
]


def gradient(function, x, *arguments):
    """The output, and the gradient of x for a grad_output of small integers."""
    x = tg.from_numpy(x).requires_grad_()
    out = function(x, *arguments)
    rng = np.random.default_rng(1)
    grad_output = rng.integers(-3, 4, out.shape).astype(out.array.dtype)
    out.backward(tg.from_numpy(grad_output))
    return out.detach().array, x.grad.array, grad_output


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("channels", CHANNELS)
def test_max_pool2d(level, dtype, channels):
    """Values, winners and gradient in any storage; many ties, so that the first must win."""
    x = np.random.default_rng(0).integers(-3, 4, (2, channels, 8, 9)).astype(dtype)
    for window in WINDOWS:
        expected, where = max_pool2d_reference(x, *window, True)
        for layout in LAYOUTS.values():
            out, indices = F.max_pool2d(tg.from_numpy(layout(x)), *window, return_indices=True)
            np.testing.assert_array_equal(out.array, expected)
            np.testing.assert_array_equal(indices.array, where)
            assert indices.dtype == np.int64
        _, grad, grad_output = gradient(F.max_pool2d, x, *window)
        scattered = np.zeros((2 * channels, 72), dtype)
        flat = (2 * channels, -1)
        each = np.arange(2 * channels)[:, None], where.reshape(flat)
        np.add.at(scattered, each, grad_output.reshape(flat))
        np.testing.assert_array_equal(grad, scattered.reshape(x.shape))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("channels", CHANNELS)
def test_avg_pool2d(level, dtype, channels):
    x = np.random.default_rng(0).integers(-3, 4, (2, channels, 8, 9)).astype(dtype)
    for kernel, stride, padding, _, ceil_mode in WINDOWS:
        for counting in ((True, None), (False, None), (True, 4)):
            window = kernel, stride, padding, ceil_mode, *counting
            expected = avg_pool2d_reference(x, *window)
            for layout in LAYOUTS.values():
                out = F.avg_pool2d(tg.from_numpy(layout(x)), *window)
                np.testing.assert_allclose(out.array, expected, rtol=1e-6, atol=1e-7)
            out, grad, grad_output = gradient(F.avg_pool2d, x, *window)
            inner = (grad.astype(np.float64) * x).sum(), (grad_output * expected).sum()
            np.testing.assert_allclose(*inner, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("rows", [1, 31, 33])
def test_same_bits_for_any_number_of_threads(threads, level, rows):
    x = np.random.default_rng(0).normal(size=(2, 33, rows, 65)).astype(np.float32)
    for function in (F.max_pool2d, F.avg_pool2d):
        results = []
        for n in (1, 2, 3):
            threads(n)
            results.append(gradient(function, x, (1, 3), (1, 2))[:2])
        for again in results[1:]:
            for got, expected in zip(again, results[0], strict=True):
                np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_sizes_around_a_task(level, extra):
    width = _C.constants()["pooling_task"] + extra
    x = np.random.default_rng(0).permutation(2 * width).reshape(1, 1, 1, 2 * width).astype("f4")
    pairs = x.reshape(width, 2)
    tensor = tg.from_numpy(x).requires_grad_()
    out = F.max_pool2d(tensor, (1, 2))
    np.testing.assert_array_equal(out.detach().array.ravel(), pairs.max(1))
    out.sum().backward()
    np.testing.assert_array_equal(
        tensor.grad.array.reshape(width, 2), pairs == pairs.max(1)[:, None]
    )
    mean = F.avg_pool2d(tg.from_numpy(x), (1, 2)).array.ravel()
    np.testing.assert_array_equal(mean, pairs.mean(1))


def test_special_values(level):
    """A NaN wins, the last of several; -inf wins where there is nothing else, the first."""
    nan, inf = np.nan, np.inf
    x = np.array([[1, nan, 2, nan], [-inf, -inf, 3, inf]], np.float32)[None]  # (1, 2, 4)
    out, indices = F.max_pool2d(tg.from_numpy(x), (1, 2), return_indices=True)
    np.testing.assert_array_equal(out.array, [[[nan, nan], [-inf, inf]]])
    np.testing.assert_array_equal(indices.array, [[[1, 3], [4, 7]]])
    _, indices = F.max_pool2d(tg.from_numpy(x), (1, 4), return_indices=True)
    np.testing.assert_array_equal(indices.array, [[[3], [7]]])


def test_window_that_misses_the_image():
    """Dilation can put every tap into the padding: the maximum of nothing, and no gradient."""
    x = np.array([[[1.0], [2.0]]], np.float32)  # (1, 2, 1): taps at -1 and 2
    x = tg.from_numpy(x).requires_grad_()
    out, indices = F.max_pool2d(x, (2, 1), padding=(1, 0), dilation=(3, 1), return_indices=True)
    assert out.array == -np.inf and indices.array == -1
    out.sum().backward()
    np.testing.assert_array_equal(x.grad.array, np.zeros((1, 2, 1)))


def test_output_is_channels_last():
    x = tg.from_numpy(np.ones((2, 3, 6, 8), np.float32))
    for out in (F.max_pool2d(x, 2), F.avg_pool2d(x, 2)):
        assert out.shape == (2, 3, 3, 4)
        assert out.stride() == (36, 1, 12, 3)


ERRORS = [
    ({"kernel_size": 0}, ValueError, "kernel_size must be at least 1"),
    ({"kernel_size": 2.0}, TypeError, "kernel_size must be an int or two ints"),
    ({"kernel_size": 2, "stride": 0}, ValueError, "stride must be at least 1"),
    ({"kernel_size": 3, "padding": 2}, ValueError, "padding must be at most half"),
    ({"kernel_size": 6}, ValueError, r"must fit into the padded image, got .*\(6, 6\) on \(4, 5\)"),
]


@pytest.mark.parametrize("function", [F.max_pool2d, F.avg_pool2d])
@pytest.mark.parametrize("arguments, error, message", ERRORS)
def test_errors(function, arguments, error, message):
    with pytest.raises(error, match=f"{function.__name__}: .*{message}"):
        function(tg.from_numpy(np.ones((1, 4, 5))), **arguments)


def test_errors_of_input():
    with pytest.raises(ValueError, match=r"max_pool2d: input must be \(N, C, H, W\)"):
        F.max_pool2d(tg.from_numpy(np.ones((4, 4))), 2)
    with pytest.raises(TypeError, match="avg_pool2d: input must be a float tensor"):
        F.avg_pool2d(tg.from_numpy(np.ones((1, 4, 4), np.int64)), 2)
    with pytest.raises(ValueError, match="avg_pool2d: divisor_override must not be 0"):
        F.avg_pool2d(tg.from_numpy(np.ones((1, 4, 4))), 2, divisor_override=0)


@pytest.mark.parity
@pytest.mark.parametrize("channels_last", [False, True])
def test_parity_over_combinations(channels_last):
    torch = pytest.importorskip("torch")
    layout = LAYOUTS["channels_last" if channels_last else "contiguous"]
    x = layout(np.random.default_rng(0).integers(-3, 4, (2, 5, 7, 9)).astype(np.float32))
    for kernel, stride, ceil_mode in itertools.product(
        [1, 2, (3, 2)], [None, 1, (2, 3)], [False, True]
    ):
        for padding, dilation in itertools.product([0, (1, 0)], [1, 2]):
            if padding and kernel == 1:
                continue
            peer = torch.from_numpy(x).requires_grad_()
            window = kernel, stride, padding, dilation, ceil_mode
            out, indices = torch.nn.functional.max_pool2d(peer, *window, return_indices=True)
            ours, grad, grad_output = gradient(F.max_pool2d, x, *window)
            out.backward(torch.from_numpy(grad_output))
            np.testing.assert_array_equal(ours, out.detach().numpy())
            np.testing.assert_array_equal(grad, peer.grad.numpy())
            _, found = F.max_pool2d(tg.from_numpy(x), *window, return_indices=True)
            np.testing.assert_array_equal(found.array, indices.numpy())
        for padding, include, divisor in itertools.product([0, (1, 0)], [False, True], [None, 3]):
            if padding and kernel == 1:
                continue
            peer = torch.from_numpy(x).requires_grad_()
            window = kernel, stride, padding, ceil_mode, include, divisor
            out = torch.nn.functional.avg_pool2d(peer, *window)
            ours, grad, grad_output = gradient(F.avg_pool2d, x, *window)
            out.backward(torch.from_numpy(grad_output))
            np.testing.assert_allclose(ours, out.detach().numpy(), rtol=1e-6, atol=1e-6)
            np.testing.assert_allclose(grad, peer.grad.numpy(), rtol=1e-6, atol=1e-6)
