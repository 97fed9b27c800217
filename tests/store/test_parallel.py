"""Work in several threads: results in order, errors in their place, and nothing begun after the end."""

from __future__ import annotations

import contextlib
import threading
import time

import pytest

from relstore.store.parallel import map_in_threads


def test_results_come_in_the_order_of_the_items() -> None:
    def late_first(number: int) -> int:
        time.sleep((10 - number) / 1000)
        return number * number

    assert list(map_in_threads(late_first, range(10), 4)) == [number * number for number in range(10)]


@pytest.mark.parametrize(("items", "threads"), [(0, 4), (1, 4), (100, 1)])
def test_any_number_of_items_and_threads(items: int, threads: int) -> None:
    assert list(map_in_threads(str, range(items), threads)) == [str(number) for number in range(items)]


def test_it_works_on_several_items_at_once() -> None:
    together = threading.Barrier(4)
    assert sorted(map_in_threads(lambda _: together.wait(60), range(4), 4)) == [0, 1, 2, 3]


def test_an_error_is_raised_when_its_turn_comes() -> None:
    results = map_in_threads(lambda number: 1 // number, [2, 1, 0, 1], 2)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_nothing_is_begun_once_the_caller_stops() -> None:
    begun: list[int] = []
    go_on = threading.Event()

    def work(number: int) -> None:
        begun.append(number)
        if number:
            go_on.wait(60)

    before = threading.active_count()
    with contextlib.closing(map_in_threads(work, range(100), 2)) as results:
        next(results)
        threading.Timer(0.05, go_on.set).start()
    assert len(begun) <= 4
    deadline = time.monotonic() + 60
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() == before
