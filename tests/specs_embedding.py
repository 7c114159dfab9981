"""Rows of embedding and dropout."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from hypothesis import strategies as st

import tinygrad_edu as tg
from specs import Spec
from strategies import Case, arrays, case, indices, shapes
from tinygrad_edu.backends import cpu
from tinygrad_edu.ops.draws import random_mask

F = tg.nn.functional


@st.composite
def lookups(draw: st.DrawFn) -> Case:
    """Indices into a table. The options change the gradient only, and not by finite differences."""
    rows, columns = draw(st.integers(1, 6)), draw(st.integers(0, 5))
    return Case((draw(indices(shapes(), rows)), draw(arrays((rows, columns)))))


@functools.wraps(F.dropout)
def seeded_dropout(x: Any, p: float) -> Any:
    tg.manual_seed(7)
    return F.dropout(x, p)


def dropout(x: np.ndarray, p: float) -> np.ndarray:
    tg.manual_seed(7)
    return x * random_mask(cpu, x.shape, 1 - p) / (1 - p)


SPECS = [
    Spec(
        F.embedding, lambda index, table: table[index], lookups(), torch="nn.functional.embedding"
    ),
    Spec(
        F.dropout,
        lambda x, p, training: x * (0.0 if training and p else 1.0),
        case(arrays(), p=st.sampled_from([0.0, 1.0]), training=st.booleans()),
        torch="nn.functional.dropout",
    ),
    Spec(
        seeded_dropout,
        dropout,
        case(arrays(), p=st.sampled_from([0.25, 0.5, 0.9])),
        name="dropout_seeded",
    ),
]
