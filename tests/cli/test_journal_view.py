"""A journal as lines for people."""

from __future__ import annotations

import pytest

from relstore.cli.journal_view import entries
from relstore.formats.journal import EventKind
from relstore.protocol import LogRow


def event(
    kind: EventKind, generation: int, previous: int = 0, *, at: int = 100, job: str = "j", why: str = ""
) -> LogRow:
    return LogRow(at, kind, generation, previous, job, "ada", why)


@pytest.mark.parametrize(
    ("events", "lines"),
    [
        ([event("switching", 1), event("active", 1)], [("1", "active, <1 s")]),
        ([event("switching", 3, 2), event("rolled-back", 3, 2, at=104)], [("2 -> 3", "rolled-back, 4 s")]),
        ([event("switching", 3, 3), event("active", 3, 3, at=101)], [("3", "active, 1 s")]),
        ([event("switching", 3, 2), event("active", 3, 2, at=90)], [("2 -> 3", "active")]),
        ([event("switching", 3, 2)], [("2 -> 3", "no outcome")]),
        ([event("failed", 3, 2)], [("2 -> 3", "failed")]),
        ([event("marked-bad", 2, job="")], [("2", "marked-bad")]),
        (
            [event("switching", 3, 2), event("marked-bad", 1, job=""), event("active", 3, 2)],
            [("2 -> 3", "active, <1 s"), ("1", "marked-bad")],
        ),
        (
            [
                event("switching", 3, 2, job="a"),
                event("switching", 3, 2, job="b"),
                event("active", 3, 2, job="b"),
            ],
            [("2 -> 3", "no outcome"), ("2 -> 3", "active, <1 s")],
        ),
    ],
)
def test_an_activation_is_one_line(events: list[LogRow], lines: list[tuple[str, str]]) -> None:
    assert [(entry.change, entry.outcome) for entry in entries(events)] == lines


def test_the_first_line_of_each_reason() -> None:
    (entry,) = entries(
        [event("switching", 2, 1, why="in spite of a hold"), event("failed", 2, 1, why="one\ntwo")]
    )
    assert entry.reasons == ["in spite of a hold", "one"]
