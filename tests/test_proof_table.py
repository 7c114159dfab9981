"""No public op without its proof: a row in the table, a gradient test, a formula."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable
from typing import Any

import pytest

import tinygrad_edu.ops
from specs import all_specs

# Modules whose functions make tensors from nothing: test_creation.py and test_random.py have them.
MAKERS = {"creation", "random", "sampling"}
# Modules whose ops move elements and compute nothing: a sentence says it better than a formula.
MOVERS = {"copies", "gather", "indexing", "shape", "slicing", "view", "where", "windows"}
# What no table of arguments and results can hold: questions about tensors, and draws.
ELSEWHERE = {"allclose", "equal", "is_contiguous", "broadcast_shapes", "dropout"}


def public_ops() -> dict[str, Callable[..., Any]]:
    """Every function that a module of tinygrad_edu.ops lists in `__all__`; in-place forms, which
    end in an underscore, are made from these and tested in test_inplace.py.
    """
    found = {}
    for module in pkgutil.iter_modules(tinygrad_edu.ops.__path__):
        loaded = importlib.import_module(f"tinygrad_edu.ops.{module.name}")
        for name in getattr(loaded, "__all__", ()):
            if inspect.isfunction(getattr(loaded, name)) and not name.endswith("_"):
                found[name] = getattr(loaded, name)
    return found


OPS = public_ops()
ROWS = all_specs()
STEM = {name: op.__module__.rpartition(".")[2] for name, op in OPS.items()}
TABLED = sorted(name for name in OPS if STEM[name] not in MAKERS and name not in ELSEWHERE)
COMPUTING = [name for name in TABLED if STEM[name] not in MOVERS]


def documentation(name: str) -> str:
    return inspect.getdoc(OPS[name]) or ""


def test_there_are_ops() -> None:
    assert len(TABLED) > 150


@pytest.mark.parametrize("name", TABLED)
def test_has_a_row(name: str) -> None:
    assert any(row.op is OPS[name] or str(row) == name for row in ROWS), (
        f"{name} has no row in tests/specs_*.py"
    )


@pytest.mark.parametrize("name", sorted(OPS))
def test_has_a_docstring(name: str) -> None:
    assert documentation(name), f"{name} has no docstring"


@pytest.mark.parametrize("name", COMPUTING)
def test_first_line_is_a_formula(name: str) -> None:
    first = documentation(name).partition("\n")[0]
    assert re.search(r"[=+*/^<>|(]", first), f"{name}: no formula in {first!r}"


@pytest.mark.parametrize("row", [row for row in ROWS if row.differentiable], ids=str)
def test_gradient_is_stated_and_proven(row: Any) -> None:
    """A differentiable op that computes says its gradient; all are checked to order two."""
    names = [name for name, op in OPS.items() if op is row.op or name == str(row)]
    for name in set(names) & set(COMPUTING):
        assert "Gradient" in documentation(name), f"{name}: its docstring has no Gradient"
    assert row.order >= 2 or row.why, f"{row}: checked to order {row.order} only, without a reason"
