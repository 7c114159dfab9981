"""Rows of indexing, gathering, scattering and choosing."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

import tinygrad_edu as tg
from specs import Spec
from strategies import Case, arrays, broadcastable, dims, indices, masks, shapes

some_dims = shapes(min_dims=1, max_dims=3, min_side=1)


@st.composite
def keys(draw: st.DrawFn, shape: tuple[int, ...], advanced: bool = True) -> Any:
    """A key for a tensor of this shape: ints, slices, None, ..., and index arrays and masks if
    `advanced`.
    """
    parts: list[Any] = []
    together = draw(shapes(max_dims=2, max_side=3))  # what the index arrays broadcast to
    dim = 0
    has_ellipsis = False
    while dim < len(shape):
        n = shape[dim]
        kinds = ["slice", "none", "stop"] + ["int"] * (n > 0) + ["ellipsis"] * (not has_ellipsis)
        if advanced:
            kinds += ["array", "list"] * (n > 0) + ["mask"] * (together == () or len(together) == 1)
        kind = draw(st.sampled_from(kinds))
        if kind == "stop":
            break
        if kind == "ellipsis":
            has_ellipsis = True
            parts.append(...)
            dim = draw(st.integers(dim, len(shape)))
            rest = len(shape) - dim
            parts.extend(draw(_plain(shape[len(shape) - rest :])))
            break
        if kind == "none":
            if len(parts) > 6:
                break
            parts.append(None)
            continue
        if kind == "slice":
            parts.append(draw(_slices(n)))
        elif kind == "int":
            parts.append(draw(st.integers(-n, n - 1)))
        elif kind == "array":
            ones = tuple(1 if draw(st.booleans()) else side for side in together)
            parts.append(draw(indices(ones, n, negative=True)))
        elif kind == "list":
            parts.append([int(i) for i in draw(indices((together[-1] if together else 1,), n))])
        else:
            mask = np.zeros(n, bool)
            mask[: min(n, together[0] if together else 1)] = True
            parts.append(np.random.default_rng(0).permutation(mask))
        dim += 1
    return tuple(parts)


@st.composite
def _slices(draw: st.DrawFn, n: int) -> slice:
    bound = st.one_of(st.none(), st.integers(-n - 2, n + 2))
    return slice(draw(bound), draw(bound), draw(st.sampled_from([None, 1, 2, 3])))


@st.composite
def _plain(draw: st.DrawFn, shape: tuple[int, ...]) -> list[Any]:
    """Ints and slices for all these dims."""
    return [
        draw(st.integers(-n, n - 1)) if n and draw(st.booleans()) else draw(_slices(n))
        for n in shape
    ]


@st.composite
def indexed(draw: st.DrawFn, advanced: bool) -> Case:
    x = draw(arrays(shapes(max_dims=4)))
    key = draw(keys(x.shape, advanced).filter(lambda key: fits(x, key)))
    return Case((x, key))


def getitem(x: np.ndarray, key: Any) -> np.ndarray:
    """x[key] by PyTorch's rule: ints and slices first, then the index arrays on what is left."""
    basic, left = [], []
    for part in key:
        if isinstance(part, np.ndarray) and part.ndim == 0:
            part = int(part)
        is_basic = part is None or part is Ellipsis or isinstance(part, (int, slice))
        basic.append(part if is_basic else slice(None))
        if part is None:
            left.append(slice(None))
        elif part is Ellipsis:
            left.append(...)
        elif not isinstance(part, int):
            left.append(slice(None) if is_basic else part)
    return x[tuple(basic)][tuple(left)]


def fits(x: np.ndarray, key: Any) -> bool:
    try:
        getitem(x, key)
    except IndexError:
        return False
    return True


@st.composite
def assigned(draw: st.DrawFn) -> Case:
    """A tensor, a key without repeated indices, and a value that broadcasts to it."""
    x = draw(arrays(shapes(max_dims=3)))
    key = draw(keys(x.shape, False))
    target = getitem(x, key).shape
    value = tuple(1 if draw(st.booleans()) else n for n in target)[
        draw(st.integers(0, len(target))) :
    ]
    return Case((x, key, draw(arrays(value))))


def setitem(x: Any, key: Any, value: Any) -> Any:
    out = x.clone() if hasattr(x, "clone") else x.copy()
    out[key] = value
    return out


@st.composite
def selected(draw: st.DrawFn) -> Case:
    x = draw(arrays(some_dims))
    dim = draw(dims(x.ndim))
    return Case((x, dim, draw(indices((draw(st.integers(0, 5)),), x.shape[dim]))))


@st.composite
def gathered(draw: st.DrawFn, src: bool = False) -> Case:
    x = draw(arrays(some_dims))
    dim = draw(st.integers(0, x.ndim - 1))
    shape = tuple(draw(st.integers(0, 4 if d == dim else n)) for d, n in enumerate(x.shape))
    index = draw(indices(shape, x.shape[dim]))
    return Case((x, dim, index, draw(arrays(shape)))) if src else Case((x, dim, index))


def gather(x: np.ndarray, dim: int, index: np.ndarray) -> np.ndarray:
    place: list[Any] = list(np.ogrid[tuple(slice(0, n) for n in index.shape)])
    place[dim] = index
    return x[tuple(place)]


def scatter_add(x: np.ndarray, dim: int, index: np.ndarray, src: np.ndarray) -> np.ndarray:
    out = x.copy()
    place: list[Any] = list(np.ogrid[tuple(slice(0, n) for n in index.shape)])
    place[dim] = index
    np.add.at(out, tuple(place), src)
    return out


@st.composite
def taken_along(draw: st.DrawFn) -> Case:
    x = draw(arrays(some_dims))
    dim = draw(dims(x.ndim))
    shape = [1 if draw(st.booleans()) else n for n in x.shape]
    shape[dim] = draw(st.integers(0, 4))
    return Case((x, draw(indices(tuple(shape), x.shape[dim])), dim))


def take_along(x: np.ndarray, index: np.ndarray, dim: int) -> np.ndarray:
    shape = list(x.shape)
    shape[dim] = index.shape[dim]
    return np.take_along_axis(x, np.broadcast_to(index, shape), dim)


@st.composite
def scattered(draw: st.DrawFn) -> Case:
    """scatter without repeated indices (of repeated ones any may hold)."""
    x = draw(arrays(some_dims))
    dim = draw(st.integers(0, x.ndim - 1))
    order = np.argsort(draw(arrays(x.shape, distinct=True)), axis=dim)
    shape = tuple(draw(st.integers(0, n)) for n in x.shape)
    index = order[tuple(slice(0, n) for n in shape)]
    return Case((x, dim, index, draw(arrays(shape))))


def scatter(x: np.ndarray, dim: int, index: np.ndarray, src: np.ndarray) -> np.ndarray:
    out = x.copy()
    place: list[Any] = list(np.ogrid[tuple(slice(0, n) for n in index.shape)])
    place[dim] = index
    out[tuple(place)] = src
    return out


@st.composite
def index_added(draw: st.DrawFn) -> Case:
    x = draw(arrays(some_dims))
    dim = draw(st.integers(0, x.ndim - 1))
    count = draw(st.integers(0, 5))
    source = draw(arrays((*x.shape[:dim], count, *x.shape[dim + 1 :])))
    return Case((x, dim, draw(indices((count,), x.shape[dim])), source))


def index_add(x: np.ndarray, dim: int, index: np.ndarray, source: np.ndarray) -> np.ndarray:
    out = np.moveaxis(x.copy(), dim, 0)
    np.add.at(out, index, np.moveaxis(source, dim, 0))
    return np.moveaxis(out, 0, dim)


@st.composite
def chosen(draw: st.DrawFn) -> Case:
    condition, x, y = draw(broadcastable(3))
    return Case((draw(masks(condition)), draw(arrays(x)), draw(arrays(y))))


@st.composite
def masked(draw: st.DrawFn, value: bool) -> Case:
    x, mask = draw(broadcastable(2, max_dims=3))
    args = (draw(arrays(x)), draw(masks(mask)))
    return Case((*args, 2.5)) if value else Case(args)


def masked_select(x: np.ndarray, mask: np.ndarray) -> np.ndarray:
    shape = np.broadcast_shapes(x.shape, mask.shape)
    return np.broadcast_to(x, shape)[np.broadcast_to(mask, shape)]


@st.composite
def index_copied(draw: st.DrawFn) -> Case:
    """Distinct indices: which of several sources for one place wins is not defined."""
    x = draw(arrays(some_dims))
    dim = draw(st.integers(0, x.ndim - 1))
    index = np.array(draw(st.lists(st.integers(0, x.shape[dim] - 1), unique=True)), np.int64)
    source = draw(arrays((*x.shape[:dim], index.size, *x.shape[dim + 1 :])))
    return Case((x, dim, index, source))


def index_copy(x: np.ndarray, dim: int, index: np.ndarray, source: np.ndarray) -> np.ndarray:
    out = np.moveaxis(x.copy(), dim, 0)
    out[index] = np.moveaxis(source, dim, 0)
    return np.moveaxis(out, 0, dim)


@st.composite
def index_written(draw: st.DrawFn) -> Case:
    """Equal indices only where they add up."""
    x = draw(arrays(shapes(min_dims=2, max_dims=3, min_side=1)))
    count = draw(st.integers(0, 5))
    accumulate = draw(st.booleans())
    rows, columns = (draw(indices((count,), x.shape[d])) for d in (0, 1))
    if not accumulate:
        places = sorted({(int(r), int(c)) for r, c in zip(rows, columns, strict=True)})
        rows, columns = (np.array([place[d] for place in places], np.int64) for d in (0, 1))
    values = draw(arrays((rows.size, *x.shape[2:])))
    return Case((x, (rows, columns), values), {"accumulate": accumulate})


def index_put(x: np.ndarray, where: Any, values: np.ndarray, accumulate: bool) -> np.ndarray:
    out = x.copy()
    if accumulate:
        np.add.at(out, where, values)
    else:
        out[where] = values
    return out


@st.composite
def taken(draw: st.DrawFn) -> Case:
    x = draw(arrays(shapes(max_dims=3, min_side=1)))
    return Case((x, draw(indices(shapes(max_dims=2), x.size, negative=True))))


@st.composite
def holed(draw: st.DrawFn) -> Case:
    x = draw(arrays(shapes(max_dims=3)))
    return Case((np.where(draw(masks(x.shape)), x, 0.0),))


SPECS = [
    Spec(
        tg.Tensor.__getitem__,
        getitem,
        indexed(False),
        torch="Tensor.__getitem__",
        name="getitem_view",
    ),
    Spec(tg.Tensor.__getitem__, getitem, indexed(True), torch="Tensor.__getitem__", name="getitem"),
    Spec(setitem, setitem, assigned(), torch=setitem, name="setitem"),
    Spec(
        tg.index_select, lambda x, dim, i: np.take(x, i, axis=dim), selected(), torch="index_select"
    ),
    Spec(tg.gather, gather, gathered(), torch="gather"),
    Spec(tg.take_along_dim, take_along, taken_along(), torch="take_along_dim"),
    Spec(tg.scatter, scatter, scattered(), torch="scatter"),
    Spec(tg.scatter_add, scatter_add, gathered(src=True), torch="scatter_add"),
    Spec(tg.index_add, index_add, index_added(), torch="index_add"),
    Spec(tg.index_copy, index_copy, index_copied(), torch="index_copy"),
    Spec(tg.index_put, index_put, index_written(), torch="index_put"),
    Spec(tg.take, np.take, taken(), torch="take"),
    Spec(tg.nonzero, np.argwhere, holed(), torch="nonzero", differentiable=False),
    Spec(tg.argwhere, np.argwhere, holed(), torch="argwhere", differentiable=False),
    Spec(tg.where, np.where, chosen(), torch="where"),
    Spec(tg.masked_fill, lambda x, m, v: np.where(m, v, x), masked(True), torch="masked_fill"),
    Spec(tg.masked_select, masked_select, masked(False), torch="masked_select"),
]
