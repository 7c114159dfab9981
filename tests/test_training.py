"""Whole training runs: PyTorch's losses, flat memory, a batch that can be learnt by heart."""

from __future__ import annotations

import gc
import resource

import numpy as np
import pytest

import tinygrad_edu as tg


def mlp(lib, dtype):
    nn = lib.nn
    return nn.Sequential(
        nn.Linear(20, 32), nn.Tanh(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 5)
    ).to(dtype)


def cnn(lib, dtype):
    nn = lib.nn
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 16, 3, stride=2), nn.GELU(), nn.AvgPool2d(2)),
        *(nn.Flatten(), nn.Linear(16, 5)),
    ).to(dtype)


def losses(lib, model, optimizer, batches):
    result = []
    for x, targets in batches:
        optimizer.zero_grad()
        loss = lib.nn.functional.cross_entropy(model(x), targets)
        loss.backward()
        optimizer.step()
        result.append(loss.item())
    return result


@pytest.mark.parity
@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-9), ("float32", 1e-4)])
@pytest.mark.parametrize("optimizer", ["Adam", "AdamW", "SGD"])
@pytest.mark.parametrize("build, shape", [(mlp, (16, 20)), (cnn, (16, 1, 12, 12))])
def test_hundred_losses_equal_those_of_pytorch(build, shape, optimizer, dtype, tolerance):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    theirs, ours = build(torch, getattr(torch, dtype)), build(tg, getattr(tg, dtype))
    ours.load_state_dict({k: tg.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    rng = np.random.default_rng(0)
    batches = [
        (rng.standard_normal(shape).astype(dtype), rng.integers(0, 5, shape[0])) for _ in range(100)
    ]
    options = (
        {"lr": 0.02, "momentum": 0.9, "nesterov": True} if optimizer == "SGD" else {"lr": 1e-3}
    )
    runs = []
    for lib, model in ((torch, theirs), (tg, ours)):
        steps = [(lib.as_tensor(x), lib.as_tensor(t)) for x, t in batches]
        runs.append(
            losses(lib, model, getattr(lib.optim, optimizer)(model.parameters(), **options), steps)
        )
    np.testing.assert_allclose(runs[1], runs[0], rtol=tolerance)


def small_step():
    model = tg.nn.Sequential(tg.nn.Linear(64, 128), tg.nn.ReLU(), tg.nn.Linear(128, 10))
    optimizer = tg.optim.Adam(model.parameters())
    x, targets = tg.randn(32, 64), tg.randint(0, 10, (32,))

    def step():
        optimizer.zero_grad()
        loss = tg.nn.functional.cross_entropy(model(x), targets)
        loss.backward()
        optimizer.step()
        return loss

    return step


def test_memory_is_flat_without_the_garbage_collector():
    step = small_step()
    gc.collect()
    gc.disable()
    try:
        for _ in range(50):
            step()
        tensors = tg.memory_stats()["in_use"]
        resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(2000):
            step()
        assert tg.memory_stats()["in_use"] == tensors
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - resident < 2048  # KiB
    finally:
        gc.enable()


def test_a_warm_step_faults_few_pages():
    model = tg.nn.Sequential(
        *(tg.nn.Conv2d(1, 32, 3, padding=1), tg.nn.ReLU(), tg.nn.MaxPool2d(2)),
        *(tg.nn.Flatten(), tg.nn.Linear(32 * 14 * 14, 10)),
    )
    optimizer = tg.optim.Adam(model.parameters())
    x, targets = tg.randn(64, 1, 28, 28), tg.randint(0, 10, (64,))

    def step():
        optimizer.zero_grad()
        tg.nn.functional.cross_entropy(model(x), targets).backward()
        optimizer.step()

    for _ in range(10):
        step()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        step()
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 20 < 100


def test_one_batch_can_be_learnt_by_heart():
    tg.manual_seed(0)
    step = small_step()
    first = step().item()
    for _ in range(300):
        last = step()
    assert last.item() < 0.01 < first
