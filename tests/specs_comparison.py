"""Rows of comparisons, logic and tests of values: bool results, no gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

import tinygrad_edu as tg
from specs import Elementwise, Spec
from strategies import Case, arrays, broadcastable, masks


@st.composite
def equal_here_and_there(draw: st.DrawFn) -> Case:
    """Two arrays that broadcast, on a coarse grid so that many pairs are equal."""
    pair = [draw(arrays(shape)) for shape in draw(broadcastable(2))]
    return Case(tuple(np.asarray(np.round(x)) for x in pair))


@st.composite
def unusual(draw: st.DrawFn, count: int = 1) -> Case:
    """NaN, infinities and signed zeros among the elements."""
    xs = []
    for shape in draw(broadcastable(count)):
        x = draw(arrays(shape)).copy()
        for value in (np.nan, np.inf, -np.inf, 0.0, -0.0):
            x[draw(masks(shape)) & draw(masks(shape))] = value
        xs.append(x)
    return Case(tuple(xs))


@st.composite
def bits(draw: st.DrawFn, count: int) -> Case:
    """Integers or bools."""
    as_bools = draw(st.booleans())
    xs = [np.asarray(draw(arrays(shape)) * 100) for shape in draw(broadcastable(count))]
    return Case(tuple(np.asarray(x > 0 if as_bools else x.astype(np.int64)) for x in xs))


def yes_or_no(op: Any, reference: Any, cases: Any, torch: str = "") -> Spec:
    name = op.__name__
    return Spec(op, reference, cases, torch=torch or name, differentiable=False, name=name)


COMPARISONS = [
    yes_or_no(tg.eq, np.equal, equal_here_and_there()),
    yes_or_no(tg.ne, np.not_equal, equal_here_and_there()),
    yes_or_no(tg.lt, np.less, equal_here_and_there()),
    yes_or_no(tg.le, np.less_equal, equal_here_and_there()),
    yes_or_no(tg.gt, np.greater, equal_here_and_there()),
    yes_or_no(tg.ge, np.greater_equal, equal_here_and_there()),
    yes_or_no(tg.isclose, np.isclose, unusual(2)),
]
LOGIC = [
    yes_or_no(tg.logical_and, np.logical_and, equal_here_and_there()),
    yes_or_no(tg.logical_or, np.logical_or, equal_here_and_there()),
    yes_or_no(tg.logical_xor, np.logical_xor, equal_here_and_there()),
    yes_or_no(tg.logical_not, np.logical_not, unusual()),
    yes_or_no(tg.bitwise_and, np.bitwise_and, bits(2)),
    yes_or_no(tg.bitwise_or, np.bitwise_or, bits(2)),
    yes_or_no(tg.bitwise_xor, np.bitwise_xor, bits(2)),
    yes_or_no(tg.bitwise_not, np.invert, bits(1)),
]
PREDICATES = [
    yes_or_no(tg.isnan, np.isnan, unusual()),
    yes_or_no(tg.isinf, np.isinf, unusual()),
    yes_or_no(tg.isfinite, np.isfinite, unusual()),
    yes_or_no(tg.signbit, np.signbit, unusual()),
]

SPECS = [
    *COMPARISONS,
    *LOGIC,
    *PREDICATES,
    Elementwise(
        tg.nan_to_num,
        np.nan_to_num,
        params={"nan": 0.5, "posinf": 3.0, "neginf": -3.0},
        torch="nan_to_num",
        exact=[(np.nan, 0.5, 0), (np.inf, 3.0, 0), (-np.inf, -3.0, 0), (2.0, 2.0, 1, 0)],
    ),
]
