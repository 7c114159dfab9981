"""Worker threads that compute ahead of the consumer, in order."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextvars import copy_context
from itertools import islice
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

# How long an abandoned loop waits for its workers: each ends after the sample that it is at.
PATIENCE = 5.0


class Slot(Generic[Item, Result]):
    """One item on its way: a worker fills in the result or the error, then sets `ready`."""

    def __init__(self, item: Item) -> None:
        self.item = item
        self.ready = threading.Event()
        self.result: Result
        self.error: BaseException | None = None

    @classmethod
    def failed(cls, error: Exception) -> Slot[Any, Any]:
        """A slot that no worker needs to fill in."""
        slot: Slot[Any, Any] = cls(None)  # type: ignore[arg-type]
        slot.error = error
        slot.ready.set()
        return slot


def prefetch(
    function: Callable[[Item, Callable[[], bool]], Result],
    items: Iterable[Item],
    workers: int,
    ahead: int,
    timeout: float | None = None,
    setup: Callable[[int], Any] | None = None,
) -> Iterator[Result]:
    """Yield `function(item, stopped)` for every item, in order, computed by threads in advance.

    Threads share the program's memory, so nothing is copied between them; they run beside the
    consumer wherever NumPy and our kernels release the interpreter's lock.

    Args:
        function: called in a worker thread. Its second argument says, when called, whether the
            result is no longer wanted; what the function then returns does not matter.
        items: read in the consumer's thread, `ahead` items before their results are asked for.
        workers: number of threads.
        ahead: how many items may be under way or ready at once.
        timeout: seconds to wait for one result; None waits for ever.
        setup: called in each thread first, with the thread's number.

    Raises:
        RuntimeError: when a result does not come in time.
        BaseException: what the function raised, in its item's turn and with its own traceback.
    """
    tasks: queue.SimpleQueue[Slot[Item, Result] | None] = queue.SimpleQueue()
    pending: deque[Slot[Item, Result]] = deque()
    upcoming = iter(items)
    stop = threading.Event()
    threads = [
        threading.Thread(
            target=copy_context().run,  # the consumer's context: no_grad() holds in the workers too
            args=(work, function, tasks, stop, setup, number),
            name=f"DataLoader worker {number}",
            daemon=True,
        )
        for number in range(workers)
    ]

    def submit(count: int) -> None:
        try:
            for item in islice(upcoming, count):
                pending.append(Slot(item))
                tasks.put(pending[-1])
        except Exception as error:  # raised by the items themselves: it waits for its turn
            pending.append(Slot.failed(error))

    patience = PATIENCE
    try:
        for thread in threads:
            thread.start()
        submit(ahead)
        while pending:
            slot = pending.popleft()
            if not slot.ready.wait(timeout):
                raise RuntimeError(f"DataLoader: no batch came within {timeout} seconds")
            if slot.error is not None:
                raise slot.error
            submit(1)  # before the result is handed out: the workers stay busy meanwhile
            yield slot.result
    except KeyboardInterrupt:
        patience = 0.0  # the user does not wait for the sample at hand
        raise
    finally:
        stop.set()
        for _ in threads:
            tasks.put(None)
        join(threads, patience)


def work(
    function: Callable[[Any, Callable[[], bool]], Any],
    tasks: queue.SimpleQueue[Slot[Any, Any] | None],
    stop: threading.Event,
    setup: Callable[[int], Any] | None,
    number: int,
) -> None:
    """A worker's life: take a slot, fill it in, take the next."""
    broken: BaseException | None = None
    try:
        if setup is not None:
            setup(number)
    except BaseException as error:
        broken = error
    while (slot := tasks.get()) is not None and not stop.is_set():
        try:
            if broken is not None:
                raise broken
            slot.result = function(slot.item, stop.is_set)
        except BaseException as error:
            slot.error = error
            if hasattr(error, "add_note"):  # Python 3.11
                error.add_note(f"(raised in {threading.current_thread().name})")
        slot.ready.set()
        del slot  # or the last result would stay alive until the next task


def join(threads: list[threading.Thread], patience: float) -> None:
    """Wait for the threads to end, `patience` seconds at most for all of them."""
    deadline = time.monotonic() + patience
    for thread in threads:
        # The garbage collector may close an abandoned loop from within one of its own workers.
        if thread.ident is not None and thread is not threading.current_thread():
            thread.join(max(0.0, deadline - time.monotonic()))
