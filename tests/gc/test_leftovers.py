"""Leftovers are removed when they are old enough, and nothing else is."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from relstore.gc import leftovers, trash
from relstore.gc.leftovers import (
    DAY_S,
    HALF_WRITTEN,
    HELPER,
    JOB,
    LAST_JOBS,
    LEASE,
    SET_ASIDE,
    STAGED,
    Needed,
)
from relstore.store.app import JOBS
from relstore.store.store import Store
from tests.support.host_side import NOW, WEB, go_live, snapshot

NOTHING = Needed((), (), ())
MONTH_S = 31 * DAY_S


@pytest.fixture
def top(tmp_path: Path) -> Path:
    with Store.open(str(tmp_path / "store"), create=True) as store:
        go_live(store, {"version": b"1"})
    for path in (tmp_path / "store").rglob("*"):
        os.utime(path, (NOW, NOW), follow_symlinks=False)
    return tmp_path / "store"


def make(path: Path, *, age: float, data: bytes = b"data") -> Path:
    """A file, with the directories above it, of that age; those are as old."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (NOW - age, NOW - age))
    os.utime(path.parent, (NOW - age, NOW - age))
    return path


def found(top: Path, needed: Needed = NOTHING) -> list[tuple[str, str, int]]:
    with Store.open(str(top)) as store:
        return [
            (leftover.kind, leftover.path, leftover.bytes) for leftover in leftovers.find(store, needed, NOW)
        ]


def test_a_tidy_store_has_none(top: Path) -> None:
    assert found(top) == []


def test_a_lease_goes_with_its_upload(top: Path) -> None:
    make(top / "leases" / "held", age=0)
    make(top / "leases" / "dead", age=0)
    assert found(top, Needed(["held"], (), ())) == [(LEASE, "leases/dead", 4)]


def test_what_was_staged_is_kept_for_a_day(top: Path) -> None:
    make(top / "staging" / "old" / "part", age=DAY_S + 1)
    make(top / "staging" / "young" / "part", age=DAY_S - 1)
    make(top / "staging" / "held" / "part", age=MONTH_S)
    assert found(top, Needed(["held"], (), ())) == [(STAGED, "staging/old", 4)]


@pytest.mark.parametrize(
    "where", ["", "objects/aa", "builds", "helpers", "apps", "apps/web", "apps/web/records"]
)
def test_temporary_names_are_nobodys_after_a_day(top: Path, where: str) -> None:
    make(top / where / ".tmp-old", age=DAY_S + 1)
    make(top / where / ".tmp-young", age=0)
    expected = f"{where}/.tmp-old".lstrip("/")
    assert found(top) == [(HALF_WRITTEN, expected, 4)]


def test_the_last_jobs_are_kept_and_young_ones_and_those_that_matter(top: Path) -> None:
    jobs = top / "apps" / WEB / JOBS
    for number in range(LAST_JOBS + 4):
        make(jobs / f"{number:03}" / "log", age=MONTH_S)
    make(jobs / "002" / "log", age=DAY_S)
    gone = found(top, Needed((), [(WEB, "001")], ()))
    assert gone == [(JOB, f"apps/web/jobs/{number:03}", 4) for number in (0, 3)]


def test_a_helper_goes_when_nobody_used_it_for_a_month(top: Path) -> None:
    for name, age in (("old", MONTH_S), ("used", MONTH_S), ("young", DAY_S)):
        make(top / "helpers" / name / "file", age=age)
    (top / "helpers" / "newest").symlink_to("used")
    assert found(top, Needed((), (), ["used"])) == [(HELPER, "helpers/old", 4)]


def test_what_was_found_is_removed_and_nothing_else(top: Path) -> None:
    before = snapshot(top)
    make(top / "staging" / "old" / "deep" / "part", age=MONTH_S)
    os.utime(top / "staging" / "old", (NOW - MONTH_S, NOW - MONTH_S))
    make(top / "leases" / "dead", age=0)
    make(top / "apps" / WEB / ".tmp-1", age=MONTH_S)
    with Store.open(str(top)) as store:
        left = leftovers.find(store, NOTHING, NOW)
        assert len(left) == 3
        assert all(leftovers.is_dead(store, leftover, NOTHING, NOW) for leftover in left)
        for _ in range(2):
            leftovers.let_go(store, left)
            trash.empty(store)
    assert snapshot(top) == before


def test_what_came_into_use_since_it_was_found_stays(top: Path) -> None:
    make(top / "staging" / "resumed" / "part", age=MONTH_S)
    os.utime(top / "staging" / "resumed", (NOW - MONTH_S, NOW - MONTH_S))
    make(top / "staging" / "broke-off-again" / "part", age=MONTH_S)
    os.utime(top / "staging" / "broke-off-again", (NOW - MONTH_S, NOW - MONTH_S))
    make(top / "leases" / "resumed", age=0)
    make(top / "helpers" / "run-again" / "file", age=MONTH_S)
    os.utime(top / "helpers" / "run-again", (NOW - MONTH_S, NOW - MONTH_S))
    for job in range(LAST_JOBS + 1):
        place = top / "apps" / WEB / "jobs" / f"job-{job:02}"
        make(place / "state", age=MONTH_S)
        os.utime(place, (NOW - MONTH_S, NOW - MONTH_S))
    with Store.open(str(top)) as store:
        left = leftovers.find(store, NOTHING, NOW)
        assert {leftover.kind for leftover in left} == {STAGED, LEASE, HELPER, JOB}
        os.utime(top / "staging" / "broke-off-again", (NOW, NOW))
        needed = Needed(["resumed"], [(WEB, "job-00")], ["run-again"])
        assert [leftover for leftover in left if leftovers.is_dead(store, leftover, needed, NOW)] == []


def test_what_a_repair_set_aside_goes_after_a_month(top: Path) -> None:
    """Counted from when it was set aside, however old the file is."""
    make(top / "quarantine" / "ab12.conf", age=MONTH_S)
    with Store.open(str(top)) as store:
        assert leftovers.find(store, NOTHING, time.time() + DAY_S) == []
        (left,) = leftovers.find(store, NOTHING, time.time() + MONTH_S)
        assert (left.kind, left.path, left.bytes) == (SET_ASIDE, "quarantine/ab12.conf", 4)
