"""P4, P5: two scenarios at once, in every order that matters.

The first stops after each call that changes something or takes a lock. Then the second runs to its end, or until
it waits for the first; then the first continues. This produces the known bad interleavings: a collection between
an upload's check of an object and its use (Nix 6757, OSTree fb63f7ab, moby 53321), two pushes of one build, two
switches, a switch to what the collector is about to remove.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from relstore import protocol
from relstore.store.store import Store
from tests.proof import stops
from tests.proof.every_call import CALLS
from tests.proof.scenarios import (
    KEEP_ONE,
    Kit,
    Scenario,
    answered,
    copy,
    is_active,
    job,
    published,
    push_of,
    pushed,
    run_code,
    said_done,
    session,
    switched,
)
from tests.proof.stops import Running
from tests.proof.tally import Tally, some, try_all
from tests.support.conversation import Client
from tests.support.host_side import Content, Program, go_live, push_build

_STOPS = (*CALLS, "flock")
_ALONE_S = 1.5
"""How long the second may run before the first continues: longer than it takes without contention."""
_TIMEOUT_S = 180

OLD: dict[str, Content] = {"version": b"1", "shared": b"in both", "only/here": Program(b"of the oldest")}
NEW: dict[str, Content] = {**OLD, "version": b"3", "loose": b"of a build that is gone"}
"""Relies on what a collection would remove: objects of the oldest release, and one that nothing uses."""


CARELESS = """
import os, shutil
os.chdir(sys.argv[1])
used = {os.readlink("generations/" + name).split("/")[4] for name in os.listdir("generations")}
for build in os.listdir("../../builds"):
    if build not in used:
        shutil.rmtree("../../builds/" + build)
os.write(1, b"done")
"""


class Meeting(NamedTuple):
    """The first stops after its ``number``-th ``call``, and then the second runs."""

    first: Scenario
    second: Scenario
    base: Path
    call: str
    number: int

    def __str__(self) -> str:
        return f"{self.second.name} at {self.call} {self.number} of {self.first.name}"


def missing() -> str:
    """Why this proof cannot run here, or an empty text."""
    return "" if shutil.which("strace") else "there is no strace"


def prove(directory: Path, most: int | None) -> Iterator[Tally]:
    """``most``: the most cases for each pair."""
    kit = Kit.make(directory)
    base = directory / "base"
    _prepare(base)
    said = partial(session, kit, directory)
    push = Scenario("push", _prepare, said("push", push_of(NEW)), published, partial(pushed, NEW))
    gc = Scenario(
        "gc", _prepare, said("gc", Client().say(KEEP_ONE)), partial(answered, protocol.Collected), _nothing
    )
    back = Scenario(
        "switch back", _prepare, partial(job, kit, 1), partial(is_active, 1), partial(switched, 1)
    )
    forth = Scenario("switch", _prepare, partial(job, kit, 2), partial(is_active, 2), partial(switched, 2))
    pairs = [
        (push, gc), (gc, push), (push, push), (back, gc), (gc, back), (back, forth), (gc, gc),
    ]  # fmt: skip
    for first, second in pairs:
        tally = Tally(f"{second.name} during {first.name}")
        calls = stops.calls(first, _STOPS, base, directory)
        meetings = [
            Meeting(first, second, base, call, number)
            for call, count in calls.items()
            for number in range(1, count + 1)
        ]
        place = directory / f"{first.name}-{second.name}"
        try_all(tally, list(some(meetings, most)), _try, place)
        yield tally
    yield _control(push, base, directory)


def _control(push: Scenario, base: Path, directory: Path) -> Tally:
    """A collector that is wrong on purpose must be caught."""
    careless = Scenario("careless gc", _prepare, partial(run_code, CARELESS), said_done, _nothing)
    meetings = [
        Meeting(push, careless, base, call, number)
        for call, count in stops.calls(push, _STOPS, base, directory).items()
        for number in range(1, count + 1)
        if call.startswith(("link", "symlink"))
    ]
    tried = Tally("careless")
    try_all(tried, meetings, _try, directory / "careless")
    tally = Tally("control: a collector without the lock", tried.cases)
    tally.control("a collector without the lock", tried.violations)
    return tally


def _prepare(top: Path) -> None:
    """Generation 3 is current, 2 is the one to roll back to, 1 is for the collector; plus an unused object."""
    with Store.open(str(top), create=True) as store:
        go_live(store, OLD)
        go_live(store, {"version": b"2", "shared": b"in both"})
        go_live(store, {"version": b"3", "shared": b"in both"})
        push_build(store, {"loose": b"of a build that is gone"})


def _nothing(top: Path) -> Iterator[str]:
    yield from ()


def _try(meeting: Meeting, place: Path) -> Iterator[str]:
    top = copy(meeting.base, place)
    first = Running(meeting.first, top, (meeting.call, meeting.number))
    stopped = first.wait_until_stopped()
    second = Running(meeting.second, top)
    second.join(_ALONE_S)
    if stopped:
        os.kill(stopped, signal.SIGCONT)
    for running in (first, second):
        running.join(_TIMEOUT_S)
        if running.ended is None:
            yield f"{running.scenario.name} does not end"
            return
        if "Traceback" in running.ended.err:
            yield f"a traceback: {running.ended.err[-500:]}"
    yield from meeting.first.lasting(top)
    last = None
    for running in (first, second):
        ended = running.ended
        if ended is not None and running.scenario.acknowledged(top, ended):
            last = running.scenario
            if last.name == "push":
                yield from (f"acknowledged, but {problem}" for problem in last.promised(top))
    for scenario in (meeting.first, meeting.second):
        again = scenario.run(top, [])
        if scenario.name != "switch back" and not scenario.acknowledged(top, again):
            yield f"the next {scenario.name} fails: {again.code} {again.out[-300:]!r} {again.err[-300:]}"
        yield from (f"after the next {scenario.name}: {problem}" for problem in scenario.lasting(top))
