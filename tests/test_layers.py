"""The layers of the design, read from the source: imports point downward, and only `backends` knows
CuPy. Inside a layer a module may import its neighbours; a cycle shows at import."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import tinygrad_edu

ROOT = Path(tinygrad_edu.__file__).parent

# Highest first: a module imports only from its own layer and those after it.
LAYERS = [
    {"nn", "optim", "data", "train", "utils", "gradcheck", "serialization"},
    {"tensor", "tensor_methods"},
    {"ops"},
    {
        "autograd",
        "graph",
        "autograd_context",
        "gradients",
        "hooks",
        "grad_mode",
        "random",
        "printing",
    },
    {"backends", "dtypes", "device"},
    {"_C"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
MODULES = sorted(set(ROOT.rglob("*.py")) - {ROOT / "__init__.py", ROOT / "conftest.py"})


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """The top names below tinygrad_edu that a module imports, and whether on first use only."""
    package = ("tinygrad_edu", *path.relative_to(ROOT).parent.parts)
    tree = ast.parse(path.read_text())
    deferred = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.If))
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            parts = (*base, *(node.module.split(".") if node.module else ()))
            names = [parts] if len(parts) > 1 else [(*parts, alias.name) for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [tuple(alias.name.split(".")) for alias in node.names]
        else:
            continue
        for parts in names:
            yield (
                ".".join(parts[:2]) if parts[0] == "tinygrad_edu" else parts[0],
                id(node) in deferred,
            )


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_downward(path: Path) -> None:
    parts = path.relative_to(ROOT).with_suffix("").parts
    assert parts[0] in LEVEL, f"{parts[0]} stands in no layer: add it to LAYERS"
    for name, deferred in imports(path):
        top, _, below = name.partition(".")
        if top == "cupy":
            assert parts[0] == "backends", "only backends knows CuPy"
        if top == "tinygrad_edu" and not deferred:
            assert below in LEVEL, f"{below} stands in no layer: add it to LAYERS"
            assert LEVEL[below] >= LEVEL[parts[0]], f"{parts[0]} imports {below}, which is above it"
