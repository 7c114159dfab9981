"""For the doctests of this package: `tg` is there without an import, and the seed is 0."""

from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.random import manual_seed


@pytest.fixture(autouse=True)
def _names(doctest_namespace: dict[str, Any]) -> None:
    doctest_namespace.update(tg=tg, nn=tg.nn, np=np)
    manual_seed(0)
