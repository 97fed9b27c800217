"""Rollouts that must fail requests, or the load proves nothing of the others: what hosts that restart need.

The last one must not: a release that is bad from its start on, at a canary that restarts.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.cut_over_proof.stage import report
from tests.cut_over_proof.table import Row
from tests.fleet_proof import balancer, story
from tests.fleet_proof.fleet import fleet
from tests.support.hosts.systemd import Network

_ALL_AT_ONCE = 'canary = 0\nwaves = ["100%"]'
_ONE_CANARY = 'order = ["canary", "*"]\ncanary = "canary"\nwaves = ["50%", "100%"]'


@dataclass(frozen=True)
class Control:
    """A fleet of four hosts, and what is done there."""

    hosts: str
    what: str
    slots: int
    restarted: int
    care: str
    ends: str = "politely"
    rollout: str = story.WAVES
    mode: str = "good"
    canary: str = "web1"
    must_fail: bool = True

    def run(self, network: Network, directory: Path) -> Row:
        with fleet(
            network, directory, slots=self.slots, restarted=self.restarted, care=self.care, ends=self.ends
        ) as at:
            at.configure(self.rollout, [self.canary])
            with at.under_load() as load, at.event(self.what) as event:
                at.release(self.mode)
                ran = at.run("push")
                if ran.code != (0 if self.mode == "good" else 3):
                    event.wrong.append(f"exit code {ran.code}: {ran.err}")
                time.sleep(1)
        wrong = report(at.events, load.account)
        found = load.account.broken
        if bool(found) != self.must_fail:
            wrong.append(f"it was to fail requests or not: {len(found)} failed")
        seen = "must fail" if self.must_fail else "the balancer lets nobody in that fails its check"
        return Row.of(self.hosts, self.what, load.account, seen, wrong)


CONTROLS = (
    Control("4 that restart", "a balancer that neither looks nor asks again", 0, 4, balancer.NOTHING),
    Control(
        "2 with slots, 2 that restart",
        "a balancer that neither looks nor asks again",
        2,
        2,
        balancer.NOTHING,
    ),
    Control(
        "4 that restart",
        "a program that ends at once on SIGTERM",
        0,
        4,
        balancer.LOOKS_AND_RETRIES,
        ends="at once",
    ),
    Control(
        "4 that restart",
        "all of them in one wave",
        0,
        4,
        balancer.LOOKS_AND_RETRIES,
        rollout=_ALL_AT_ONCE,
    ),
    Control(
        "2 with slots, 2 that restart",
        "a release that answers 500, and a canary that restarts",
        2,
        2,
        balancer.LOOKS_AND_RETRIES,
        mode="answers 500",
        rollout=_ONE_CANARY,
        canary="web3",
        must_fail=False,
    ),
)


def run(network: Network, directory: Path) -> Iterator[Row]:
    for number, control in enumerate(CONTROLS):
        yield control.run(network, directory / str(number))
