"""Rows of the matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

import tinygrad_edu as tg
from specs import Spec
from strategies import Case, arrays, broadcastable
from tinygrad_edu.ops.matmul import linear

sides = st.integers(0, 5)


@st.composite
def products(draw: st.DrawFn) -> Case:
    """Two operands of matmul: vectors, matrices, and batches that broadcast."""
    m, k, n = draw(sides), draw(sides), draw(sides)
    batch_x, batch_y = draw(broadcastable(2, max_dims=2, max_side=3))
    x = (k,) if draw(st.integers(0, 4)) == 0 else (*batch_x, m, k)
    y = (k,) if draw(st.integers(0, 4)) == 0 else (*batch_y, k, n)
    return Case((draw(arrays(x)), draw(arrays(y))))


@st.composite
def matrices(draw: st.DrawFn, batched: bool = False) -> Case:
    m, k, n = draw(sides), draw(sides), draw(sides)
    batch = (draw(sides),) if batched else ()
    return Case((draw(arrays((*batch, m, k))), draw(arrays((*batch, k, n)))))


@st.composite
def vectors(draw: st.DrawFn, *names: str) -> Case:
    """One array per name; its letters are its dims, and one letter has one size."""
    size = {letter: draw(sides) for letter in sorted(set("".join(names)))}
    return Case(tuple(draw(arrays(tuple(size[letter] for letter in name))) for name in names))


@st.composite
def added(draw: st.DrawFn) -> Case:
    m, k, n = draw(sides), draw(sides), draw(sides)
    bias = draw(st.sampled_from([(), (1,), (n,), (1, n), (m, 1), (m, n)]))
    factors = draw(st.sampled_from([{}, {"alpha": 2.0}, {"beta": 0.5}, {"beta": 0, "alpha": -1.0}]))
    return Case((draw(arrays(bias)), draw(arrays((m, k))), draw(arrays((k, n)))), factors)


@st.composite
def layers(draw: st.DrawFn) -> Case:
    leading = draw(st.lists(st.integers(0, 3), max_size=3))
    features, units = draw(sides), draw(sides)
    args = [draw(arrays((*leading, features))), draw(arrays((units, features)))]
    if draw(st.booleans()):
        args.append(draw(arrays((units,))))
    return Case(tuple(args))


def addmm_reference(bias: Any, x: Any, y: Any, beta: float = 1, alpha: float = 1) -> Any:
    return alpha * (x @ y) + (0 if beta == 0 else beta * bias)


def linear_reference(x: Any, weight: Any, bias: Any = 0.0) -> Any:
    return x @ weight.T + bias


SPECS = [
    Spec(tg.matmul, np.matmul, products(), torch="matmul"),
    Spec(tg.mm, np.matmul, matrices(), torch="mm"),
    Spec(tg.bmm, np.matmul, matrices(batched=True), torch="bmm"),
    Spec(tg.mv, np.matmul, vectors("mk", "k"), torch="mv"),
    Spec(tg.dot, np.dot, vectors("k", "k"), torch="dot"),
    Spec(tg.outer, np.outer, vectors("m", "n"), torch="outer"),
    Spec(tg.addmm, addmm_reference, added(), torch="addmm"),
    Spec(linear, linear_reference, layers(), torch="nn.functional.linear"),
]
