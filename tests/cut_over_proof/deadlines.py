"""Answers and streams of a minute across a push: within ``drain`` none is cut; past it each is counted and told."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

from tests.cut_over_proof.stage import Stage, report, stage
from tests.cut_over_proof.table import Row
from tests.support.hosts.systemd import Network
from tests.support.load.running import Mix
from tests.systemd.fronts import Front
from tests.systemd.slot_host import under_load

LONG = Mix(new=2, busy=2, idle=2, work=2, answer=8, stream=8, answers=(60.0,), streams=(60.0,))
PAST = Mix(new=2, busy=0, idle=0, work=2, answer=6, stream=6, answers=(60.0,), streams=(60.0,))
DRAIN_S = 75
SHORT_S = 5


def run(network: Network, directory: Path, front: Front) -> Iterator[Row]:
    with stage(network, directory, front, drain=DRAIN_S) as at:
        yield _within(at)
        at.events.clear()
        yield _past(at)


def _within(at: Stage) -> Row:
    with under_load(at.deployer, mix=LONG) as load:
        time.sleep(5)
        with at.event("push") as event:
            ran = at.push("good", "--drain", f"{DRAIN_S}s")
            event.wrong += [] if ran.code == 0 else [ran.err]
        with at.event("the old slot drains") as event:
            event.wrong += at.wait_for_one_slot(DRAIN_S + 30)
        event.seen = f"({_told(at)})"
    wrong = report(at.events, load.account)
    ended = [request for request in load.account.requests if request.seconds > 59 and request.outcome == "ok"]
    seen = f"{len(ended)} of a minute were whole; the old slot ran for {event.ended - event.began:.0f} s more"
    wrong += [str(request) for request in load.account.broken]
    what = f"answers and streams of 60 s across a push with drain = {DRAIN_S} s"
    return Row.of(at.front.name, what, load.account, seen, wrong)


def _past(at: Stage) -> Row:
    with under_load(at.deployer, mix=PAST) as load:
        time.sleep(3)
        with at.event("push") as event:
            ran = at.push("good", "--drain", f"{SHORT_S}s")
            event.wrong += [] if ran.code == 0 else [ran.err]
        with at.event("the old slot drains") as event:
            event.wrong += at.wait_for_one_slot(SHORT_S + 30)
    wrong = report(at.events, load.account)
    told = _told(at)
    cut = len(load.account.broken)
    counted = re.match(r"\d+", told)
    if not cut or (counted and int(counted[0]) < cut):
        wrong.append(f"{cut} were cut, and the job says {told!r}")
    what = f"answers and streams of 60 s across a push with drain = {SHORT_S} s"
    return Row.of(at.front.name, what, load.account, f"the job's log: {told!r}", wrong)


def _told(at: Stage) -> str:
    """What the job says that it cut; nobody can count the connections of one that shares a socket."""
    found = re.search(
        r"\d+ connections? of generation \d+ (was|were) closed after \d+ s"
        r"|generation \d+ was stopped after \d+ s; its connections could not be counted",
        at.job_log(),
    )
    return found[0] if found else "0 connections closed"
