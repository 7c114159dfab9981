"""nn.init: distributions, fans, gains, errors; nn.utils: clipping and vectors."""

import math

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.nn import init


@pytest.fixture(autouse=True)
def _seed():
    tg.manual_seed(0)


def drawn(fill, *args, shape=(200, 300), **kwargs):
    """A parameter as an initialiser fills it; it must come back itself, and unrecorded."""
    parameter = nn.Parameter(tg.zeros(*shape))
    assert fill(parameter, *args, **kwargs) is parameter
    assert parameter.is_leaf and parameter.requires_grad
    return parameter.detach().numpy()


@pytest.mark.parametrize(
    ("fill", "args", "low", "high"),
    [
        (init.uniform_, (), 0.0, 1.0),
        (init.uniform_, (-2.0, 3.0), -2.0, 3.0),
        (init.xavier_uniform_, (2.0,), -2 * math.sqrt(6 / 500), 2 * math.sqrt(6 / 500)),
        (init.kaiming_uniform_, (), -math.sqrt(6 / 300), math.sqrt(6 / 300)),
        (init.kaiming_uniform_, (math.sqrt(5),), -1 / math.sqrt(300), 1 / math.sqrt(300)),
        (init.kaiming_uniform_, (0, "fan_out", "relu"), -math.sqrt(6 / 200), math.sqrt(6 / 200)),
    ],
)
def test_uniform_family(fill, args, low, high):
    values = drawn(fill, *args)
    width = high - low
    assert low <= values.min() < low + 0.001 * width
    assert high - 0.001 * width < values.max() <= high
    counts, _ = np.histogram(values, 10, (low, high))
    assert np.abs(counts / 6000 - 1).max() < 0.06


@pytest.mark.parametrize(
    ("fill", "args", "mean", "std"),
    [
        (init.normal_, (), 0.0, 1.0),
        (init.normal_, (3.0, 0.5), 3.0, 0.5),
        (init.xavier_normal_, (2.0,), 0.0, 2 * math.sqrt(2 / 500)),
        (init.kaiming_normal_, (), 0.0, math.sqrt(2 / 300)),
        (init.kaiming_normal_, (0, "fan_out", "tanh"), 0.0, 5 / 3 / math.sqrt(200)),
    ],
)
def test_normal_family(fill, args, mean, std):
    values = (drawn(fill, *args) - mean) / std
    assert abs(values.mean()) < 0.02 and abs(values.std() - 1) < 0.01
    assert abs((np.abs(values) < 1).mean() - 0.6827) < 0.01


def test_trunc_normal():
    values = drawn(init.trunc_normal_, 1.0, 2.0, 0.0, 4.0)
    assert values.min() >= 0.0 and values.max() <= 4.0
    # P(N(1, 4) < 2, given it lies in [0, 4])
    phi = [0.5 * (1 + math.erf(z / math.sqrt(2))) for z in (-0.5, 0.5, 1.5)]
    assert abs((values < 2).mean() - (phi[1] - phi[0]) / (phi[2] - phi[0])) < 0.01
    with pytest.raises(ValueError, match="out of reach"):
        init.trunc_normal_(tg.ones(2), 0.0, 1.0, 20.0, 30.0)


def test_constants():
    assert (drawn(init.constant_, 2.5) == 2.5).all()
    assert (drawn(init.ones_) == 1).all() and (drawn(init.zeros_) == 0).all()
    assert np.array_equal(drawn(init.eye_, shape=(3, 4)), np.eye(3, 4, dtype=np.float32))
    with pytest.raises(ValueError, match="only matrices"):
        init.eye_(tg.ones(3))


@pytest.mark.parametrize("shape", [(6, 6), (4, 7), (7, 4), (5, 2, 3), (3, 4, 2)])
def test_orthogonal(shape):
    q = drawn(init.orthogonal_, 2.0, shape=shape).reshape(shape[0], -1) / 2.0
    gram = q @ q.T if q.shape[0] <= q.shape[1] else q.T @ q
    assert np.allclose(gram, np.eye(len(gram)), atol=1e-5)
    with pytest.raises(ValueError, match="at least 2 dimensions"):
        init.orthogonal_(tg.ones(3))


def test_same_seed_same_values():
    first = drawn(init.kaiming_normal_)
    tg.manual_seed(0)
    assert np.array_equal(first, drawn(init.kaiming_normal_))
    a = drawn(init.uniform_, generator=tg.Generator().manual_seed(5))
    b = drawn(init.uniform_, generator=tg.Generator().manual_seed(5))
    assert np.array_equal(a, b)


def test_gains_and_errors():
    assert init.calculate_gain("relu") == math.sqrt(2)
    assert init.calculate_gain("leaky_relu", 1.0) == 1.0
    with pytest.raises(ValueError, match="unsupported nonlinearity"):
        init.calculate_gain("sine")
    with pytest.raises(ValueError, match="must be a number"):
        init.calculate_gain("leaky_relu", "steep")
    with pytest.raises(ValueError, match="fan_in"):
        init.kaiming_uniform_(tg.ones(2, 2), mode="fan")
    with pytest.raises(ValueError, match="kaiming_normal_: .* at least 2 dimensions"):
        init.kaiming_normal_(tg.ones(2))


@pytest.mark.parity
def test_gains_equal_pytorch():
    torch = pytest.importorskip("torch")
    for name in ("linear", "conv2d", "sigmoid", "tanh", "relu", "selu"):
        assert init.calculate_gain(name) == pytest.approx(torch.nn.init.calculate_gain(name))
    assert init.calculate_gain("leaky_relu", 0.3) == pytest.approx(
        torch.nn.init.calculate_gain("leaky_relu", 0.3)
    )


def _with_gradients(*gradients):
    parameters = []
    for gradient in gradients:
        parameters.append(nn.Parameter(tg.zeros(*np.shape(gradient))))
        parameters[-1].grad = tg.tensor(gradient)
    return parameters


def test_clip_grad_norm():
    parameters = _with_gradients([3.0, 0.0], [[4.0]])
    assert nn.utils.clip_grad_norm_(parameters, 10.0).item() == 5.0
    assert parameters[0].grad.tolist() == [3.0, 0.0]
    nn.utils.clip_grad_norm_(parameters, 1.0)
    assert parameters[0].grad.tolist() == pytest.approx([0.6, 0.0])
    assert parameters[1].grad.item() == pytest.approx(0.8)
    assert nn.utils.clip_grad_norm_(parameters, 1.0, math.inf).item() == pytest.approx(0.8)
    assert nn.utils.clip_grad_norm_(nn.Parameter(tg.ones(1)), 1.0).item() == 0.0
    broken = _with_gradients([math.nan])
    with pytest.raises(RuntimeError, match="must be finite"):
        nn.utils.clip_grad_norm_(broken, 1.0, error_if_nonfinite=True)


def test_clip_grad_value():
    parameters = _with_gradients([3.0, -4.0, 0.5])
    nn.utils.clip_grad_value_(parameters, 1.0)
    assert parameters[0].grad.tolist() == [1.0, -1.0, 0.5]


def test_vector_round_trip():
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    vector = nn.utils.parameters_to_vector(model.parameters())
    assert vector.shape == (11,) and vector.requires_grad
    nn.utils.vector_to_parameters(vector.detach() * 2, model.parameters())
    again = nn.utils.parameters_to_vector(model.parameters())
    assert np.array_equal(again.detach().numpy(), 2 * vector.detach().numpy())
    with pytest.raises(ValueError, match=r"expected shape \(11,\)"):
        nn.utils.vector_to_parameters(tg.ones(10), model.parameters())
    with pytest.raises(TypeError, match="expected a Tensor"):
        nn.utils.vector_to_parameters([1.0], model.parameters())
