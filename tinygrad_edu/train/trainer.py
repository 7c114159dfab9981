"""Trainer: the loop that turns batches into a trained model."""

from __future__ import annotations

import copy
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ..grad_mode import no_grad
from ..nn import Module
from ..ops.shape import cat
from ..optim import Optimizer
from ..serialization import save
from ..tensor import Tensor
from .metrics import Metric

Loader = Iterable[Any]
Logs = dict[str, float]


class Trainer:
    """Trains a model: for every batch, forward, loss, backward, step.

    Args:
        model: called with a batch's inputs.
        optimizer: over the model's parameters.
        loss: `loss(outputs, targets)`, a 0-d Tensor, the mean over the batch.
        metrics: functions `metric(outputs, targets) -> float`, also means over the batch, named by
            their `__name__`, or by the keys of a dict.

    Attributes:
        history: one list per quantity ("loss", "accuracy", "val_loss", ...), one number per
            finished epoch; further calls of `fit` append to it.

    Example:
        >>> import tinygrad_edu as tg
        >>> from tinygrad_edu.data import DataLoader, TensorDataset
        >>> x = tg.linspace(-1, 1, 32).unsqueeze(1)
        >>> model = tg.nn.Linear(1, 1)
        >>> trainer = Trainer(model, tg.optim.SGD(model.parameters(), lr=0.5), tg.nn.MSELoss())
        >>> history = trainer.fit(DataLoader(TensorDataset(x, 3 * x), 8), 20, progress=False)
        >>> history["loss"][-1] < 1e-3
        True
    """

    def __init__(
        self,
        model: Module,
        optimizer: Optimizer,
        loss: Callable[[Tensor, Tensor], Tensor],
        metrics: Mapping[str, Metric] | Sequence[Metric] = (),
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.loss = loss
        if isinstance(metrics, Mapping):
            self.metrics = dict(metrics)
        else:
            self.metrics = {getattr(m, "__name__", type(m).__name__): m for m in metrics}
        self.history: dict[str, list[float]] = {}

    def fit(
        self,
        train_loader: Loader,
        epochs: int,
        validation: Loader | None = None,
        *,
        monitor: str | None = None,
        patience: int | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        callbacks: Sequence[Callable[[Trainer], Any]] = (),
        progress: bool = True,
    ) -> dict[str, list[float]]:
        """Train for a number of epochs, each one pass over `train_loader`.

        Ctrl-C leaves the model with the weights of the last finished step, `history` with the
        finished epochs, and the checkpoint whole.

        Args:
            train_loader: batches (inputs, targets), or (input, input, ..., targets).
            epochs: passes over it.
            validation: batches for `evaluate` after each epoch, reported as "val_...".
            monitor: the quantity that says which epoch is the best; "val_loss" if None, or "loss"
                without validation. A loss is best when lowest, anything else when highest.
            patience: stop when that many epochs in a row bring no new best. The model then gets the
                best epoch's weights back, also when the epochs run out.
            checkpoint: a file to save the weights (`model.state_dict()`) to at each new best.
            callbacks: called with this trainer after each epoch, a schedule for one:
                `lambda trainer: schedule.step()`.
            progress: show a bar where stderr is a terminal, and print a line after each epoch.

        Returns:
            `history`.

        Raises:
            ValueError: when the loader is empty, or `monitor` names nothing that is measured.
            TypeError: when a batch is not (inputs, targets).
            FloatingPointError: when the loss is NaN or infinite; the weights are those before it.
        """
        best = Best(monitor or ("loss" if validation is None else "val_loss"))
        best_weights = None
        with training_mode_kept(self.model):
            for epoch in range(1, epochs + 1):
                started = time.perf_counter()
                logs = self.train_epoch(train_loader, f"epoch {epoch}/{epochs}", progress)
                if validation is not None:
                    measured = self.evaluate(validation)
                    logs.update({f"val_{name}": value for name, value in measured.items()})
                improved = best.update(logs)
                for name, value in logs.items():
                    self.history.setdefault(name, []).append(value)
                if progress:
                    report(f"epoch {epoch}/{epochs}", logs, time.perf_counter() - started)
                if improved and patience is not None:
                    best_weights = copy.deepcopy(self.model.state_dict())
                if improved and checkpoint is not None:
                    save(self.model.state_dict(), checkpoint)
                for callback in callbacks:
                    callback(self)
                if patience is not None and best.age >= patience:
                    break
        if best_weights is not None:
            self.model.load_state_dict(best_weights)
        return self.history

    def train_epoch(self, loader: Loader, title: str = "", progress: bool = False) -> Logs:
        """One pass over the loader with a step for each batch; returns the means over samples."""
        self.model.train()
        totals = Totals()
        with progress_bar(loader, title, progress) as bar:
            for inputs, targets in map(split, bar):
                self.optimizer.zero_grad()
                outputs = self.model(*inputs)
                loss = self.loss(outputs, targets)
                value = loss.item()
                if not math.isfinite(value):
                    raise FloatingPointError(
                        f"fit: the loss became {value}; a smaller learning rate often helps"
                    )
                loss.backward()
                self.optimizer.step()
                totals.add(len(targets), {"loss": value, **self.measure(outputs, targets)})
                bar.set_postfix(totals.means(), refresh=False)
        return totals.means()

    @no_grad()
    def evaluate(self, loader: Loader) -> Logs:
        """Mean loss and metrics over all samples, in evaluation mode, without gradients."""
        totals = Totals()
        with training_mode_kept(self.model):
            self.model.eval()
            for inputs, targets in map(split, loader):
                outputs = self.model(*inputs)
                loss = self.loss(outputs, targets).item()
                totals.add(len(targets), {"loss": loss, **self.measure(outputs, targets)})
        return totals.means()

    @no_grad()
    def predict(self, data: Tensor | Loader) -> Tensor:
        """The model's outputs for all inputs, in evaluation mode, without gradients.

        Args:
            data: one Tensor of inputs, or a loader whose batches are inputs, or (inputs, targets)
                as for `fit`; the targets are not looked at.

        Returns:
            The outputs of all batches, along dim 0.
        """
        with training_mode_kept(self.model):
            self.model.eval()
            if isinstance(data, Tensor):
                outputs: Tensor = self.model(data)
                return outputs
            batches = [self.model(*inputs_of(batch)) for batch in data]
        if not batches:
            raise ValueError("predict: the loader gave no batch")
        return cat(batches, 0)

    def measure(self, outputs: Tensor, targets: Tensor) -> Logs:
        """All metrics of one batch."""
        outputs = outputs.detach()
        return {name: metric(outputs, targets) for name, metric in self.metrics.items()}


class Best:
    """Which epoch was the best so far, by one of the quantities that are measured."""

    def __init__(self, monitor: str) -> None:
        self.monitor = monitor
        self.score = math.inf
        self.age = 0  # epochs since the best one

    def update(self, logs: Logs) -> bool:
        """Whether this epoch is the best so far; one that only equals the best is not."""
        if self.monitor not in logs:
            raise ValueError(f"fit: monitor must be one of {list(logs)}, got {self.monitor!r}")
        value = logs[self.monitor]
        score = value if self.monitor.endswith("loss") else -value
        improved = score < self.score
        self.score, self.age = (score, 0) if improved else (self.score, self.age + 1)
        return improved


class Totals:
    """Sums over samples of quantities that come as means over batches."""

    def __init__(self) -> None:
        self.samples = 0
        self.sums: Logs = {}

    def add(self, samples: int, means: Logs) -> None:
        self.samples += samples
        for name, mean in means.items():
            self.sums[name] = self.sums.get(name, 0.0) + mean * samples

    def means(self) -> Logs:
        if self.samples == 0:
            raise ValueError(
                "Trainer: the loader gave no samples; is the data set empty, or smaller than one "
                "batch with drop_last=True?"
            )
        return {name: total / self.samples for name, total in self.sums.items()}


def split(batch: Any) -> tuple[tuple[Any, ...], Tensor]:
    """A batch as ((input, ...), targets)."""
    if not isinstance(batch, (tuple, list)) or len(batch) < 2:
        raise TypeError(f"Trainer: a batch must be (inputs, targets), got {type(batch).__name__}")
    return tuple(batch[:-1]), batch[-1]


def inputs_of(batch: Any) -> Sequence[Any]:
    """A batch's inputs, with or without targets behind them."""
    if not isinstance(batch, (tuple, list)):
        return [batch]
    return batch if len(batch) == 1 else batch[:-1]


@contextmanager
def training_mode_kept(model: Module) -> Iterator[None]:
    """Give every module the mode back, training or evaluation, that it had before."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def progress_bar(loader: Loader, title: str, progress: bool) -> Any:
    """A tqdm bar over the loader's batches, shown on a terminal only."""
    from tqdm import tqdm  # imported where it is used: `import tinygrad_edu` stays quick

    quiet = None if progress else True  # None: where stderr is no terminal
    return tqdm(loader, desc=title, unit="batch", leave=False, disable=quiet)


def report(title: str, logs: Logs, seconds: float) -> None:
    """Print an epoch's line."""
    numbers = "  ".join(f"{name} {value:.4f}" for name, value in logs.items())
    print(f"{title}  {numbers}  ({seconds:.1f} s)", flush=True)
