"""Time of `import tinygrad_edu` beside `import numpy`: minima of 20 interleaved processes each.

python benchmarks/bench_import.py
"""

import os
import subprocess
import sys
import time

ROUNDS = 20
LIMIT = 0.05  # seconds more than NumPy alone


def seconds(statement: str) -> float:
    """Wall time of a fresh interpreter that runs one statement."""
    cached = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True, env=cached)
    return time.perf_counter() - start


def main() -> None:
    statements = ("import numpy", "import tinygrad_edu")
    best = dict.fromkeys(statements, float("inf"))
    for _ in range(ROUNDS):
        for statement in statements:
            best[statement] = min(best[statement], seconds(statement))
    for statement in statements:
        print(f"{statement:<22}{best[statement] * 1e3:7.1f} ms")
    more = best["import tinygrad_edu"] - best["import numpy"]
    print(f"{'difference':<22}{more * 1e3:7.1f} ms (limit {LIMIT * 1e3:.0f} ms)")
    if more > LIMIT:
        sys.exit("import tinygrad_edu takes too long")


if __name__ == "__main__":
    main()
