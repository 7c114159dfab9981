"""Trainer and metrics: the loop against one written out, and everything that can interrupt it."""

import gc
import io
import math
import os
import sys
import time

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.data import DataLoader, TensorDataset
from tinygrad_edu.train import Trainer, accuracy, top_k

nn = tg.nn


def blobs(samples=60, seed=0):
    """Three classes around three points in the plane."""
    random = np.random.default_rng(seed)
    labels = np.arange(samples) % 3
    centres = np.array([[2.0, 0.0], [-1.0, 2.0], [-1.0, -2.0]])
    points = centres[labels] + random.normal(0, 0.4, (samples, 2))
    return TensorDataset(tg.tensor(points, dtype=tg.float32), tg.tensor(labels))


def make(model=None, lr=0.05, metrics=(accuracy,)):
    tg.manual_seed(0)
    if model is None:
        model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 3))
    optimizer = tg.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    return Trainer(model, optimizer, nn.CrossEntropyLoss(), metrics=metrics)


def weights(model):
    return {name: value.tolist() for name, value in model.state_dict().items()}


# ---- the loop


def test_fit_is_the_loop_written_out():
    loader = DataLoader(blobs(), 7)
    trainer = make()
    history = trainer.fit(loader, 3, progress=False)

    expected = make()
    losses = []
    for _ in range(3):
        total = 0.0
        for x, y in loader:
            expected.optimizer.zero_grad()
            loss = expected.loss(expected.model(x), y)
            loss.backward()
            expected.optimizer.step()
            total += loss.item() * len(y)
        losses.append(total / 60)
    assert weights(trainer.model) == weights(expected.model)
    assert history["loss"] == pytest.approx(losses, rel=1e-12)
    assert history is trainer.history and set(history) == {"loss", "accuracy"}


def test_fit_learns_and_reports_validation():
    trainer = make(metrics=[accuracy, top_k(2)])
    test = DataLoader(blobs(seed=1), 16)
    history = trainer.fit(DataLoader(blobs(), 8, shuffle=True), 10, test, progress=False)
    assert all(len(values) == 10 for values in history.values())
    assert history["val_accuracy"][-1] >= 0.95 and history["val_top_2"][-1] >= 0.95
    last = {name: history[f"val_{name}"][-1] for name in ("loss", "accuracy", "top_2")}
    assert trainer.evaluate(test) == last


def test_a_second_fit_goes_on():
    once, twice = make(), make()
    loader = DataLoader(blobs(), 8)
    once.fit(loader, 4, progress=False)
    twice.fit(loader, 2, progress=False)
    twice.fit(loader, 2, progress=False)
    assert once.history == twice.history and weights(once.model) == weights(twice.model)


def test_means_are_over_samples_not_batches():
    class Constant(nn.Module):
        def forward(self, x):
            return x

    trainer = Trainer(
        Constant(), None, lambda out, y: out.mean(), {"largest": lambda out, y: out.max().item()}
    )
    data = TensorDataset(tg.tensor([1.0, 2.0, 9.0]), tg.zeros(3))
    assert trainer.evaluate(DataLoader(data, 2)) == {"loss": 4.0, "largest": (2 * 2 + 9) / 3}


def test_several_inputs():
    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(tg.ones(1))

        def forward(self, a, b):
            return self.scale * (a + b)

    model = Sum()
    trainer = Trainer(model, tg.optim.SGD(model.parameters(), lr=0.01), nn.MSELoss())
    a, b = tg.rand(8), tg.rand(8)
    loader = DataLoader(TensorDataset(a, b, 3 * (a + b)), 4)
    trainer.fit(loader, 2, progress=False)
    assert trainer.history["loss"][1] < trainer.history["loss"][0]
    assert trainer.predict(loader).shape == (8,)


# ---- modes


class Recorder(nn.Module):
    """Notes the mode of each call, and whether gradients are recorded."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(2, 3)
        self.calls = []

    def forward(self, x):
        self.calls.append((self.training, tg.is_grad_enabled()))
        return self.inner(x)


@pytest.mark.parametrize("before", [True, False])
def test_modes_are_set_for_each_part_and_restored(before):
    trainer = make(Recorder())
    model = trainer.model
    model.train(before)
    model.inner.eval()
    loader = DataLoader(blobs(8), 8)
    trainer.fit(loader, 2, validation=loader, progress=False)
    assert model.calls == [(True, True), (False, False)] * 2
    assert (model.training, model.inner.training) == (before, False)
    model.calls.clear()
    trainer.evaluate(loader)
    trainer.predict(loader)
    assert model.calls == [(False, False)] * 2
    assert (model.training, model.inner.training) == (before, False)


def test_modes_are_restored_after_an_error():
    trainer = make(Recorder())
    trainer.model.eval()
    with pytest.raises(TypeError):
        trainer.fit([3], 1, progress=False)
    assert not trainer.model.training


# ---- predict


def test_predict():
    trainer = make()
    data = blobs(10)
    points = data.tensors[0]
    expected = trainer.model(points)
    inputs_only = TensorDataset(points)
    for source in (
        points,
        DataLoader(data, 4),
        DataLoader(inputs_only, 4),
        [points[:3], points[3:]],
    ):
        out = trainer.predict(source)
        assert not out.requires_grad
        assert np.allclose(out.numpy(), expected.detach().numpy(), atol=1e-6)


# ---- errors


def test_an_empty_loader_is_an_error():
    trainer = make()
    empty = DataLoader(blobs(3), 8, drop_last=True)
    for call in (lambda: trainer.fit(empty, 1, progress=False), lambda: trainer.evaluate(empty)):
        with pytest.raises(ValueError, match=r"the loader gave no samples; .* drop_last=True"):
            call()
    with pytest.raises(ValueError, match="no batch"):
        trainer.predict(empty)
    assert trainer.history == {}


@pytest.mark.parametrize("batch", [3, tg.zeros(2, 2), (tg.zeros(2, 2),), {"x": 1}])
def test_a_batch_that_is_no_pair_is_an_error(batch):
    with pytest.raises(TypeError, match=r"a batch must be \(inputs, targets\), got"):
        make().fit([batch], 1, progress=False)


def test_a_diverging_loss_is_an_error_and_the_weights_stay_finite():
    model = nn.Linear(2, 1)
    trainer = Trainer(model, tg.optim.SGD(model.parameters(), lr=1e10), nn.MSELoss())
    data = TensorDataset(tg.rand(40, 2), tg.rand(40, 1))
    with pytest.raises(FloatingPointError, match=r"the loss became .*learning rate"):
        trainer.fit(DataLoader(data, 4), 50, progress=False)
    assert all(math.isfinite(x) for p in model.parameters() for x in p.flatten().tolist())


def test_an_unknown_monitor_is_an_error():
    with pytest.raises(ValueError, match=r"one of \['loss', 'accuracy'\], got 'val_loss'"):
        make().fit(DataLoader(blobs(), 8), 1, monitor="val_loss", progress=False)


# ---- early stopping and the best weights


def scripted(scores):
    """A trainer whose validation loss follows a script, and whose weight counts the epochs."""

    class Counter(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(tg.zeros(1))

        def forward(self, x):
            return self.weight.expand(len(x))

    model = Counter()

    def loss(outputs, targets):
        if model.training:
            return -outputs.mean()  # the gradient is -1: each step adds lr = 1
        return tg.tensor(scores[round(model.weight.item()) - 1])

    return Trainer(model, tg.optim.SGD(model.parameters(), lr=1.0), loss)


ONE_BATCH = [(tg.zeros(1), tg.zeros(1))]


def test_early_stopping_restores_the_best_weights():
    trainer = scripted([3.0, 2.0, 2.5, 2.0, 2.1, 1.0])
    trainer.fit(ONE_BATCH, 6, ONE_BATCH, patience=3, progress=False)
    assert trainer.history["val_loss"] == pytest.approx(
        [3.0, 2.0, 2.5, 2.0, 2.1]
    )  # equal is no better
    assert trainer.model.weight.tolist() == [2.0]


def test_the_best_weights_come_back_when_the_epochs_run_out():
    trainer = scripted([3.0, 1.0, 2.0])
    trainer.fit(ONE_BATCH, 3, ONE_BATCH, patience=5, progress=False)
    assert trainer.model.weight.tolist() == [2.0]
    trainer = scripted([3.0, 1.0, 2.0])
    trainer.fit(ONE_BATCH, 3, ONE_BATCH, progress=False)
    assert trainer.model.weight.tolist() == [3.0]  # without patience the last ones stay


def test_a_score_that_is_no_loss_is_best_when_highest(tmp_path):
    trainer = scripted([0.0] * 4)
    values = iter([0.1, 0.5, 0.5, 0.3] * 2)
    trainer.metrics = {
        "score": lambda outputs, targets: 0.0 if trainer.model.training else next(values)
    }
    path = tmp_path / "best.safetensors"
    trainer.fit(ONE_BATCH, 4, ONE_BATCH, monitor="val_score", checkpoint=path, progress=False)
    assert tg.load(path)["weight"].tolist() == [2.0]
    assert trainer.model.weight.tolist() == [4.0]


def test_callbacks_see_each_epoch_and_may_change_the_learning_rate():
    trainer = scripted([1.0] * 3)
    seen = []

    def halve(trainer):
        seen.append(len(trainer.history["loss"]))
        trainer.optimizer.param_groups[0]["lr"] /= 2

    trainer.fit(ONE_BATCH, 3, callbacks=[halve], progress=False)
    assert seen == [1, 2, 3]
    assert trainer.model.weight.tolist() == [1.75]


# ---- interruption


class Interrupting:
    """Gives batches, and raises KeyboardInterrupt in one of them."""

    def __init__(self, loader, at):
        self.loader, self.at, self.count = loader, at, 0

    def __iter__(self):
        for batch in self.loader:
            self.count += 1
            if self.count == self.at:
                raise KeyboardInterrupt
            yield batch


def test_ctrl_c_keeps_model_history_and_checkpoint(tmp_path):
    path = tmp_path / "best.safetensors"
    trainer = make()
    trainer.model.eval()
    loader = DataLoader(blobs(), 10)  # six batches an epoch
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(
            Interrupting(loader, 16), 5, loader, checkpoint=path, patience=2, progress=False
        )
    assert all(len(values) == 2 for values in trainer.history.values())
    assert not trainer.model.training
    assert all(math.isfinite(x) for p in trainer.model.parameters() for x in p.flatten().tolist())
    assert trainer.predict(blobs(4).tensors[0]).shape == (4, 3)
    assert os.listdir(tmp_path) == [path.name]
    trainer.model.load_state_dict(tg.load(path))
    trainer.fit(loader, 1, loader, progress=False)
    assert all(len(values) == 3 for values in trainer.history.values())


def test_a_bar_and_a_line_for_each_epoch(capsys):
    trainer = make()
    loader = DataLoader(blobs(), 10)
    trainer.fit(loader, 2, loader)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[1].startswith("epoch 2/2  loss ")
    for name in ("accuracy", "val_loss", "val_accuracy"):
        assert f"{name} {trainer.history[name][1]:.4f}" in lines[1]
    trainer.fit(loader, 1, progress=False)
    assert capsys.readouterr() == ("", "")


def test_the_bar_shows_loss_metrics_and_rate(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    trainer = make()
    slow = (time.sleep(0.02) or batch for batch in DataLoader(blobs(), 5))
    trainer.fit(slow, 1)
    for shown in ("epoch 1/1", "batch/s", "loss=", "accuracy="):
        assert shown in terminal.getvalue()


@pytest.mark.parametrize("num_workers", [0, 2])
def test_epochs_leave_nothing_for_the_garbage_collector(num_workers):
    trainer = make()
    loader = DataLoader(blobs(), 8, shuffle=True, num_workers=num_workers)
    trainer.fit(loader, 1, loader, progress=False)
    gc.collect()
    gc.disable()
    try:
        trainer.fit(loader, 3, loader, progress=False)
        assert gc.collect() == 0
    finally:
        gc.enable()


# ---- metrics


def test_accuracy_and_top_k_against_sorting():
    random = np.random.default_rng(0)
    logits, targets = random.normal(size=(50, 7)).astype(np.float32), random.integers(0, 7, 50)
    order = np.argsort(-logits, 1)
    arguments = tg.tensor(logits), tg.tensor(targets)
    assert accuracy(*arguments) == pytest.approx((order[:, 0] == targets).mean())
    for k in (1, 2, 5, 7, 9):
        expected = (order[:, :k] == targets[:, None]).any(1).mean()
        assert top_k(k)(*arguments) == pytest.approx(expected)
    assert top_k(5).__name__ == "top_5"


def test_metrics_of_corner_cases():
    nan = float("nan")
    assert top_k(1)(tg.tensor([[nan, 1.0], [0.0, 1.0]]), tg.tensor([0, 1])) == 0.5
    image = tg.tensor([[[1.0, 0.0], [0.0, 1.0]]])  # (N, C, L)
    assert accuracy(image, tg.tensor([[0, 0]])) == 0.5
    with pytest.raises(ValueError, match="k must be at least 1"):
        top_k(0)
    for logits, targets in (((3,), (3,)), ((3, 2), (2,)), ((3, 2), (3, 1))):
        with pytest.raises(ValueError, match="accuracy: needs logits"):
            accuracy(tg.zeros(*logits), tg.zeros(*targets, dtype=tg.int64))
    with pytest.raises(ValueError, match="top_k.*N, C"):
        top_k(1)(tg.zeros(2, 3, 4), tg.zeros(2, 4, dtype=tg.int64))
