"""Rows of the losses that compare element by element."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

import tinygrad_edu as tg
from specs import Spec
from strategies import Case, arrays, shapes

F = tg.nn.functional
REDUCTIONS = st.sampled_from(["none", "mean", "sum"])
BEND = 0.75  # where the parabolas of smooth_l1_loss and huber_loss end


@st.composite
def pairs(draw: st.DrawFn, *domains: tuple[float, float], **options: Any) -> Case:
    """Arrays of one shape, one for each domain."""
    shape = draw(shapes(min_side=1))
    keywords = {**options, "reduction": draw(REDUCTIONS)}
    return Case(tuple(draw(arrays(shape, low, high)) for low, high in domains), keywords)


@st.composite
def apart(draw: st.DrawFn, **options: Any) -> Case:
    """x and y whose difference is neither near 0 nor near the bend."""
    shape = draw(shapes(min_side=1))
    y = np.asarray(np.round(draw(arrays(shape)) * 8) / 8)
    x = np.asarray(y + draw(arrays(shape, away_from=(-BEND, 0.0, BEND))), dtype=np.float32)
    return Case((x.astype(np.float64), y), {**options, "reduction": draw(REDUCTIONS)})


def reduced(losses: Any) -> Any:
    """The reference of these losses, reduced."""

    def reference(*args: np.ndarray, reduction: str, **options: Any) -> np.ndarray:
        values = losses(*args, **options)
        return values if reduction == "none" else getattr(values, reduction)()

    return reference


def smooth_l1(x: np.ndarray, y: np.ndarray, beta: float) -> np.ndarray:
    d = np.abs(x - y)
    return np.where(d < beta, d**2 / (2 * beta), d - beta / 2)


def huber(x: np.ndarray, y: np.ndarray, delta: float) -> np.ndarray:
    d = np.abs(x - y)
    return np.where(d < delta, d**2 / 2, delta * (d - delta / 2))


def bce(x: np.ndarray, y: np.ndarray, weight: Any = 1.0) -> np.ndarray:
    return -weight * (y * np.log(x) + (1 - y) * np.log1p(-x))


def bce_with_logits(
    x: np.ndarray, y: np.ndarray, weight: Any = 1.0, pos_weight: Any = 1.0
) -> np.ndarray:
    return weight * (pos_weight * y * np.logaddexp(0, -x) + (1 - y) * np.logaddexp(0, x))


ANY, SHARE = (-2.0, 2.0), (0.0, 1.0)
INSIDE = (1 / 16, 15 / 16)
LIKELY, RARE = (-0.5, 2.0), (0.0, 0.25)  # sigmoid(x) - y, the gradient, is never near 0

SPECS = [
    Spec(
        F.mse_loss,
        reduced(lambda x, y: (x - y) ** 2),
        pairs(ANY, ANY),
        torch="nn.functional.mse_loss",
    ),
    Spec(F.l1_loss, reduced(lambda x, y: np.abs(x - y)), apart(), torch="nn.functional.l1_loss"),
    Spec(
        F.smooth_l1_loss,
        reduced(smooth_l1),
        apart(beta=BEND),
        torch="nn.functional.smooth_l1_loss",
    ),
    Spec(F.huber_loss, reduced(huber), apart(delta=BEND), torch="nn.functional.huber_loss"),
    Spec(
        F.binary_cross_entropy,
        reduced(bce),
        pairs(INSIDE, SHARE),
        torch="nn.functional.binary_cross_entropy",
        tolerance=4,
    ),
    Spec(
        F.binary_cross_entropy,
        reduced(bce),
        pairs(INSIDE, SHARE, (0.5, 2.0)),
        tolerance=4,
        name="binary_cross_entropy_weighted",
    ),
    Spec(
        F.binary_cross_entropy_with_logits,
        reduced(bce_with_logits),
        pairs(LIKELY, RARE),
        torch="nn.functional.binary_cross_entropy_with_logits",
        tolerance=4,
    ),
    Spec(
        F.binary_cross_entropy_with_logits,
        reduced(bce_with_logits),
        pairs(LIKELY, RARE, (0.5, 2.0)),
        tolerance=4,
        name="binary_cross_entropy_with_logits_weighted",
    ),
]
