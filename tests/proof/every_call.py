"""P1, P4, P5, P6, P9: a crash, or a failing disk, at every single call that changes something.

Each scenario runs once for each such call that it makes, and is killed right before the call, or the call
fails. Then the store is checked, the same scenario runs again without a fault, and the store is checked again.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.proof import stops
from tests.proof.scenarios import Ended, Kit, Scenario, copy, run_code, said_done, scenarios, two
from tests.proof.tally import Tally, some, try_all
from tests.support.host_side import WEB, strace

CALLS = (
    "write", "pwrite64", "ftruncate", "fchmod", "fchmodat", "chmod", "mkdir", "mkdirat", "rmdir",
    "unlink", "unlinkat", "link", "linkat", "symlink", "symlinkat", "rename", "renameat", "renameat2",
    "fsync", "fdatasync", "syncfs", "utimensat",
)  # fmt: skip
MOVES = ("rename", "renameat", "renameat2")
SYNCS = ("fsync", "fdatasync", "syncfs")
KILL = "signal=KILL"
ERRORS = ("ENOSPC", "EDQUOT", "EIO", "EROFS")
_KILLED = (-9, 137)


RM_AND_LN = """
import os
os.chdir(sys.argv[1])
os.unlink("current")
os.symlink("generations/2", "current")
os.write(1, b"done")
"""
SYNC_AGAIN = """
import os
os.chdir(sys.argv[1])
os.symlink("generations/2", ".tmp-control")
os.rename(".tmp-control", "current")
directory = os.open(".", os.O_RDONLY)
try:
    os.fsync(directory)
except OSError:
    os.fsync(directory)
os.write(1, b"done")
"""


class Point(NamedTuple):
    """One case: the fault at the ``number``-th call of its kind."""

    scenario: Scenario
    base: Path
    call: str
    number: int
    fault: str
    last: str = ""
    """``+`` where all later ones fail too."""

    def __str__(self) -> str:
        return f"{self.scenario.name}, {self.fault} at {self.call} {self.number}{self.last}"

    @property
    def is_sync(self) -> bool:
        return self.call in SYNCS


def missing() -> str:
    """Why this proof cannot run here, or an empty text."""
    return "" if shutil.which("strace") else "there is no strace"


def prove(directory: Path, most: int | None) -> Iterator[Tally]:
    """``most``: the most cases for each scenario and kind of fault."""
    kit = Kit.make(directory)
    for scenario in scenarios(kit, directory):
        base = directory / scenario.name / "store"
        base.parent.mkdir()
        scenario.prepare(base)
        calls = stops.calls(scenario, CALLS, base, directory)
        kinds = [("killed", [KILL], ""), ("errors", [f"error={name}" for name in ERRORS], "")]
        if scenario.errors_last:
            kinds.append(("errors that last", kinds[1][1], "+"))
        for what, faults, last in kinds:
            tally = Tally(f"{scenario.name}: {what} at every call")
            points = [
                Point(scenario, base, call, number, fault, last)
                for call, count in calls.items()
                for number in range(1, count + 1)
                for fault in faults
            ]
            place, workers = directory / f"{scenario.name}-{what}", 1 if scenario.alone else 2
            try_all(tally, list(some(points, most)), _try, place, workers)
            yield tally
    yield _controls(directory)


def _controls(directory: Path) -> Tally:
    """Programs that are wrong on purpose, run in the same way."""
    tally = Tally("controls: rm and ln, fsync again")
    for name, code, fault in (
        ("rm and ln", RM_AND_LN, KILL),
        ("a second fsync after one that failed", SYNC_AGAIN, "error=EIO"),
    ):
        scenario = Scenario(name, two, partial(run_code, code), said_done, partial(switched_link, 2))
        base = directory / name / "store"
        base.parent.mkdir()
        scenario.prepare(base)
        points = [
            Point(scenario, base, call, number, fault)
            for call, count in stops.calls(scenario, CALLS, base, directory).items()
            for number in range(1, count + 1)
        ]
        tried = Tally(name)
        try_all(tried, points, _try, directory / f"{name}-points")
        tally.cases += tried.cases
        tally.control(name, tried.violations)
    return tally


def switched_link(generation: int, top: Path) -> Iterator[str]:
    """What is wrong after the control has switched the link."""
    if (top / "apps" / WEB / "current").readlink() != Path(f"generations/{generation}"):
        yield "current points to another generation"


def _try(point: Point, place: Path) -> Iterator[str]:
    scenario = point.scenario
    top = copy(point.base, place)
    ended = scenario.run(top, strace(point.call, f"{point.fault}:when={point.number}{point.last}"))
    if point.fault == KILL and ended.code not in _KILLED:
        yield f"it was not killed, but ended with {ended.code}"
    yield from _after(scenario, top, ended)
    if point.fault != KILL and point.call not in MOVES:
        yield from scenario.whatever_fails(top)
    if point.fault != KILL and point.is_sync and scenario.acknowledged(top, ended) and not _told(ended):
        yield "acknowledged although a sync failed"
    # Running the same command again must be enough.
    again = scenario.run(top, ())
    if not scenario.acknowledged(top, again):
        yield f"the next run fails: {again.code} {again.out[-300:]!r} {again.err[-300:]}"
    else:
        yield from (f"after the next run: {problem}" for problem in scenario.promised(top))
    yield from (f"after the next run: {problem}" for problem in scenario.lasting(top))


def _after(scenario: Scenario, top: Path, ended: Ended) -> Iterator[str]:
    yield from scenario.lasting(top)
    if "Traceback" in ended.err:
        yield f"a traceback: {ended.err[-500:]}"
    if scenario.acknowledged(top, ended):
        yield from (f"acknowledged, but {problem}" for problem in scenario.promised(top))


def _told(ended: Ended) -> bool:
    """Whether a failure was reported as well: by a session after it acknowledged, or in a job's log when
    its state could not be written although the journal could."""
    return b"Failure" in ended.out or "the job's state cannot be written" in ended.err
