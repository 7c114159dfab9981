"""Hypothesis profiles: HYPOTHESIS_PROFILE=dev (20 examples) or ci (100, derandomised)."""

import os
import signal
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, settings

import tinygrad_edu as tg
from tinygrad_edu import _C

slow_start = [HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile("dev", max_examples=20, deadline=None, suppress_health_check=slow_start)
settings.register_profile(
    "ci", parent=settings.get_profile("dev"), max_examples=100, derandomize=True
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

# A test that starts `python -c` must get the package under test, not the source tree it stands in.
os.environ["PYTHONSAFEPATH"] = "1"


@pytest.fixture(autouse=True)
def same_random_numbers() -> None:
    """Every test draws the same numbers in every run."""
    tg.manual_seed(0)


@pytest.fixture(params=_C.levels())
def level(request: pytest.FixtureRequest) -> Iterator[str]:
    """Runs a test at every instruction-set level of this machine and build."""
    before = _C.level()
    _C.set_level(request.param)
    yield request.param
    _C.set_level(before)


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    """Sets the number of threads for the rest of the test."""
    before = _C.num_threads()
    yield _C.set_num_threads
    _C.set_num_threads(before)


# A shell starts background jobs with Ctrl-C ignored; the tests of Ctrl-C need it.
signal.signal(signal.SIGINT, signal.default_int_handler)
