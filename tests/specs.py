"""The table of ops: what each public op computes, and on which inputs it is proven.

A row is a `Spec` (any op) or an `Elementwise` (which draws its own cases). Each `specs_<stem>.py`
has a list SPECS of rows; `all_specs()` gathers them, and `test_gradients.py` runs every row through
the same tests: values, gradients of order one and two, storage, PyTorch. An op with arguments:

    Spec(tg.softmax, softmax_reference, case(arrays(shapes(min_dims=2)), dim=st.integers(-2, 1)),
         torch="softmax")

Arguments that depend on each other are drawn by a composite strategy that returns
`Case(args, kwargs)`. Inputs are plain NumPy arrays: the tests give them dtype and storage. float64
arrays become Tensors that require a gradient, other arrays Tensors that do not; lists are searched.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

import tinygrad_edu as tg
from strategies import LAYOUTS, Case, arrays, broadcastable, shapes


@dataclass(frozen=True, repr=False)
class Spec:
    """One row: `op` on Tensors must equal `reference` on float64 arrays.

    Args:
        op: the public function.
        reference: the same function of NumPy arrays; a tuple for several outputs.
        cases: strategy of `Case`.
        torch: dotted name below `torch`, or a function of torch tensors, taking the same arguments.
        differentiable: False for ops without a gradient (the output must then not require one).
        order: highest derivative that is checked against finite differences.
        why: the reason, where `order` is below 2.
        tolerance: multiplies the allowed error of values and gradients (sums of many terms).
        name: for the test id, where one op has several rows.
        exact, exact_params: see `Elementwise`.
    """

    op: Callable[..., Any]
    reference: Callable[..., Any]
    cases: st.SearchStrategy[Case]
    torch: str | Callable[..., Any] | None = None
    differentiable: bool = True
    order: int = 2
    why: str = ""
    tolerance: float = 1.0
    name: str = ""
    exact: Sequence[tuple[Any, ...]] = ()
    exact_params: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return self.name or self.op.__name__


def Elementwise(
    op: Callable[..., Any],
    reference: Callable[..., Any],
    *domains: tuple[float, float],
    kinks: tuple[float, ...] = (),
    exact: Sequence[tuple[Any, ...]] = (),
    params: Mapping[str, Any] | None = None,
    **options: Any,
) -> Spec:
    """A row for an op on lanes: one domain (low, high) per operand; operands broadcast.

    Args:
        kinks: where finite differences would be wrong; drawn operands keep away from them. With two
            operands, x - y keeps away from 0 as well.
        exact: what to meet exactly at kinks and special points. One operand: (x, f, f', f''), as
            many orders as given, up to three. Two operands: ((x, y), f, grad_x, grad_y).
        params: keyword arguments of the op, each a value or a strategy. The values among them also
            hold for the exact points.
    """
    domains = domains or ((-3.0, 3.0),)

    @st.composite
    def cases(draw: st.DrawFn) -> Case:
        sizes = draw(broadcastable(len(domains))) if len(domains) > 1 else [draw(shapes())]
        operands = [
            draw(arrays(size, low, high, away_from=kinks))
            for size, (low, high) in zip(sizes, domains, strict=True)
        ]
        if kinks and len(operands) == 2:
            operands = _apart(*operands)
        keywords = {
            name: draw(value) if isinstance(value, st.SearchStrategy) else value
            for name, value in (params or {}).items()
        }
        return Case(tuple(operands), keywords)

    fixed = {
        name: value
        for name, value in (params or {}).items()
        if not isinstance(value, st.SearchStrategy)
    }
    return Spec(op, reference, cases(), exact=exact, exact_params=fixed, **options)


def _apart(x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    """x to odd multiples of 1/8, y to odd multiples of 1/16: never equal, opposite or 0."""
    return [np.asarray(np.floor(x * 4) / 4 + 1 / 8), np.asarray(np.floor(y * 8) / 8 + 1 / 16)]


@cache
def all_specs() -> tuple[Spec, ...]:
    """The rows of every tests/specs_<stem>.py."""
    stems = sorted(path.stem for path in Path(__file__).parent.glob("specs_*.py"))
    return tuple(row for stem in stems for row in importlib.import_module(stem).SPECS)


def build(
    case: Case, dtype: Any = np.float64, layout: str = "contiguous"
) -> tuple[tuple[Any, ...], dict[str, Any], list[tg.Tensor]]:
    """The case's arguments as Tensors of `dtype` in this storage, and those that are leaves."""
    leaves: list[tg.Tensor] = []

    def convert(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            is_float = value.dtype == np.float64
            x = tg.from_numpy(LAYOUTS[layout](value.astype(dtype) if is_float else value))
            if is_float:
                leaves.append(x.requires_grad_())
            return x
        if isinstance(value, (list, tuple)):
            return type(value)(convert(item) for item in value)
        return value

    args = tuple(convert(value) for value in case.args)
    keywords = {name: convert(value) for name, value in case.kwargs.items()}
    return args, keywords, leaves


def outputs(result: Any) -> list[Any]:
    """An op's result as a list, whether it is one Tensor or several."""
    return list(result) if isinstance(result, (list, tuple)) else [result]
