"""Timing side by side: every contender once a round, round after round, then medians and their
ratio.

Machines are shared and their speed drifts, so an absolute time means nothing, and neither does a
ratio of times taken at different moments. Interleaving gives every contender the same weather.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Timing:
    """Seconds a call: the median of the rounds, and the quartiles around it."""

    median: float
    low: float
    high: float


def compare(
    contenders: dict[str, Callable[[], object]], seconds: float = 2.0, least_rounds: int = 7
) -> dict[str, Timing]:
    """Runs all contenders in turn for about `seconds` in all, and times each call (or batch of
    calls, if short).
    """
    calls = {}
    for name, run in contenders.items():
        run()  # warm up: caches, lazy set-up
        started = time.perf_counter()
        run()
        once = time.perf_counter() - started
        calls[name] = max(1, min(1000, int(1e-3 / max(once, 1e-9))))
    times: dict[str, list[float]] = {name: [] for name in contenders}
    deadline = time.perf_counter() + seconds
    rounds = 0
    while rounds < least_rounds or time.perf_counter() < deadline:
        for name, run in contenders.items():
            started = time.perf_counter()
            for _ in range(calls[name]):
                run()
            times[name].append((time.perf_counter() - started) / calls[name])
        rounds += 1
    timings = {}
    for name, samples in times.items():
        low, median, high = statistics.quantiles(samples, n=4)
        timings[name] = Timing(median, low, high)
    return timings


def line(what: str, timings: dict[str, Timing], ours: str = "ours", work: str = "") -> str:
    """One row: our median, then each peer's, and ours as a share of it (under 1: we are faster)."""
    mine = timings[ours]
    cells = [f"{what:40s} {ours} {mine.median * 1e6:10.1f} us"]
    for name, peer in timings.items():
        if name != ours:
            share = mine.median / peer.median
            cells.append(f"{name} {peer.median * 1e6:10.1f} us  ratio {share:5.2f}")
    return "  ".join([*cells, work]).rstrip()


def arguments(description: str | None) -> argparse.Namespace:
    """--threads and --seconds, which every benchmark takes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seconds", type=float, default=2.0, help="time for each comparison")
    return parser.parse_args()


def set_threads(n: int) -> None:
    """The same number of threads for us and for PyTorch, if it is installed."""
    import tinygrad_edu as tg

    tg.set_num_threads(n)
    try:
        import torch

        torch.set_num_threads(n)
    except ImportError:
        pass
