"""Which builds may be run by a process that nobody but root can look into."""

from __future__ import annotations

import pytest

from relstore.formats.journal import (
    ACTIVE,
    DELETED,
    FAILED,
    INTERRUPTED,
    MARKED_BAD,
    ROLLED_BACK,
    STUCK,
    SWITCHING,
    Event,
    EventKind,
)
from relstore.gc.may_run import current_at
from tests.support import histories

T = 1_800_000_000
Step = tuple[int, EventKind, int, int]


def events(*steps: Step) -> list[Event]:
    return [Event(T + time, kind, number, previous, "j", "", "") for time, kind, number, previous in steps]


def numbers(history: list[Event], *starts: float) -> set[int]:
    rows = histories.rows(ACTIVE, ACTIVE)
    known = {row.generation.build: row.generation.number for row in rows}
    return {known[build] for build in current_at(rows, history, [T + start for start in starts])}


TWO = events((0, SWITCHING, 1, 0), (5, ACTIVE, 1, 0), (100, SWITCHING, 2, 1), (110, ACTIVE, 2, 1))


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        pytest.param(-50, set(), id="before there was any release"),
        pytest.param(2, {1}, id="during the first activation"),
        pytest.param(50, {1}, id="while the first was current"),
        pytest.param(99.5, {1, 2}, id="in the same second as the switch"),
        pytest.param(105, {1, 2}, id="during the switch"),
        pytest.param(500, {2}, id="while the second was current"),
    ],
)
def test_what_was_current_at_its_start(start: float, expected: set[int]) -> None:
    assert numbers(TWO, start) == expected


def test_each_process_counts() -> None:
    assert numbers(TWO, 50, 500) == {1, 2}
    assert numbers(TWO) == set()


@pytest.mark.parametrize(
    ("outcome", "later"),
    [(ACTIVE, {2}), (ROLLED_BACK, {1}), (FAILED, {1}), (INTERRUPTED, {1}), (STUCK, {1, 2})],
)
def test_what_is_current_after_an_outcome(outcome: EventKind, later: set[int]) -> None:
    history = events((0, ACTIVE, 1, 0), (100, SWITCHING, 2, 1), (110, outcome, 2, 1))
    assert numbers(history, 200) == later


def test_marks_and_deletions_change_nothing() -> None:
    history = [*TWO, *events((200, MARKED_BAD, 2, 0), (300, DELETED, 1, 0))]
    assert numbers(history, 400) == {2}


def test_a_clock_that_was_set_back_in_between_leaves_both_possible() -> None:
    history = events((0, ACTIVE, 1, 0), (-1000, SWITCHING, 2, 1), (-990, ACTIVE, 2, 1))
    assert numbers(history, -500) == {1, 2}
