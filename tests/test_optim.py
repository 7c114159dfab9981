"""Optimisers: trajectories against formulas and PyTorch, layouts, state, errors; schedules."""

import copy
import math

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import _C
from tinygrad_edu.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, OneCycleLR, StepLR

SETTINGS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.1, "maximize": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("Adam", {"lr": 0.1}),
    ("Adam", {"lr": 0.1, "betas": (0.5, 0.8), "eps": 1e-3, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.1, "amsgrad": True, "maximize": True}),
    ("AdamW", {"lr": 0.1}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.3, "amsgrad": True}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.3, "maximize": True}),
]
CHUNK, SERIAL = (_C.constants()[f"optim_{name}"] for name in ("chunk", "serial"))
AROUND = [size + d for size in (CHUNK, SERIAL) for d in (-1, 0, 1)]
SIZES = [0, 1, 15, 16, 17, 1000, *AROUND, 3 * CHUNK + 5]


def gradient(parameter, step, index):
    """Some gradient that depends on the parameter, the step and the parameter's place."""
    return np.cos(3 * parameter + step) + 0.1 * index


def parameters(dtype=tg.float64, sizes=((3, 4), (), (5,))):
    rng = np.random.default_rng(0)
    return [tg.tensor(rng.standard_normal(size), dtype=dtype, requires_grad=True) for size in sizes]


def run(optimizer, params, steps, first=0):
    for step in range(first, first + steps):
        for i, p in enumerate(params):
            p.grad = tg.tensor(gradient(p.numpy(force=True), step, i), dtype=p.dtype)
        optimizer.step()
    return [p.numpy(force=True).copy() for p in params]


def formula(name, p, steps, index, settings):
    """The papers' algorithms, typed plainly."""
    s = {"weight_decay": 0.01 if name == "AdamW" else 0.0, "eps": 1e-8, "betas": (0.9, 0.999)}
    s |= {"momentum": 0.0, "dampening": 0.0, "nesterov": False, "amsgrad": False} | settings
    lr, decay, (beta1, beta2) = s["lr"], s["weight_decay"], s["betas"]
    buffer = m = v = largest = 0.0
    for step in range(steps):
        g = gradient(p, step, index) * (-1 if s.get("maximize") else 1)
        if name == "AdamW":
            p = p * (1 - lr * decay)
        else:
            g = g + decay * p
        if name == "SGD":
            buffer = s["momentum"] * buffer + (1 - s["dampening"]) * g if step else g
            p = p - lr * (g + s["momentum"] * buffer if s["nesterov"] else buffer)
            if s["momentum"] == 0:
                buffer = 0.0
            continue
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        largest = np.maximum(largest, v)
        root = np.sqrt(largest if s["amsgrad"] else v) / math.sqrt(1 - beta2 ** (step + 1))
        p = p - lr / (1 - beta1 ** (step + 1)) * m / (root + s["eps"])
    return p


@pytest.mark.parametrize(("name", "settings"), SETTINGS)
def test_trajectories_follow_the_formulas(level, name, settings):
    params = parameters()
    expected = [formula(name, p.numpy(force=True), 25, i, settings) for i, p in enumerate(params)]
    got = run(getattr(tg.optim, name)(params, **settings), params, 25)
    for one, two in zip(got, expected, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-9, atol=1e-12)


@pytest.mark.parity
@pytest.mark.parametrize(("name", "settings"), SETTINGS)
def test_trajectories_are_those_of_pytorch(name, settings):
    torch = pytest.importorskip("torch")
    params = parameters()
    theirs = [torch.tensor(p.numpy(force=True), requires_grad=True) for p in params]
    optimizer = getattr(torch.optim, name)(theirs, **settings)
    got = run(getattr(tg.optim, name)(params, **settings), params, 25)
    for step in range(25):
        for i, p in enumerate(theirs):
            p.grad = torch.tensor(gradient(p.detach().numpy(), step, i), dtype=torch.float64)
        optimizer.step()
    for one, two in zip(got, theirs, strict=True):
        np.testing.assert_allclose(one, two.detach().numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("name", "settings"), [SETTINGS[3], SETTINGS[9]])
@pytest.mark.parametrize("size", SIZES)
def test_block_sizes_and_threads(level, name, settings, size):
    """A parameter of this size beside small ones steps the same alone, together and on threads."""
    results = []
    before = _C.num_threads()
    for threads in (1, 2):
        _C.set_num_threads(threads)
        params = parameters(tg.float32, ((size,), (3, 4), (size,)))
        results.append(run(getattr(tg.optim, name)(params, **settings), params, 3))
    _C.set_num_threads(before)
    params = parameters(tg.float32, ((size,), (3, 4), (size,)))
    expected = [formula(name, p.numpy(force=True), 3, i, settings) for i, p in enumerate(params)]
    for one, two, three in zip(*results, expected, strict=True):
        np.testing.assert_array_equal(one, two)
        np.testing.assert_allclose(one, three, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "settings"), [SETTINGS[3], SETTINGS[9]])
def test_memory_layout_does_not_matter(name, settings):
    values = np.random.default_rng(0).standard_normal((2, 3, 4))
    layouts = [
        values.copy(),
        values.transpose(2, 0, 1).copy().transpose(1, 2, 0),
        np.repeat(values, 2, axis=1)[:, ::2],
        values[:, :, ::-1].copy()[:, :, ::-1],
    ]
    results = []
    for array in layouts:
        p = tg.from_numpy(array)
        p.requires_grad_(True)
        optimizer = getattr(tg.optim, name)([p], **settings)
        results.append(run(optimizer, [p], 4)[0])
        assert p.array.strides == array.strides
        assert np.shares_memory(p.array, array)
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])


def test_expanded_parameters_are_refused():
    p = tg.from_numpy(np.lib.stride_tricks.as_strided(np.ones(1, "f4"), (3,), (0,)))
    p.requires_grad_(True)
    p.grad = tg.ones(3)
    with pytest.raises(RuntimeError, match="share one place in memory"):
        tg.optim.SGD([p]).step()


def test_gradients_in_another_layout_are_understood():
    p = tg.zeros(2, 3, requires_grad=True)
    p.grad = tg.tensor(np.arange(6, dtype="f4").reshape(3, 2).T)
    tg.optim.SGD([p], lr=1.0).step()
    assert p.tolist() == [[0.0, -2.0, -4.0], [-1.0, -3.0, -5.0]]


def test_float32_and_float64_in_one_group():
    params = [*parameters(tg.float32), *parameters(tg.float64)]
    got = run(tg.optim.Adam(params, lr=0.1), params, 5)
    for i, one in enumerate(got[:3]):
        np.testing.assert_allclose(one - got[i + 3], 0, atol=0.3)
        assert one.dtype == np.float32


def test_parameters_without_gradient_stay():
    one, two = tg.ones(2, requires_grad=True), tg.ones(2, requires_grad=True)
    optimizer = tg.optim.Adam([one, two], lr=0.5)
    one.grad = tg.ones(2)
    optimizer.step()
    assert one.tolist() == [0.5, 0.5]
    assert two.tolist() == [1.0, 1.0]
    assert two not in optimizer.state
    two.grad = tg.ones(2)
    optimizer.step()
    assert optimizer.state[one]["step"].item() == 2
    assert optimizer.state[two]["step"].item() == 1
    assert two.tolist() == [0.5, 0.5]


def test_momentum_begins_when_the_first_gradient_comes():
    one, two = tg.zeros(1, requires_grad=True), tg.zeros(1, requires_grad=True)
    optimizer = tg.optim.SGD([one, two], lr=1.0, momentum=0.5, dampening=0.5)
    one.grad = tg.ones(1)
    optimizer.step()
    two.grad = tg.ones(1)
    optimizer.step()
    assert (one.item(), two.item()) == (-2.0, -1.0)


def test_a_step_counts_as_a_write():
    p = tg.ones(2, requires_grad=True)
    y = p * p
    p.grad = tg.ones(2)
    tg.optim.SGD([p], lr=0.1).step()
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward(tg.ones(2))


def test_denormal_averages_become_zero():
    p = tg.zeros(40, requires_grad=True)
    optimizer = tg.optim.Adam([p])
    p.grad = tg.full((40,), 1e-37)
    for _ in range(3):
        optimizer.step()
        p.grad = tg.zeros(40)
    for _ in range(100):
        optimizer.step()
    assert optimizer.state[p]["exp_avg"].tolist() == [0.0] * 40


def test_zero_grad():
    p = tg.ones(2, requires_grad=True)
    optimizer = tg.optim.SGD([p], lr=0.1)
    p.grad = tg.ones(2)
    optimizer.zero_grad(set_to_none=False)
    assert p.grad.tolist() == [0.0, 0.0]
    optimizer.zero_grad()
    assert p.grad is None


def test_the_closure_runs_with_the_graph_on():
    p = tg.tensor([3.0], requires_grad=True)
    optimizer = tg.optim.SGD([p], lr=0.5)

    def closure():
        optimizer.zero_grad()
        loss = p * p
        loss.backward()
        return loss

    with tg.no_grad():
        loss = optimizer.step(closure)
    assert loss.item() == 9.0
    assert p.item() == 0.0


def test_groups_have_their_own_settings():
    one, two = tg.ones(1, requires_grad=True), tg.ones(1, requires_grad=True)
    optimizer = tg.optim.SGD([{"params": one}, {"params": [two], "lr": 0.25}], lr=0.5)
    three = tg.ones(1, requires_grad=True)
    optimizer.add_param_group({"params": iter([three]), "lr": 0.125})
    for p in (one, two, three):
        p.grad = tg.ones(1)
    optimizer.step()
    assert [p.item() for p in (one, two, three)] == [0.5, 0.75, 0.875]
    assert "lr: 0.125" in repr(optimizer)


@pytest.mark.parametrize(("name", "settings"), [SETTINGS[3], SETTINGS[7], SETTINGS[9]])
def test_training_continues_from_a_state_dict(name, settings):
    params = parameters()
    optimizer = getattr(tg.optim, name)(params, **settings)
    run(optimizer, params, 3)
    saved, weights = copy.deepcopy(optimizer.state_dict()), copy.deepcopy(params)
    straight = run(optimizer, params, 3, first=3)
    again = getattr(tg.optim, name)(weights, lr=9.0)
    again.load_state_dict(saved)
    assert again.param_groups[0]["lr"] == 0.1
    for one, two in zip(run(again, weights, 3, first=3), straight, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parity
def test_the_state_dict_has_the_form_of_pytorch():
    torch = pytest.importorskip("torch")
    for name, settings in SETTINGS:
        params = parameters()
        theirs = [torch.zeros(p.shape, dtype=torch.float64, requires_grad=True) for p in params]
        ours = getattr(tg.optim, name)(params, **settings)
        other = getattr(torch.optim, name)(theirs, **settings)
        run(ours, params, 1)
        for p in theirs:
            p.grad = torch.ones_like(p)
        other.step()
        mine, its = ours.state_dict(), other.state_dict()
        assert mine.keys() == its.keys()
        states = {i: dict(state) for i, state in its["state"].items()}
        if settings.get("momentum", 0.0) == 0.0 and name == "SGD":
            states = {}  # PyTorch keeps {"momentum_buffer": None}
        assert {i: set(s) for i, s in mine["state"].items()} == {
            i: set(s) for i, s in states.items()
        }
        for one, two in zip(mine["param_groups"], its["param_groups"], strict=True):
            assert one == {key: two[key] for key in one}


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda p: tg.optim.SGD([], lr=0.1), ValueError, "empty parameter list"),
        (lambda p: tg.optim.SGD(p), TypeError, r"got a Tensor; pass \[tensor\]"),
        (lambda p: tg.optim.SGD([p, 3]), TypeError, "can only optimize Tensors, got int"),
        (lambda p: tg.optim.SGD([p * 2]), ValueError, "can't optimize a non-leaf"),
        (lambda p: tg.optim.SGD([p, p]), ValueError, "appears more than once"),
        (lambda p: tg.optim.SGD([tg.zeros(1, dtype=tg.int64)]), TypeError, "floating-point"),
        (lambda p: tg.optim.SGD([p], lr=-1), ValueError, "SGD: lr must be >= 0, got -1"),
        (lambda p: tg.optim.SGD([p], lr=float("nan")), ValueError, "lr must be >= 0"),
        (lambda p: tg.optim.SGD([p], momentum=-1), ValueError, "momentum must be >= 0"),
        (lambda p: tg.optim.SGD([p], nesterov=True), ValueError, "nesterov needs momentum"),
        (lambda p: tg.optim.Adam([p], betas=(0.9, 1.0)), ValueError, "Adam: betas must be"),
        (lambda p: tg.optim.AdamW([p], betas=(-0.1, 0.9)), ValueError, "AdamW: betas must be"),
        (lambda p: tg.optim.Adam([p], eps=-1e-8), ValueError, "eps must be >= 0"),
        (lambda p: tg.optim.Adam([p], weight_decay=-1), ValueError, "weight_decay must be >= 0"),
        (lambda p: tg.optim.Adam([p]).add_param_group([p]), TypeError, "must be a dict"),
        (lambda p: StepLR(p, 3), TypeError, "needs an Optimizer"),
        (lambda p: StepLR(tg.optim.SGD([p]), 0), ValueError, "step_size must be >= 1"),
    ],
)
def test_errors_say_what_is_wrong(call, error, message):
    with pytest.raises(error, match=message):
        call(tg.ones(2, requires_grad=True))


def test_wrong_gradients_and_states_are_refused():
    p = tg.ones(2, requires_grad=True)
    optimizer = tg.optim.Adam([p])
    p.grad = tg.ones(2)
    optimizer.step()
    p.grad.array = np.ones(3, "f4")
    with pytest.raises(ValueError, match=r"gradient has shape \(3,\), its parameter \(2,\)"):
        optimizer.step()
    p.grad.array = np.ones(2, "f8")
    with pytest.raises(TypeError, match="gradient has dtype float64"):
        optimizer.step()
    p.grad.array = np.ones(2, "f4")
    optimizer.state[p]["step"] = tg.zeros(0)
    with pytest.raises(ValueError, match="step of a state must have one element"):
        optimizer.step()
    optimizer.state[p]["step"] = tg.zeros(1)
    state = optimizer.state_dict()
    other = tg.ones(3, requires_grad=True)
    with pytest.raises(ValueError, match=r"exp_avg has shape \(2,\), its parameter \(3,\)"):
        tg.optim.Adam([other]).load_state_dict(state)
    with pytest.raises(ValueError, match=r"groups have \[1\] parameters"):
        tg.optim.Adam([p, other]).load_state_dict(state)


# ---- schedules


def rates(scheduler, steps):
    found = []
    for _ in range(steps):
        found.append(scheduler.get_last_lr()[0])
        scheduler.step()
    return found


def optimizer_with(lr):
    return tg.optim.SGD([tg.ones(1, requires_grad=True)], lr=lr)


def test_schedules_follow_their_formulas():
    assert rates(StepLR(optimizer_with(1.0), 2, 0.5), 5) == [1.0, 1.0, 0.5, 0.5, 0.25]
    assert rates(LambdaLR(optimizer_with(2.0), lambda t: 1 / (t + 1)), 2) == [2.0, 1.0]
    cosine = rates(CosineAnnealingLR(optimizer_with(1.0), 4, 0.2), 5)
    np.testing.assert_allclose(cosine[::2], [1.0, 0.6, 0.2])


@pytest.mark.parity
def test_schedules_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    theirs = torch.optim.lr_scheduler
    cases = [
        (StepLR, theirs.StepLR, {"step_size": 3, "gamma": 0.3}),
        (CosineAnnealingLR, theirs.CosineAnnealingLR, {"T_max": 10, "eta_min": 0.01}),
        (LambdaLR, theirs.LambdaLR, {"lr_lambda": lambda t: 0.9**t}),
        (OneCycleLR, theirs.OneCycleLR, {"max_lr": 0.5, "total_steps": 21}),
        (OneCycleLR, theirs.OneCycleLR, {"max_lr": 0.5, "total_steps": 19, "pct_start": 0.5}),
    ]
    for ours, other, settings in cases:
        optimizer = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.1)
        scheduler = other(optimizer, **settings)
        expected = []
        for _ in range(19):
            expected.append(scheduler.get_last_lr()[0])
            optimizer.step()
            scheduler.step()
        np.testing.assert_allclose(rates(ours(optimizer_with(0.1), **settings), 19), expected)


def test_a_schedule_continues_from_its_state():
    first = CosineAnnealingLR(optimizer_with(1.0), 10)
    straight = rates(first, 10)
    half = CosineAnnealingLR(optimizer_with(1.0), 10)
    begun = rates(half, 4)
    resumed = CosineAnnealingLR(optimizer_with(1.0), 10)
    resumed.optimizer.load_state_dict(half.optimizer.state_dict())
    resumed.load_state_dict(half.state_dict())
    assert begun + rates(resumed, 6) == straight
    with pytest.raises(ValueError, match="more than total_steps = 3"):
        rates(OneCycleLR(optimizer_with(1.0), 1.0, 3), 4)
    assert len(rates(OneCycleLR(optimizer_with(1.0), 1.0, 3), 3)) == 3  # a step for each batch
