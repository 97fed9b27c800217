"""``status --check``: what is a warning, what is critical, and the one line about it."""

from __future__ import annotations

import pytest

from relstore.cli.status_check import Level, Verdict, good_words, judge, worst
from relstore.formats.hold import AppHold
from relstore.formats.names import Digest, JobId
from relstore.protocol import RowOut, StatusOut, UnitOut

ROW = RowOut(42, Digest("a" * 64), 1, 1, 1, "ada@laptop", None, False, "", "current", "active", 1, "", ())
UNIT = UnitOut("web.service", "active (running)", 42, "/x")
JOB = JobId("20261123T044741Z-0a1b2c3d")
GOOD = StatusOut(ROW, 41, 42, 40, None, False, "", None, (UNIT,), (), 3, 10**10, 10**6)


@pytest.mark.parametrize(
    ("state", "complaint", "level", "problems"),
    [
        (GOOD, "", Level.OK, []),
        (GOOD._replace(hold=AppHold("ada", 1, "migration")), "", Level.OK, []),
        (GOOD, "http://x: status 503\nthe last lines", Level.CRITICAL, ["http://x: status 503"]),
        (GOOD._replace(current=None, units=()), "", Level.CRITICAL, ["no generation is current"]),
        (GOOD._replace(current=None, units=(), job=JOB), "", Level.OK, []),
        (GOOD._replace(current=None, units=(), generations=0), "", Level.OK, []),
        (
            GOOD._replace(units=(UNIT._replace(state="failed (failed)"),)),
            "",
            Level.CRITICAL,
            ["web.service has failed"],
        ),
        (
            GOOD._replace(units=(UNIT._replace(state="inactive (dead)", runs=0),)),
            "",
            Level.WARNING,
            ["web.service is inactive (dead)"],
        ),
        (GOOD._replace(units=(UNIT._replace(state="activating (start)"),), job=JOB), "", Level.OK, []),
        (GOOD._replace(units=(UNIT._replace(runs=0),)), "", Level.OK, []),
        (
            GOOD._replace(units=(UNIT._replace(runs=41),)),
            "",
            Level.WARNING,
            ["web.service runs generation 41, not 42"],
        ),
        (GOOD._replace(unresolved=True), "", Level.WARNING, ["a job died before its outcome"]),
        (GOOD._replace(drift="one\ntwo"), "", Level.WARNING, ["one", "two"]),
        (GOOD._replace(changed=("a", "b")), "", Level.WARNING, ["2 files of the build changed: a"]),
        (GOOD._replace(free_bytes=5_000_000), "", Level.WARNING, ["5.0 MB are free"]),
        (
            GOOD._replace(drift="one", units=(UNIT._replace(state="failed"),)),
            "",
            Level.CRITICAL,
            ["web.service has failed", "one"],
        ),
    ],
)
def test_what_is_how_bad(state: StatusOut, complaint: str, level: Level, problems: list[str]) -> None:
    verdict = judge(state, complaint)
    assert (verdict.level, list(verdict.problems)) == (level, problems)


def test_of_several_the_worst_counts() -> None:
    assert worst([Level.OK, Level.WARNING]) == Level.WARNING
    assert worst([Level.UNKNOWN, Level.WARNING]) == Level.UNKNOWN
    assert worst([Level.UNKNOWN, Level.CRITICAL, Level.OK]) == Level.CRITICAL
    assert worst([]) == Level.UNKNOWN


def test_it_is_one_line_without_measurements() -> None:
    verdict = Verdict(Level.WARNING, ("a | b\n\x1b[2J", "c"))
    assert verdict.line("web on web1", "") == "WARNING: web on web1: a / b\\n\\x1b[2J; c"
    assert Verdict(Level.OK, ()).line("web on web1", good_words(GOOD, "09:00")) == (
        "OK: web on web1: generation 42 is active since 09:00, web.service active"
    )
