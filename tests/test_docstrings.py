"""The examples in the package's docstrings: each runs, with `tg` at hand and the seed at 0."""

import doctest
import importlib
import pkgutil

import numpy as np
import pytest

import tinygrad_edu as tg


def _examples():
    """Every docstring of the package that has an example, whatever module it stands in."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    for info in pkgutil.walk_packages(tg.__path__, "tinygrad_edu."):
        if info.name != "tinygrad_edu._C":
            module = importlib.import_module(info.name)
            yield from (test for test in finder.find(module) if test.examples)


EXAMPLES = {test.name.removeprefix("tinygrad_edu."): test for test in _examples()}


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # what an example saves does not land in the tree
    tg.manual_seed(0)
    example = EXAMPLES[name]
    example.globs.update(tg=tg, nn=tg.nn, np=np)
    doctest.DebugRunner().run(example, clear_globs=False)
