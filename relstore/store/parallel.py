"""Runs a function on many items in several threads, and gives the results in the order of the items.

Like ``concurrent.futures``, which Debian's python3-minimal does not have. Not for work in plain Python, where
threads only take turns.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator, Sequence
from typing import Callable, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_threads(
    function: Callable[[Item], Result], items: Sequence[Item], threads: int
) -> Generator[Result, None, None]:
    """The result for each item; raises what ``function`` raised when the turn of that item comes.

    Once that happens, or the generator is closed, no further item is begun.
    """
    waiting = deque(range(len(items)))
    results: dict[int, Result] = {}
    errors: dict[int, BaseException] = {}
    finished = threading.Condition()

    def work() -> None:
        while True:
            try:
                index = waiting.popleft()
            except IndexError:
                return
            try:
                result = function(items[index])
            except BaseException as error:  # noqa: BLE001 - raised again by the thread that wants the result
                with finished:
                    errors[index] = error
                    finished.notify()
            else:
                with finished:
                    results[index] = result
                    finished.notify()

    workers: list[threading.Thread] = []
    try:
        for _ in range(min(threads, len(items))):
            worker = threading.Thread(target=work)
            worker.start()
            workers.append(worker)
        for index in range(len(items)):
            with finished:
                finished.wait_for(lambda: index in results or index in errors)  # noqa: B023 - called at once
                if index in errors:
                    raise errors[index]
                result = results.pop(index)
            yield result
    finally:
        waiting.clear()
        for worker in workers:
            worker.join()
