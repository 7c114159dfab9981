"""Rows of the reductions."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

import tinygrad_edu as tg
from specs import Spec
from strategies import Case, arrays, dims, shapes


@st.composite
def reductions(draw: st.DrawFn, min_side: int = 0, several: bool = True, **options: Any) -> Case:
    """An array with dim (None, an int, or a tuple if `several`) and keepdim."""
    shape = draw(shapes(min_side=min_side))
    x = draw(arrays(shape, **options))
    if not shape:
        return Case((x,))
    choices: list[st.SearchStrategy[Any]] = [st.none(), dims(len(shape))]
    if several:
        every = st.lists(st.integers(0, len(shape) - 1), min_size=1, unique=True)
        choices.append(every.map(tuple))
    dim = draw(st.one_of(choices))
    if dim is None and not several:
        return Case((x,))
    return Case((x,), {"dim": dim, "keepdim": draw(st.booleans())})


@st.composite
def along_a_dim(draw: st.DrawFn, min_side: int = 1, **options: Any) -> Case:
    """An array of at least one dim, a dim, and keepdim."""
    x = draw(arrays(shapes(min_dims=1, min_side=min_side), **options))
    return Case((x, draw(dims(x.ndim))), {"keepdim": draw(st.booleans())})


@st.composite
def with_zeros(draw: st.DrawFn) -> Case:
    """A reduction whose elements are 0 here and there."""
    case = draw(reductions(several=False))
    x = case.args[0]
    holes = draw(arrays(x.shape, 0, 1)) < draw(st.sampled_from([0.0, 0.2]))
    return Case((np.where(holes, 0.0, x),), case.kwargs)


def winner(find: Any) -> Any:
    """NumPy's (values, indices) along a dim."""

    def reference(x: np.ndarray, dim: int, keepdim: bool = False) -> tuple[np.ndarray, np.ndarray]:
        index = find(x, axis=dim, keepdims=True)
        values = np.take_along_axis(x, index, dim)
        return (values, index) if keepdim else (values.squeeze(dim), index.squeeze(dim))

    return reference


def reference(function: Any) -> Any:
    return lambda x, dim=None, keepdim=False: function(x, axis=dim, keepdims=keepdim)


def variance(function: Any) -> Any:
    return lambda x, dim=None, correction=1, keepdim=False: function(
        x, axis=dim, ddof=correction, keepdims=keepdim
    )


def torch_extreme(name: str) -> Any:
    def call(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        import torch

        return getattr(torch, name)(x, dim=() if dim is None else dim, keepdim=keepdim)

    return call


def log_sum_exp(x: np.ndarray, dim: Any, keepdim: bool = False) -> Any:
    return np.log(np.exp(x).sum(axis=dim, keepdims=keepdim))


@st.composite
def variances(draw: st.DrawFn) -> Case:
    x = draw(arrays(shapes(min_dims=1, min_side=2)))
    dim = draw(st.one_of(st.none(), dims(x.ndim)))
    return Case((x, dim), {"correction": draw(st.integers(0, 1)), "keepdim": draw(st.booleans())})


@st.composite
def norms(draw: st.DrawFn) -> Case:
    x = draw(arrays(shapes(min_dims=1, min_side=1), distinct=True, away_from=(0.0,)))
    p = draw(st.sampled_from([2.0, 1.0, 3.0, float("inf")]))
    return Case((x, p, draw(st.one_of(st.none(), dims(x.ndim)))), {"keepdim": draw(st.booleans())})


def norm(x: np.ndarray, p: float, dim: Any, keepdim: bool = False) -> Any:
    if p == float("inf"):
        return np.max(np.abs(x), axis=dim, keepdims=keepdim)
    return (np.abs(x) ** p).sum(axis=dim, keepdims=keepdim) ** (1 / p)


@st.composite
def running(draw: st.DrawFn) -> Case:
    x = draw(arrays(shapes(min_dims=1)))
    return Case((x, draw(dims(x.ndim))))


def with_mean(spread: Any) -> Any:
    def reference(x: np.ndarray, dim: Any = None, keepdim: bool = False, **k: Any) -> Any:
        return spread(x, dim=dim, keepdim=keepdim, **k), np.mean(x, axis=dim, keepdims=keepdim)

    return reference


SPECS = [
    Spec(tg.sum, reference(np.sum), reductions(), torch="sum"),
    Spec(tg.mean, reference(np.mean), reductions(min_side=1), torch="mean"),
    Spec(tg.prod, reference(np.prod), with_zeros(), torch="prod", tolerance=10),
    Spec(
        tg.amax,
        reference(np.max),
        reductions(min_side=1, distinct=True),
        torch=torch_extreme("amax"),
    ),
    Spec(
        tg.amin,
        reference(np.min),
        reductions(min_side=1, distinct=True),
        torch=torch_extreme("amin"),
    ),
    Spec(tg.max, winner(np.argmax), along_a_dim(distinct=True), torch="max"),
    Spec(tg.min, winner(np.argmin), along_a_dim(distinct=True), torch="min"),
    Spec(
        tg.argmax,
        reference(np.argmax),
        reductions(min_side=1, several=False),
        torch="argmax",
        differentiable=False,
    ),
    Spec(
        tg.argmin,
        reference(np.argmin),
        reductions(min_side=1, several=False),
        torch="argmin",
        differentiable=False,
    ),
    Spec(
        tg.aminmax,
        lambda x, **k: (reference(np.min)(x, **k), reference(np.max)(x, **k)),
        reductions(min_side=1, several=False, distinct=True),
        torch=lambda x, **k: tuple(getattr(x, name)(**k) for name in ("amin", "amax")),
    ),
    Spec(
        tg.count_nonzero,
        lambda x, dim=None: np.count_nonzero(x, axis=dim),
        with_zeros().map(lambda case: Case(case.args, {"dim": case.kwargs.get("dim")})),
        torch="count_nonzero",
        differentiable=False,
    ),
    Spec(tg.all, reference(np.all), with_zeros(), torch="all", differentiable=False),
    Spec(tg.any, reference(np.any), with_zeros(), torch="any", differentiable=False),
    Spec(tg.var, variance(np.var), variances(), torch="var"),
    Spec(tg.std, variance(np.std), variances(), torch="std"),
    Spec(tg.var_mean, with_mean(variance(np.var)), variances(), torch="var_mean"),
    Spec(tg.std_mean, with_mean(variance(np.std)), variances(), torch="std_mean"),
    Spec(tg.logsumexp, log_sum_exp, along_a_dim(), torch="logsumexp"),
    Spec(tg.norm, norm, norms(), torch="norm"),
    Spec(tg.cumsum, lambda x, dim: np.cumsum(x, axis=dim), running(), torch="cumsum"),
]
