"""What was live when, from the events of a log."""

from __future__ import annotations

import pytest

from relstore.cli.live_periods import LivePeriod, live_periods, live_seconds
from relstore.formats.journal import LogKind
from relstore.protocol import LogRow


def event(time: int, kind: LogKind, generation: int) -> LogRow:
    return LogRow(time, kind, generation, 0, "", "", "")


@pytest.mark.parametrize(
    ("events", "periods"),
    [
        ([], []),
        ([(5, "switching", 1)], []),
        ([(5, "switching", 1), (9, "active", 1)], [(1, 9, None)]),
        ([(9, "active", 1), (20, "active", 2)], [(1, 9, 20), (2, 20, None)]),
        ([(9, "active", 1), (15, "rolled-back", 2), (16, "stuck", 3), (17, "failed", 4)], [(1, 9, None)]),
        ([(9, "active", 1), (12, "active", 1)], [(1, 9, None)]),
        ([(9, "active", 2), (12, "active", 1), (13, "marked-bad", 2)], [(2, 9, 12), (1, 12, None)]),
        # The clock was set back in between.
        (
            [(90, "active", 1), (20, "active", 2), (95, "active", 3)],
            [(1, 90, 90), (2, 90, 95), (3, 95, None)],
        ),
    ],
)
def test_what_was_live_when(
    events: list[tuple[int, LogKind, int]], periods: list[tuple[int, int, int | None]]
) -> None:
    assert live_periods([event(*each) for each in events]) == [LivePeriod(*each) for each in periods]


def test_what_was_adopted_is_live_from_then_on() -> None:
    marks = [event(5, "marked-good", 1), event(5, "marked-good", 2)]
    assert live_periods(marks, 2) == [LivePeriod(2, 5, None)]
    assert live_periods(marks) == []
    first = LogRow(9, "active", 3, 2, "", "", "")
    assert live_periods([*marks, first], 3) == [LivePeriod(2, 5, 9), LivePeriod(3, 9, None)]
    # The one before was never marked: nobody knows since when it was live.
    assert live_periods([first], 3) == [LivePeriod(3, 9, None)]


def test_for_how_long_in_all() -> None:
    periods = [LivePeriod(1, 10, 20), LivePeriod(2, 20, 25), LivePeriod(1, 25, None)]
    assert live_seconds(periods, 100) == {1: 85, 2: 5}
    assert live_seconds(periods, 0) == {1: 10, 2: 5}
