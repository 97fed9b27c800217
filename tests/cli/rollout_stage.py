"""``python -m tests.cli.rollout_stage CASE STOP ARGUMENTS…``: relstore with a fleet that is played, for its screens.

Everything that a person sees is the program's own; what the hosts do comes from here. After STOP events (0: never) the
program ends as if it were killed, so that what it shows while it works stays on the screen. Not imported by any test.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from relstore import protocol
from relstore.cli import pushing, rollout_view
from relstore.cli.main import main
from relstore.client.fleet.course import Course
from relstore.client.fleet.result import (
    SKIPPED,
    STAGED,
    UNREACHABLE,
    WITHDRAWN,
    HostResult,
    from_ended,
)
from relstore.client.operations.access import Access
from relstore.client.operations.plan import Push
from relstore.client.rollout import machine, states
from relstore.client.rollout.machine import Rollout
from relstore.client.rollout.states import Event
from relstore.client.target import Target
from relstore.errors import ConnectError
from relstore.formats.names import AppName, Digest

APP = AppName("web")
BUILD = Digest.from_bytes(b"\7" * 32)
COMMIT = "0123456789abcdef0123456789abcdef01234567"
REASON = (
    "not healthy within 30 s: http://127.0.0.1:8080/health: status 503, body 'the price service does not answer', "
    "last of {} attempts"
)
DRAW_S = 0.7
SLOW_S = 2.5
BEAT_S = 0.5
"""Instead of every half minute, when a host is slow."""
BAD = {6, 8, 29}
"""The indexes of the hosts on which a bad release fails."""


class Played:
    """One rollout over hosts that do as ``case`` says."""

    def __init__(
        self, case: str, stop: int, targets: Sequence[Target], access: Access, course: Course
    ) -> None:
        self.case, self.stop = case, stop
        self.reporter, self.observer = access.reporter, course.observer
        self.rollout = Rollout.of(course.strategy, len(targets))
        self.results = [
            HostResult(target, STAGED, APP, 40 + number % 3, 39, 39, build=BUILD, commit=COMMIT)
            for number, target in enumerate(targets)
        ]
        self.told = 0

    async def run(self) -> list[HostResult]:
        self.observer.begin("20261201T094500Z-0a1b2c3d", self.rollout, [each.target for each in self.results])
        await self.feed(states.RolloutBegun())
        for host in range(len(self.results)):
            await self.feed(self.staged(host))
        while not self.rollout.is_ended:
            await self.turn()
        return [
            replace(result, outcome=SKIPPED) if state == states.STAGED else result
            for state, result in zip(self.rollout.hosts, self.results, strict=True)
        ]

    def staged(self, host: int) -> Event:
        label = self.results[host].target.label
        if self.case == "unreachable" and host in BAD:
            error = ConnectError(
                "no answer within 10 s", state="Nothing was changed there.", hint="Is it on?"
            )
            self.results[host] = replace(
                self.results[host],
                outcome=UNREACHABLE,
                generation=0,
                error=error.on(label),
                build=None,
                commit=None,
            )
            return states.HostStaged(host, "unreachable")
        self.reporter.ended(label, "staged")
        return states.HostStaged(host, "staged")

    async def turn(self) -> None:
        """One thing that the rollout waits for."""
        rollout = self.rollout
        if rollout.phase == states.BAKING:
            await self.feed(states.Baked(rollout.wave))
        elif rollout.phase == states.REVERTING:
            host = min(rollout.returning)
            self.results[host] = replace(self.results[host], outcome=WITHDRAWN, current=39)
            self.reporter.ended(self.results[host].target.label, WITHDRAWN)
            await self.feed(states.HostReturned(host, "withdrawn"))
        else:
            if self.case == "slow" and rollout.wave == 0:
                await asyncio.sleep(SLOW_S)
            host = rollout.among(states.ACTIVATING)[0]
            is_bad = self.case == "bad" and host in BAD
            ended = protocol.Ended(
                job=None, outcome="rolled-back" if is_bad else "active", generation=self.results[host].generation,
                previous=39, current=39 if is_bad else self.results[host].generation,
                reason=REASON.format(50 + host) if is_bad else "",
            )  # fmt: skip
            result = from_ended(self.results[host].target, APP, ended)
            self.results[host] = replace(result, build=BUILD, commit=COMMIT)
            self.reporter.ended(result.target.label, result.outcome)
            await self.feed(states.HostEnded(host, "failed" if is_bad else "active"))

    async def feed(self, event: Event) -> None:
        self.rollout, actions = machine.after(self.rollout, event)
        for action in actions:
            if isinstance(action, states.ActivateHost):
                self.reporter.step(self.results[action.host].target.label, "checking")
            if isinstance(action, states.RevertHost):
                self.reporter.step(self.results[action.host].target.label, "going back to generation 39")
        self.observer.moved(event, self.rollout, actions, self.results)
        if not isinstance(event, states.HostStaged):
            self.told += 1
        if self.stop and self.told >= self.stop:
            await asyncio.sleep(DRAW_S)
            os._exit(0)


def play(case: str, stop: int) -> Callable[..., Any]:
    async def push(
        read: Callable[[], Push], targets: Sequence[Target], access: Access, course: Course
    ) -> list[HostResult]:
        return await Played(case, stop, targets, access, course).run()

    return push


if __name__ == "__main__":
    if sys.argv[1] == "slow":
        rollout_view.HEARTBEAT_S = BEAT_S
    pushing.push_to_all = play(sys.argv[1], int(sys.argv[2]))  # type: ignore[attr-defined]
    main(sys.argv[3:])
