"""The thread pool, seen from Python: same bits for any number of threads, threads of Python, fork,
idle time."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from tinygrad_edu import _C


@pytest.fixture(autouse=True)
def restore_threads():
    before = _C.num_threads()
    yield
    _C.set_num_threads(before)


def draw(count=300_000):
    """A kernel that cuts its work into many tasks."""
    out = np.empty(count, np.float32)
    _C.random_uniform(out, 1, 2)
    return out


def in_new_process(code, **environment):
    command = [sys.executable, "-c", "from tinygrad_edu import _C\n" + code]
    done = subprocess.run(
        command,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("threads", [1, 2, 3, 5])
def test_results_do_not_depend_on_the_number_of_threads(threads):
    _C.set_num_threads(1)
    alone = draw()
    _C.set_num_threads(threads)
    assert _C.num_threads() == threads
    for _ in range(5):
        np.testing.assert_array_equal(draw(), alone)


def test_the_number_of_threads_is_at_least_one():
    _C.set_num_threads(0)
    assert _C.num_threads() == 1


def test_the_default_comes_from_the_environment_and_the_affinity():
    ask = "print(_C.num_threads())"
    unset = {"TINYGRAD_EDU_NUM_THREADS": "", "OMP_NUM_THREADS": ""}
    assert in_new_process(ask, **unset | {"TINYGRAD_EDU_NUM_THREADS": "3"}) == "3"
    assert in_new_process(ask, **unset | {"OMP_NUM_THREADS": "5"}) == "5"
    both = {"TINYGRAD_EDU_NUM_THREADS": "3", "OMP_NUM_THREADS": "5"}
    assert in_new_process(ask, **both) == "3"
    one = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n" + ask
    assert in_new_process(one, **unset) == "1"


def test_two_python_threads_both_work():
    _C.set_num_threads(2)
    expected = draw()
    wrong = []

    def work():
        for _ in range(50):
            if not np.array_equal(draw(), expected):
                wrong.append(threading.get_ident())

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_a_forked_child_computes_with_threads_of_its_own():
    code = """
import os
import numpy as np
_C.set_num_threads(2)
def draw():
    out = np.empty(300_000, np.float32)
    _C.random_uniform(out, 1, 2)
    return out
before = draw()
child = os.fork()
if child == 0:
    os._exit(0 if np.array_equal(draw(), before) else 1)
_, status = os.waitpid(child, 0)
assert status == 0, status
assert np.array_equal(draw(), before)
print("ok")
"""
    assert in_new_process(code) == "ok"


def test_workers_sleep_when_there_is_nothing_to_do():
    _C.set_num_threads(4)
    draw()
    time.sleep(0.02)  # the workers' spin is over
    before = time.process_time()
    time.sleep(0.3)
    assert time.process_time() - before < 0.03


def test_sleeping_workers_wake_up():
    _C.set_num_threads(2)
    expected = draw()
    for _ in range(5):
        time.sleep(0.01)
        np.testing.assert_array_equal(draw(), expected)


def test_a_process_that_used_threads_exits_cleanly():
    code = """
import numpy as np
_C.set_num_threads(3)
_C.random_uniform(np.empty(300_000, np.float32), 1, 2)
"""
    assert in_new_process(code) == ""
