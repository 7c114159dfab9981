"""Rows of cross_entropy and nll_loss."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from hypothesis import strategies as st

import tinygrad_edu as tg
from specs import Spec
from specs_softmax import log_softmax
from strategies import Case, arrays, shapes

F = tg.nn.functional
IGNORED = -100


def nll(
    x: np.ndarray,
    target: np.ndarray,
    weight: Any = None,
    ignore_index: int = IGNORED,
    reduction: str = "mean",
) -> np.ndarray:
    """nll_loss by indexing; the class dim is 1, or the only one."""
    if x.ndim == 1:
        x, target = x[None], target[None]
        out = nll(x, target, weight, ignore_index, reduction)
        return out[0] if reduction == "none" else out
    counted = target != ignore_index
    index = np.where(counted, target, 0)
    factors = np.ones(x.shape[1]) if weight is None else np.asarray(weight)
    share = np.where(counted, factors[index], 0.0)
    losses = -share * np.take_along_axis(x, index[:, None], 1)[:, 0]
    if reduction == "none":
        return losses
    return losses.sum() / (share.sum() if reduction == "mean" else 1)


def cross_entropy(
    x: np.ndarray,
    target: np.ndarray,
    weight: Any = None,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
    ignore_index: int = IGNORED,
) -> np.ndarray:
    """The share 1 - e of nll_loss on log-softmax, and e of the mean over all classes."""
    dim = min(1, x.ndim - 1)
    y = log_softmax(x, dim)
    options = {"ignore_index": ignore_index, "reduction": reduction}
    hit = nll(y, target, weight, **options)
    factors = np.ones(x.shape[dim]) if weight is None else np.asarray(weight)
    every = -(y * factors.reshape(-1, *(1,) * (x.ndim - dim - 1))).mean(dim)
    every = np.where(target == ignore_index, 0, every)
    if reduction == "mean":
        every = every.sum() / nll(-np.ones_like(x), target, weight, ignore_index, "sum")
    elif reduction == "sum":
        every = every.sum()
    return (1 - label_smoothing) * hit + label_smoothing * every


def with_probabilities(
    x: np.ndarray, target: np.ndarray, label_smoothing: float = 0.0, reduction: str = "mean"
) -> np.ndarray:
    dim = min(1, x.ndim - 1)
    q = (1 - label_smoothing) * target + label_smoothing / x.shape[dim]
    losses = -(q * log_softmax(x, dim)).sum(dim)
    return losses if reduction == "none" else getattr(losses, reduction)()


@st.composite
def classified(draw: st.DrawFn, weighted: bool = False, **options: Any) -> Case:
    """Logits (C), (N, C) or (N, C, ...) and classes, one in five ignored, but not the first."""
    shape = draw(shapes(min_dims=1, min_side=1))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = (shape[0], *shape[2:]) if len(shape) > 1 else ()
    classes = shape[min(1, len(shape) - 1)]
    target = np.asarray(rng.integers(0, classes, rows))
    ignored = np.asarray(rng.random(rows) < 0.2)
    ignored.flat[0] = False
    target = np.where(ignored, IGNORED, target)
    keywords = {name: draw(value) for name, value in options.items()}
    keywords["reduction"] = draw(st.sampled_from(["none", "mean", "sum"]))
    weight = (tuple(rng.integers(1, 9, classes) / 4),) if weighted else ()
    return Case((draw(arrays(shape)), target, *weight), keywords)


@st.composite
def mixtures(draw: st.DrawFn) -> Case:
    """Logits and targets that are weights of every class."""
    shape = draw(shapes(min_dims=1, min_side=1))
    keywords = {
        "label_smoothing": draw(SMOOTHING),
        "reduction": draw(st.sampled_from(["none", "mean", "sum"])),
    }
    return Case((draw(arrays(shape)), draw(arrays(shape, 0.0, 1.0))), keywords)


SMOOTHING = st.sampled_from([0.0, 0.25, 1.0])


def with_weight(op: Any) -> Any:
    """The op, taking the class weights, which have no gradient, as plain numbers."""

    @functools.wraps(op)
    def call(x: Any, target: Any, weight: Any, **options: Any) -> Any:
        make = tg.tensor if isinstance(x, tg.Tensor) else x.new_tensor
        return op(x, target, make(weight, dtype=x.dtype), **options)

    return call


def of_torch(name: str) -> Any:
    def call(*args: Any, **options: Any) -> Any:
        import torch

        return with_weight(getattr(torch.nn.functional, name))(*args, **options)

    return call


SPECS = [
    Spec(
        F.cross_entropy,
        cross_entropy,
        classified(label_smoothing=SMOOTHING),
        torch="nn.functional.cross_entropy",
        tolerance=4,
    ),
    Spec(
        with_weight(F.cross_entropy),
        cross_entropy,
        classified(weighted=True, label_smoothing=SMOOTHING),
        torch=of_torch("cross_entropy"),
        tolerance=4,
        name="cross_entropy_weighted",
    ),
    Spec(
        F.cross_entropy,
        with_probabilities,
        mixtures(),
        torch="nn.functional.cross_entropy",
        tolerance=4,
        name="cross_entropy_probabilities",
    ),
    Spec(F.nll_loss, nll, classified(), torch="nn.functional.nll_loss"),
    Spec(
        with_weight(F.nll_loss),
        nll,
        classified(weighted=True),
        torch=of_torch("nll_loss"),
        name="nll_loss_weighted",
    ),
]
