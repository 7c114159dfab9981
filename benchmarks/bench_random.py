"""Random numbers beside PyTorch's, a million at a time: the cost of an element.

python benchmarks/bench_random.py --threads 1 2
"""

from __future__ import annotations

from harness import arguments, compare, line, set_threads

import tinygrad_edu as tg

COUNT = 1 << 20


def contenders(what: str) -> dict[str, object]:
    import torch

    def draws(lib: object) -> object:
        half = lib.full((COUNT,), 0.5)
        return {
            "rand": lambda: lib.rand(COUNT),
            "rand float64": lambda: lib.rand(COUNT, dtype=lib.float64),
            "randn": lambda: lib.randn(COUNT),
            "randn float64": lambda: lib.randn(COUNT, dtype=lib.float64),
            "bernoulli_": lambda: half.bernoulli_(0.5),
            "randint": lambda: lib.randint(0, 1000, (COUNT,)),
            "randperm": lambda: lib.randperm(COUNT),
        }[what]

    return {"ours": draws(tg), "torch": draws(torch)}


def main() -> None:
    options = arguments(__doc__)
    kinds = ["rand", "rand float64", "randn", "randn float64", "bernoulli_", "randint", "randperm"]
    for threads in options.threads:
        set_threads(threads)
        print(f"{threads} threads")
        for what in kinds:
            timings = compare(contenders(what), options.seconds)
            each = timings["ours"].median / COUNT * 1e9
            print(line(what, timings, work=f"{each:.2f} ns an element"))


if __name__ == "__main__":
    main()
