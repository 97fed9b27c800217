"""The power goes at each step of a push, and the load goes on through the boot.

From the boot on the slot answers to which ``live`` led on the disk, or any that shares the socket; then one slot is left,
and it runs what is current.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from relstore.host.job import activation
from tests.cut_over_proof.stage import Event, Stage, stage
from tests.cut_over_proof.stopped import LASTING, STEPS, stopped_at
from tests.cut_over_proof.table import Row
from tests.support.hosts.systemd import Network
from tests.support.load.requests import Account
from tests.support.load.running import Mix
from tests.systemd.fronts import Front
from tests.systemd.slot_host import install, under_load

MIX = Mix(new=4, busy=2, idle=2, work=2, answer=0, stream=0, patience=1.0)
"""Callers who do not wait for a host that is off: the first answer after the boot is seen when it comes."""
_LONG_S = 10
SETTLED_S = 60


def run(network: Network, directory: Path, front: Front) -> Iterator[Row]:
    with stage(network, directory, front) as at:
        install(at.deployer, "--recover")
        at.deployer.host.run("systemctl", "enable", "--quiet", "relstore-recover")
        accounts: list[Account] = []
        away: list[float] = []
        wrong: list[str] = []
        for step in STEPS:
            with at.event(f"power cut: {step}") as event:
                account, seconds = _cut(at, step, event)
                accounts.append(account)
                away.append(seconds)
                wrong += [f"{event.what}: {problem}" for problem in event.wrong]
        every = Account(tuple(request for account in accounts for request in account.requests))
        seen = f"first answer {min(away):.1f} to {max(away):.1f} s after the host was switched on again"
        what = f"power cut at {len(STEPS)} steps, with the load through the boot; what the host was off for is not counted"
        yield Row.of(front.name, what, every, seen, wrong)


def _cut(at: Stage, step: str, event: Event) -> tuple[Account, float]:
    """What was asked before the cut and after the first answer, and how long after the boot that came."""
    host = at.deployer.host
    confirmed = ("--confirm", "20s") if step == activation.CONFIRMING else ()
    words = at.words("answers 500" if step == activation.RETURNING else "good", *LASTING, *confirmed)
    with under_load(at.deployer, mix=MIX) as load:
        with stopped_at(at.deployer, step, *words) as job:
            right = at.reached()
            cut = time.time()
            host.power_cut()
            job.client.kill()
        booted = time.time()
        host.boot()
        host.wait_running()
        event.wrong += at.wait_for_one_slot(SETTLED_S)
        event.wrong += at.wrong(at.current())
        if (kind := at.last()[0]) not in ("active", "interrupted", "rolled-back", "failed"):
            event.wrong.append(f"its last event is {kind}")
        time.sleep(1)
    first = load.account.first_good(booted)
    if first is None:
        event.wrong.append("nothing was answered after the boot")
        return load.account, _LONG_S
    if first.release not in right:
        event.wrong.append(f"{first.release} answered first instead of {' or '.join(right)}")
    before = load.account.between(0, cut - 0.1).requests
    after = [request for request in load.account.requests if request.began > first.ended]
    served = Account((*before, *after), load.account.lag)
    event.wrong += [str(request) for request in served.broken]
    away = first.ended - booted
    event.seen = (
        f"(at {job.step}) answered by {first.release} {away:.1f} s after it was switched on, then {at.last()}"
    )
    return served, away
