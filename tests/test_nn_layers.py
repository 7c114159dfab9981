"""Layers, activations and losses: the same state, printed form and output as PyTorch's."""

import math

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn

# (class, arguments, keyword arguments, shape of the input); the class's name is PyTorch's.
LAYERS = [
    ("Linear", (5, 3), {}, (4, 5)),
    ("Linear", (5, 3), {"bias": False}, (2, 4, 5)),
    ("Identity", (54,), {"unused": 1}, (2, 3)),
    ("Flatten", (), {}, (2, 3, 4, 5)),
    ("Flatten", (0, 1), {}, (2, 3, 4)),
    ("Unflatten", (1, (2, 3)), {}, (4, 6)),
    ("Conv2d", (4, 6, 3), {}, (2, 4, 9, 8)),
    ("Conv2d", (4, 6, (3, 2)), {"stride": (2, 1), "padding": (1, 0)}, (2, 4, 9, 8)),
    ("Conv2d", (4, 6, 3), {"padding": 2, "dilation": 2, "groups": 2}, (2, 4, 9, 8)),
    ("Conv2d", (4, 6, 3), {"padding": "same", "bias": False}, (1, 4, 7, 8)),
    ("Conv2d", (4, 6, (4, 3)), {"padding": "same", "padding_mode": "reflect"}, (1, 4, 7, 8)),
    ("Conv2d", (4, 6, 3), {"padding": 1, "padding_mode": "circular"}, (1, 4, 7, 8)),
    ("Conv2d", (4, 6, 3), {"padding": (2, 1), "padding_mode": "replicate"}, (1, 4, 7, 8)),
    ("Conv2d", (4, 6, 3), {"padding": "valid", "padding_mode": "replicate"}, (1, 4, 7, 8)),
    ("MaxPool2d", (2,), {}, (2, 3, 7, 8)),
    ("MaxPool2d", ((3, 2),), {"stride": 2, "padding": 1, "ceil_mode": True}, (2, 3, 7, 8)),
    ("MaxPool2d", (2,), {"dilation": 2, "stride": 1}, (2, 3, 7, 8)),
    ("AvgPool2d", (2,), {}, (2, 3, 7, 8)),
    ("AvgPool2d", (3,), {"stride": 2, "padding": 1, "count_include_pad": False}, (2, 3, 7, 8)),
    ("AvgPool2d", ((2, 3),), {"ceil_mode": True, "divisor_override": 5}, (2, 3, 7, 8)),
    ("LayerNorm", (5,), {}, (4, 5)),
    ("LayerNorm", ((3, 5),), {"eps": 1e-3, "bias": False}, (4, 3, 5)),
    ("LayerNorm", (5,), {"elementwise_affine": False}, (4, 5)),
    ("BatchNorm1d", (5,), {}, (4, 5)),
    ("BatchNorm1d", (5,), {"momentum": None}, (4, 5, 3)),
    ("BatchNorm1d", (5,), {"affine": False, "track_running_stats": False}, (4, 5)),
    ("BatchNorm2d", (3,), {"eps": 1e-3, "momentum": 0.3}, (4, 3, 5, 2)),
    ("BatchNorm2d", (3,), {"bias": False}, (4, 3, 5, 2)),
    ("ReLU", (), {}, (3, 4)),
    ("ReLU", (True,), {}, (3, 4)),
    ("LeakyReLU", (), {}, (3, 4)),
    ("LeakyReLU", (0.2, True), {}, (3, 4)),
    ("ELU", (), {}, (3, 4)),
    ("ELU", (0.5,), {"inplace": True}, (3, 4)),
    ("SELU", (), {}, (3, 4)),
    ("CELU", (0.5,), {}, (3, 4)),
    ("SiLU", (), {}, (3, 4)),
    ("GELU", (), {}, (3, 4)),
    ("GELU", ("tanh",), {}, (3, 4)),
    ("Softplus", (), {}, (3, 4)),
    ("Softplus", (3.0,), {"threshold": 1.0}, (3, 4)),
    ("Mish", (), {}, (3, 4)),
    ("Hardtanh", (), {}, (3, 4)),
    ("Hardtanh", (-0.3, 0.4), {}, (3, 4)),
    ("Hardswish", (), {}, (3, 4)),
    ("Hardsigmoid", (), {}, (3, 4)),
    ("ReLU6", (), {}, (3, 4)),
    ("ReLU6", (True,), {}, (3, 4)),
    ("LogSigmoid", (), {}, (3, 4)),
    ("Softsign", (), {}, (3, 4)),
    ("Threshold", (0.1, -2.0), {}, (3, 4)),
    ("Threshold", (0.1, -2.0, True), {}, (3, 4)),
    ("Softshrink", (0.3,), {}, (3, 4)),
    ("Hardshrink", (), {}, (3, 4)),
    ("Tanhshrink", (), {}, (3, 4)),
    ("PReLU", (), {}, (3, 4)),
    ("PReLU", (3, 0.1), {}, (2, 3, 4, 5)),
    ("GLU", (1,), {}, (3, 4)),
    ("Softmin", (1,), {}, (3, 4)),
    ("Tanh", (), {}, (3, 4)),
    ("Sigmoid", (), {}, (3, 4)),
    ("Softmax", (1,), {}, (3, 4)),
    ("Softmax", (), {"dim": 0}, (3, 4)),
    ("LogSoftmax", (-1,), {}, (3, 4)),
    ("Dropout", (), {}, (3, 4)),
    ("Dropout", (0.2, True), {}, (3, 4)),
]
IDS = [f"{name}-{i}" for i, (name, *_) in enumerate(LAYERS)]


def _pair(torch, name, args, kwargs):
    """Our layer and PyTorch's in float64, with the same random state, in evaluation mode for
    Dropout (whose masks differ) and in training mode else."""
    theirs = getattr(torch.nn, name)(*args, **kwargs).double()
    ours = getattr(nn, name)(*args, **kwargs).double()
    state = theirs.state_dict()
    assert list(ours.state_dict()) == list(state)
    assert {k: tuple(v.shape) for k, v in ours.state_dict().items()} == {
        k: tuple(v.shape) for k, v in state.items()
    }
    ours.load_state_dict({k: tg.tensor(v.numpy()) for k, v in state.items()})
    if name == "Dropout":
        ours.eval(), theirs.eval()
    return ours, theirs


@pytest.mark.parity
@pytest.mark.parametrize(("name", "args", "kwargs", "shape"), LAYERS, ids=IDS)
def test_layer_equals_pytorch(name, args, kwargs, shape):
    torch = pytest.importorskip("torch")
    ours, theirs = _pair(torch, name, args, kwargs)
    assert repr(ours) == repr(theirs)
    rng = np.random.default_rng(0)
    values = rng.standard_normal(shape)
    for mode in (True, False) if "Norm" in name else (ours.training,):
        ours.train(mode), theirs.train(mode)
        x = tg.tensor(values, requires_grad=True)
        y = torch.tensor(values, requires_grad=True)
        out, wanted = ours(x * 1), theirs(y * 1)  # times 1: an in-place layer may not touch a leaf
        np.testing.assert_allclose(out.detach().numpy(), wanted.detach().numpy(), 1e-9, 1e-11)
        cotangent = rng.standard_normal(tuple(wanted.shape))
        out.backward(tg.tensor(cotangent))
        wanted.backward(torch.tensor(cotangent))
        np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy(), 1e-7, 1e-9)
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            np.testing.assert_allclose(mine.grad.numpy(), other.grad.numpy(), 1e-8, 1e-10)
        for mine, other in zip(ours.buffers(), theirs.buffers(), strict=True):
            np.testing.assert_allclose(mine.numpy(), other.numpy(), 1e-9)


@pytest.mark.parametrize(("name", "args", "kwargs", "shape"), LAYERS, ids=IDS)
def test_layer_runs_and_differentiates(name, args, kwargs, shape):
    tg.manual_seed(0)
    layer = getattr(nn, name)(*args, **kwargs)
    x = tg.randn(*shape, requires_grad=True)
    out = layer(x * 1)
    assert out.dtype == tg.float32
    out.sum().backward()
    assert x.grad.shape == x.shape
    assert all(parameter.grad.shape == parameter.shape for parameter in layer.parameters())


LOSSES = [
    ("MSELoss", {}, "values"),
    ("L1Loss", {}, "values"),
    ("SmoothL1Loss", {"beta": 0.4}, "values"),
    ("SmoothL1Loss", {"beta": 0.0}, "values"),
    ("HuberLoss", {"delta": 0.4}, "values"),
    ("CrossEntropyLoss", {}, "classes"),
    ("CrossEntropyLoss", {"label_smoothing": 0.1, "ignore_index": 1}, "classes"),
    ("CrossEntropyLoss", {"weight": [0.2, 0.3, 0.5, 1.0]}, "classes"),
    ("CrossEntropyLoss", {"label_smoothing": 0.1, "weight": [0.2, 0.3, 0.5, 1.0]}, "classes"),
    ("NLLLoss", {}, "classes"),
    ("NLLLoss", {"weight": [0.2, 0.3, 0.5, 1.0], "ignore_index": 1}, "classes"),
    ("BCELoss", {}, "probabilities"),
    ("BCELoss", {"weight": [0.2, 0.3, 0.5, 1.0]}, "probabilities"),
    ("BCEWithLogitsLoss", {}, "probabilities"),
    ("BCEWithLogitsLoss", {"pos_weight": [0.2, 0.3, 0.5, 1.0]}, "probabilities"),
]


@pytest.mark.parity
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(
    ("name", "options", "kind"), LOSSES, ids=[f"{n}-{i}" for i, (n, *_) in enumerate(LOSSES)]
)
def test_loss_equals_pytorch(name, options, kind, reduction):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    values, targets = rng.standard_normal((6, 4)), rng.standard_normal((6, 4))
    if kind == "classes":
        targets = np.array([0, 1, 2, 3, 1, 0])
    elif kind == "probabilities":
        targets = rng.random((6, 4))
        values = rng.random((6, 4)) if name == "BCELoss" else values

    def loss_and_gradient(library, classes):
        convert = {
            k: library.tensor(v, dtype=library.float64) if isinstance(v, list) else v
            for k, v in options.items()
        }
        loss = getattr(classes, name)(reduction=reduction, **convert)
        x = library.tensor(values, requires_grad=True)
        out = loss(x, library.tensor(targets))
        out.sum().backward()
        return repr(loss), list(loss.state_dict()), out.detach().numpy(), x.grad.numpy()

    ours, theirs = loss_and_gradient(tg, nn), loss_and_gradient(torch, torch.nn)
    assert ours[:2] == theirs[:2]
    np.testing.assert_allclose(ours[2], theirs[2], 1e-9, 1e-12)
    np.testing.assert_allclose(ours[3], theirs[3], 1e-9, 1e-12)


@pytest.mark.parity
def test_embedding_equals_pytorch():
    torch = pytest.importorskip("torch")
    ours, theirs = _pair(torch, "Embedding", (7, 3), {"padding_idx": -2})
    assert repr(ours) == repr(theirs) == "Embedding(7, 3, padding_idx=5)"
    indices = np.array([[0, 5, 1], [1, 1, 6]])
    out, wanted = ours(tg.tensor(indices)), theirs(torch.tensor(indices))
    np.testing.assert_allclose(out.detach().numpy(), wanted.detach().numpy())
    (out * out).sum().backward()
    (wanted * wanted).sum().backward()
    np.testing.assert_allclose(ours.weight.grad.numpy(), theirs.weight.grad.numpy(), 1e-12)


def test_embedding():
    layer = nn.Embedding(6, 2, padding_idx=-1)
    assert layer.padding_idx == 5 and layer.weight[5].tolist() == [0.0, 0.0]
    table = tg.randn(4, 3)
    frozen = nn.Embedding.from_pretrained(table)
    assert not frozen.weight.requires_grad
    assert frozen(tg.tensor([2])).tolist() == table[2:3].tolist()
    with pytest.raises(IndexError, match="padding_idx"):
        nn.Embedding(4, 2, padding_idx=4)
    with pytest.raises(ValueError, match="2 dimensions"):
        nn.Embedding.from_pretrained(tg.ones(3))


@pytest.mark.parametrize(
    ("layer", "fan_in"),
    [
        (lambda: nn.Linear(300, 200), 300),
        (lambda: nn.Conv2d(16, 40, (3, 5)), 240),
        (lambda: nn.Conv2d(16, 40, 3, groups=4), 36),
    ],
)
def test_default_initialisation(layer, fan_in):
    tg.manual_seed(3)
    made, bound = layer(), 1 / math.sqrt(fan_in)
    for parameter in made.parameters():
        values = parameter.detach().numpy()
        assert np.abs(values).max() <= bound
        assert np.abs(values).max() > 0.9 * bound
        assert abs(values.mean()) < 4 * bound / math.sqrt(3 * values.size)
    weight = made.weight.detach().numpy()
    assert abs(weight.std() / (bound / math.sqrt(3)) - 1) < 0.05
    tg.manual_seed(3)
    assert np.array_equal(layer().weight.detach().numpy(), weight)


def test_dtype_argument():
    for layer in (
        nn.Linear(2, 2, dtype=tg.float64),
        nn.Conv2d(1, 1, 1, dtype=tg.float64),
        nn.LayerNorm(2, dtype=tg.float64),
        nn.BatchNorm1d(2, dtype=tg.float64),
        nn.Embedding(2, 2, dtype=tg.float64),
    ):
        assert all(parameter.dtype == tg.float64 for parameter in layer.parameters())
    assert nn.BatchNorm1d(2, dtype=tg.float64).running_var.dtype == tg.float64


def test_batch_norm_statistics():
    layer = nn.BatchNorm2d(2, momentum=0.5)
    x = tg.randn(8, 2, 3, 3) * 2 + 1
    layer(x)
    values = x.numpy().transpose(1, 0, 2, 3).reshape(2, -1)
    np.testing.assert_allclose(layer.running_mean.numpy(), values.mean(1) / 2, 1e-5, 1e-6)
    np.testing.assert_allclose(
        layer.running_var.numpy(), 0.5 + values.var(1, ddof=1) / 2, 1e-5, 1e-6
    )
    assert layer.num_batches_tracked.item() == 1
    before = layer.running_mean.tolist()
    layer.eval()(x)
    assert layer.running_mean.tolist() == before and layer.num_batches_tracked.item() == 1
    layer.reset_running_stats()
    assert layer.running_mean.tolist() == [0.0, 0.0] and layer.running_var.tolist() == [1.0, 1.0]


def test_dropout_modes():
    tg.manual_seed(0)
    layer, x = nn.Dropout(0.25), tg.ones(200, 200)
    out = layer(x).numpy()
    assert set(np.unique(out)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs((out == 0).mean() - 0.25) < 0.01
    assert np.array_equal(layer.eval()(x).numpy(), x.numpy())


def test_max_pool_returns_indices():
    x = tg.tensor([[[[1.0, 5.0], [2.0, 3.0]]]])
    out, indices = nn.MaxPool2d(2, return_indices=True)(x)
    assert out.item() == 5.0 and indices.item() == 1


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: nn.Conv2d(3, 4, 3, groups=2), ValueError, "divisible by groups"),
        (lambda: nn.Conv2d(2, 2, 3, groups=0), ValueError, "groups must be positive"),
        (lambda: nn.Conv2d(2, 2, 3, padding="half"), ValueError, "'same', 'valid'"),
        (lambda: nn.Conv2d(2, 2, 3, padding="same", stride=2), ValueError, "stride 1"),
        (lambda: nn.Conv2d(2, 2, 3, padding_mode="mirror"), ValueError, "padding_mode"),
        (lambda: nn.Dropout(1.5), ValueError, "probability"),
        (lambda: nn.Hardtanh(1.0, -1.0), ValueError, "min_val must be below"),
        (lambda: nn.Unflatten("name", (1, 2)), TypeError, "dim must be an int"),
        (lambda: nn.Unflatten(1, 4), TypeError, "tuple of ints"),
        (lambda: nn.MSELoss("average"), ValueError, "'mean', 'sum' or 'none'"),
        (lambda: nn.BatchNorm1d(2)(tg.ones(1, 2, 3, 4)), ValueError, r"\(N, C, L\)"),
        (lambda: nn.BatchNorm2d(2)(tg.ones(1, 2)), ValueError, r"\(N, C, H, W\)"),
        (lambda: nn.Linear(3, 2)(tg.ones(1, 4)), ValueError, "3"),
        (lambda: nn.Conv2d(3, 2, 3)(tg.ones(1, 4, 8, 8)), ValueError, "channels"),
    ],
)
def test_errors(make, error, words):
    with pytest.raises(error, match=words):
        make()
