"""conv2d beyond its rows in specs_conv.py: sizes around the blocks of its kernels, storage of every
kind, levels, threads, errors, PyTorch over combinations of arguments.
"""

import itertools

import numpy as np
import pytest

import tinygrad_edu as tg
from specs_conv import conv2d_reference
from strategies import LAYOUTS
from tinygrad_edu import _C
from tinygrad_edu.nn import functional as F

# (input, weight, arguments): around the tile's height and width, a task's rows, a part's pixels;
# few channels, small maps with wide padding, groups thin and wide, depthwise around a register.
SIZES = [
    ((1, 8, 3, 3), (16, 8, 1, 1), {}),
    ((2, 16, 5, 7), (31, 16, 3, 3), {"padding": 1}),
    ((1, 17, 9, 14), (33, 17, 3, 2), {"stride": 2, "padding": (1, 0)}),
    ((3, 64, 7, 6), (32, 64, 3, 3), {"padding": 2, "dilation": 2}),
    ((14, 32, 3, 3), (48, 32, 3, 3), {"padding": 2}),
    ((17, 40, 2, 3), (15, 40, 3, 3), {"padding": 1}),
    ((5, 1, 28, 28), (32, 1, 3, 3), {}),
    ((2, 3, 33, 31), (17, 3, 7, 7), {"stride": 2, "padding": 3}),
    ((1, 7, 12, 12), (65, 7, 5, 5), {"padding": "same"}),
    ((12, 4, 15, 15), (9, 4, 1, 1), {"stride": 3}),
    ((2, 24, 6, 6), (48, 8, 3, 3), {"groups": 3, "padding": 1}),
    ((2, 36, 6, 6), (12, 9, 3, 3), {"groups": 4, "stride": (1, 2)}),
    ((2, 64, 9, 9), (64, 1, 3, 3), {"groups": 64, "padding": 1}),
    ((3, 19, 7, 8), (19, 1, 2, 3), {"groups": 19, "stride": 2, "dilation": (2, 1)}),
    ((2, 5, 6, 6), (15, 1, 3, 3), {"groups": 5}),
    ((70, 9, 8, 8), (10, 9, 3, 3), {"padding": 1}),
]


def operands(shape, weight_shape, dtype=np.float64, seed=0):
    """x, weight and bias of small integers: every sum is exact, in any order, in float32 too."""
    rng = np.random.default_rng(seed)
    shapes = shape, weight_shape, weight_shape[:1]
    return [rng.integers(-3, 4, size).astype(dtype) for size in shapes]


def values_and_gradients(x, weight, bias, arguments, grad_output=None):
    tensors = [tg.from_numpy(a).requires_grad_() for a in (x, weight, bias)]
    out = F.conv2d(*tensors, **arguments)
    if grad_output is None:
        rng = np.random.default_rng(1)
        grad_output = rng.integers(-3, 4, out.shape).astype(x.dtype)
    out.backward(tg.from_numpy(grad_output))
    return [out.detach().array, *(t.grad.array for t in tensors)], grad_output


def reference_gradients(x, weight, arguments, grad_output):
    """From the definition: the convolution is linear in each operand."""
    grads = []
    for which, operand in enumerate((x, weight)):
        grad = np.zeros(operand.shape)
        for index in np.ndindex(*operand.shape):
            unit = np.zeros(operand.shape)
            unit[index] = 1
            pair = (unit, weight) if which == 0 else (x, unit)
            grad[index] = (conv2d_reference(*pair, **arguments) * grad_output).sum()
        grads.append(grad)
    return grads


def around(size):
    return [size - 1, size, size + 1]


CONSTANTS = _C.constants()
BLOCKS = [  # N, C_in, C_out, W: one size near a block's, the others small
    *((1, 9, columns, 5) for columns in around(CONSTANTS["tile_columns"])),
    *((1, 9, 5, rows) for rows in around(CONSTANTS["tile_rows"])),
    *((2, channels, 6, 7) for channels in around(CONSTANTS["conv_few_channels"])),
    *((1, 9, 5, pixels) for pixels in around(CONSTANTS["conv_part_pixels"])),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n, c_in, c_out, width", BLOCKS)
def test_sizes_around_the_blocks(level, dtype, n, c_in, c_out, width):
    """A 1x1 convolution is a product of matrices, and so are its gradients."""
    x, weight, bias = operands((n, c_in, 1, width), (c_out, c_in, 1, 1), dtype)
    (out, *grads), grad_output = values_and_gradients(x, weight, bias, {})
    matrix = weight[:, :, 0, 0]
    expected = np.einsum("nchw,oc->nohw", x, matrix) + bias[:, None, None]
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(grads[0], np.einsum("nohw,oc->nchw", grad_output, matrix))
    grad_weight = np.einsum("nohw,nchw->oc", grad_output, x)
    np.testing.assert_array_equal(grads[1][:, :, 0, 0], grad_weight)
    np.testing.assert_array_equal(grads[2], grad_output.sum((0, 2, 3)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape, weight_shape, arguments", SIZES)
def test_values(level, dtype, shape, weight_shape, arguments):
    x, weight, bias = operands(shape, weight_shape, dtype)
    expected = conv2d_reference(x, weight, bias, **arguments)
    for layout in LAYOUTS.values():
        out = F.conv2d(*(tg.from_numpy(layout(a)) for a in (x, weight, bias)), **arguments)
        np.testing.assert_array_equal(out.array, expected)
        assert out.dtype == dtype


@pytest.mark.parametrize("shape, weight_shape, arguments", SIZES)
def test_gradients_in_any_storage(level, shape, weight_shape, arguments):
    """The same gradients whatever the storage of input, weight and grad_output; and the input's
    and the weight's are adjoint to the forward pass, exactly.
    """
    x, weight, bias = operands(shape, weight_shape)
    (out, *grads), grad_output = values_and_gradients(x, weight, bias, arguments)
    without_bias = out - bias[:, None, None]
    assert (grads[0] * x).sum() == (grads[1] * weight).sum() == (without_bias * grad_output).sum()
    np.testing.assert_array_equal(grads[2], grad_output.sum((0, 2, 3)))
    single = [a.astype(np.float32) for a in (x, weight, bias)]
    for layout in LAYOUTS.values():
        again, _ = values_and_gradients(
            *map(layout, single), arguments, layout(grad_output.astype(np.float32))
        )
        for got, expected in zip(again, [out, *grads], strict=True):
            np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(
    "shape, weight_shape, arguments",
    [
        ((2, 2, 4, 3), (4, 1, 2, 2), {"groups": 2, "stride": (2, 1), "padding": (1, 2)}),
        ((1, 9, 4, 4), (2, 9, 3, 2), {"stride": 3, "padding": 2, "dilation": (1, 2)}),
        ((8, 8, 2, 2), (3, 8, 3, 3), {"padding": 1}),
        ((1, 4, 5, 4), (4, 1, 3, 3), {"groups": 4, "padding": 1, "stride": 2}),
    ],
)
def test_gradients_from_the_definition(level, shape, weight_shape, arguments):
    x, weight, bias = operands(shape, weight_shape)
    (_, grad_x, grad_weight, _), grad_output = values_and_gradients(x, weight, bias, arguments)
    for got, expected in zip(
        (grad_x, grad_weight), reference_gradients(x, weight, arguments, grad_output), strict=True
    ):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("shape, weight_shape, arguments", SIZES)
def test_same_bits_for_any_number_of_threads(threads, level, shape, weight_shape, arguments):
    rng = np.random.default_rng(0)
    x, weight = (rng.normal(size=s).astype(np.float32) for s in (shape, weight_shape))
    grad_output = None
    results = []
    for n in (1, 2, 3):
        threads(n)
        result, grad_output = values_and_gradients(
            x, weight, weight[:, 0, 0, 0], arguments, grad_output
        )
        results.append(result)
    for again in results[1:]:
        for got, expected in zip(again, results[0], strict=True):
            np.testing.assert_array_equal(got, expected)


def test_output_is_channels_last():
    x, weight, bias = map(tg.from_numpy, operands((2, 3, 6, 5), (4, 3, 3, 3)))
    out = F.conv2d(x, weight, bias)
    assert out.shape == (2, 4, 4, 3)
    assert out.stride() == (48, 1, 12, 4)


def test_relu_in_the_kernel(level):
    x, weight, bias = operands((2, 9, 6, 7), (35, 9, 3, 3), np.float32)
    expected = np.maximum(conv2d_reference(x, weight, bias), 0)
    out = np.empty((2, 4, 5, 35), np.float32).transpose(0, 3, 1, 2)
    _C.conv2d(x, weight, bias, out, 1, 1, 0, 0, 1, 1, 1, True)
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize(
    "shape, weight_shape", [((0, 3, 5, 5), (2, 3, 3, 3)), ((2, 0, 5, 5), (2, 0, 3, 3))]
)
def test_nothing_to_sum(shape, weight_shape):
    (out, grad_x, grad_weight, grad_bias), grad_output = values_and_gradients(
        *operands(shape, weight_shape), {"padding": 1}
    )
    bias = operands(shape, weight_shape)[2]
    np.testing.assert_array_equal(out, np.broadcast_to(bias[:, None, None], out.shape))
    assert grad_x.shape == shape
    np.testing.assert_array_equal(grad_weight, np.zeros(weight_shape))
    np.testing.assert_array_equal(grad_bias, grad_output.sum((0, 2, 3)))


def test_memory_beside_the_arrays_is_left_alone(level):
    """Kernels write, and count, only what is theirs: the rest of the storage is NaN."""
    x, weight, bias = operands((3, 13, 7, 6), (21, 13, 3, 3), np.float32)
    larger = np.full((3, 7, 6, 40), np.nan, np.float32)
    inside = larger[..., 11:24].transpose(0, 3, 1, 2)
    inside[...] = x
    (expected, *grads), grad_output = values_and_gradients(x, weight, bias, {})
    room = np.full((3, 5, 4, 50), np.nan, np.float32)
    out = room[..., 7:28].transpose(0, 3, 1, 2)
    window = 1, 1, 0, 0, 1, 1, 1
    _C.conv2d(inside, weight, bias, out, *window, False)
    np.testing.assert_array_equal(out, expected)
    assert np.isnan(room[..., :7]).all() and np.isnan(room[..., 28:]).all()
    out[...] = grad_output
    grad_weight = np.empty_like(weight)
    _C.conv2d_weight(inside, out, grad_weight, *window)
    np.testing.assert_array_equal(grad_weight, grads[1])
    _C.conv2d_input(out, weight, inside, *window)
    np.testing.assert_array_equal(inside, grads[0])
    assert np.isnan(larger[..., :11]).all() and np.isnan(larger[..., 24:]).all()


ERRORS = [
    (((3, 4), (1, 1, 1, 1)), {}, ValueError, r"input must be \(N, C, H, W\) or \(C, H, W\)"),
    (((1, 3, 5, 5), (4, 3, 3)), {}, ValueError, "weight must be"),
    (((1, 3, 5, 5), (4, 2, 3, 3)), {}, ValueError, "input channels must be"),
    (((1, 4, 5, 5), (3, 2, 3, 3)), {"groups": 2}, ValueError, "divisible by groups"),
    (((1, 3, 5, 5), (4, 3, 3, 3)), {"groups": 0}, ValueError, "groups must be positive"),
    (((1, 3, 5, 5), (4, 3, 3, 3)), {"groups": 1.0}, TypeError, "groups must be an int"),
    (((1, 3, 2, 5), (4, 3, 3, 3)), {}, ValueError, r"must fit into the padded image.*\(3, 3\)"),
    (((1, 3, 5, 5), (4, 3, 3, 3)), {"dilation": 3}, ValueError, "must fit"),
    (((1, 3, 5, 5), (4, 3, 3, 3)), {"stride": 0}, ValueError, "stride must be at least 1"),
    (((1, 3, 5, 5), (4, 3, 3, 3)), {"stride": 1.5}, TypeError, "stride must be an int or two"),
    (((1, 3, 5, 5), (4, 3, 3, 3)), {"padding": -1}, ValueError, "padding must be at least 0"),
    (((1, 3, 5, 5), (4, 3, 3, 3)), {"padding": (1, 2, 3)}, ValueError, "an int or two ints"),
    (((1, 3, 5, 5), (4, 3, 3, 3)), {"padding": "full"}, ValueError, "padding must be"),
    (((1, 3, 5, 5), (4, 3, 3, 3)), {"padding": "same", "stride": 2}, ValueError, "needs stride 1"),
]


@pytest.mark.parametrize("shapes, arguments, error, message", ERRORS)
def test_errors(shapes, arguments, error, message):
    x, weight = (tg.from_numpy(np.ones(shape, np.float32)) for shape in shapes)
    with pytest.raises(error, match=f"conv2d: .*{message}"):
        F.conv2d(x, weight, **arguments)


def test_errors_of_dtype_and_bias():
    x, weight = (tg.from_numpy(np.ones((1, 1, 3, 3), np.float32)) for _ in range(2))
    with pytest.raises(TypeError, match="conv2d: input must be a Tensor, got ndarray"):
        F.conv2d(x.array, weight)
    with pytest.raises(TypeError, match="conv2d: input must be a float tensor, got int64"):
        F.conv2d(tg.from_numpy(np.ones((1, 1, 3, 3), np.int64)), weight)
    with pytest.raises(TypeError, match="conv2d: all tensors must have one dtype"):
        F.conv2d(x, tg.from_numpy(np.ones((1, 1, 3, 3))))
    with pytest.raises(ValueError, match="conv2d: bias must have one element per output channel"):
        F.conv2d(x, weight, tg.from_numpy(np.ones(2, np.float32)))


COMBINATIONS = [
    (N, groups, C, C_out, kernel, stride, padding, dilation)
    for (N, groups), (C, C_out), kernel, (stride, padding, dilation) in itertools.product(
        [(2, 1), (16, 1), (2, 2)],
        [(1, 5), (3, 16), (16, 9)],
        [(1, 1), (3, 3), (2, 5)],
        [(1, 0, 1), (1, 1, 1), (2, (0, 2), 1), ((3, 1), 3, (2, 1))],
    )
]


@pytest.mark.parity
@pytest.mark.parametrize("channels_last", [False, True])
def test_parity_over_combinations(channels_last):
    torch = pytest.importorskip("torch")
    layout = LAYOUTS["channels_last" if channels_last else "contiguous"]
    for N, groups, C, C_out, kernel, stride, padding, dilation in COMBINATIONS:
        arguments = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        arrays = operands((N, groups * C, 7, 8), (groups * C_out, C, *kernel), np.float32)
        peers = [torch.from_numpy(layout(a)).requires_grad_() for a in arrays]
        peer = torch.nn.functional.conv2d(*peers, **arguments)
        ours, grad_output = values_and_gradients(*map(layout, arrays), arguments)
        peer.backward(torch.from_numpy(grad_output))
        theirs = [peer.detach(), *(p.grad for p in peers)]
        for got, expected in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(got, expected.numpy(), rtol=1e-5, atol=1e-4)
