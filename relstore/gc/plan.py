"""The collector's plan: which generations and builds are kept or removed, and why. Pure.

The sweep carries out the plan that ``--dry-run`` shows. What the host knows (rows, leases, processes, jobs)
comes in as values. Not for reading those (``roots``), nor for removing anything (``sweep``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from relstore.formats import generation as generation_format
from relstore.formats.names import AppName, Digest
from relstore.formats.retention import Policy
from relstore.gc.policy import Decision, judge
from relstore.store import history
from relstore.store.history import Candidate


class Roots(NamedTuple):
    """Everything on the host that keeps generations and builds alive."""

    apps: Mapping[AppName, Sequence[Candidate]]
    jobs: Mapping[AppName, Collection[int]]
    """The generations that running or unresolved jobs need."""
    leased: Collection[Digest]
    """The builds that uploads are making."""
    running: Collection[Digest]
    """The builds that some process executes, maps, has open or has as its working directory."""
    may_run: Collection[Digest] = frozenset()
    """The builds that a process which this account may not look into may have been started from."""
    slots: Mapping[AppName, Collection[int]] = MappingProxyType({})
    """The generations that a slot runs: processes of other accounts cannot be read, the links can."""
    damaged_pins: Mapping[AppName, str] = MappingProxyType({})
    """Why an app has a pin that cannot be read: it may name any of the app's generations."""


class GenerationVerdict(NamedTuple):
    app: AppName
    number: int
    build: Digest
    keep: bool
    reason: str


class BuildVerdict(NamedTuple):
    build: Digest
    keep: bool
    reason: str


class Plan(NamedTuple):
    generations: list[GenerationVerdict]
    builds: list[BuildVerdict]

    @property
    def dead_generations(self) -> list[GenerationVerdict]:
        return [verdict for verdict in self.generations if not verdict.keep]

    @property
    def dead_builds(self) -> list[Digest]:
        return [verdict.build for verdict in self.builds if not verdict.keep]

    def only(self, other: Plan) -> Plan:
        """This plan, but keeping everything that the ``other`` plan keeps."""
        dead_generations = {(verdict.app, verdict.number) for verdict in other.dead_generations}
        dead_builds = set(other.dead_builds)
        return Plan(
            [
                verdict._replace(keep=verdict.keep or (verdict.app, verdict.number) not in dead_generations)
                for verdict in self.generations
            ],
            [
                verdict._replace(keep=verdict.keep or verdict.build not in dead_builds)
                for verdict in self.builds
            ],
        )


Contents = Callable[[Digest], Mapping[str, int]]
"""Gives the objects of a build with their sizes, and its copies, which no other build shares.

Called only where a policy limits the size.
"""


_UNKNOWN_PIN = Decision(True, "a pin of the app cannot be read")


def make_plan(
    roots: Roots,
    builds: Collection[Digest],
    policies: Mapping[AppName, Policy],
    now: int,
    contents: Contents,
) -> Plan:
    """``policies``: by app; without one, every generation is kept. Raises what ``contents`` raises."""
    generations: list[GenerationVerdict] = []
    for app, rows in roots.apps.items():
        policy = policies.get(app, Policy())
        decisions = judge(policy, rows, now)
        needed = _needed(rows, roots.jobs.get(app, ()), roots.slots.get(app, ()), roots.running)
        if app in roots.damaged_pins:
            needed = {row.number: _UNKNOWN_PIN for row in rows} | needed
        verdicts = []
        for row in rows:
            if row.state == generation_format.DELETED:
                continue
            number = row.number
            keep, reason = needed.get(number) or decisions[number]
            verdicts.append(GenerationVerdict(app, number, row.build, keep, reason))
        if policy.max_size is not None:
            ranks = {row.number: _rank(row) for row in rows}
            verdicts = _within(policy.max_size, verdicts, needed, ranks, contents)
        generations += verdicts
    return Plan(generations, _judge_builds(generations, builds, roots))


def _needed(
    rows: Sequence[Candidate], jobs: Collection[int], slots: Collection[int], running: Collection[Digest]
) -> dict[int, Decision]:
    """The generations that are kept whatever the policy says, each with its strongest reason."""
    needed: dict[int, Decision] = {}
    current = max((row.number for row in rows if row.state == generation_format.CURRENT), default=0)
    target = history.rollback_target(rows)
    for row in rows:
        number = row.number
        if row.state == generation_format.CURRENT:
            reason = "current"
        elif target is not None and row.number == target.number:
            reason = "the one to roll back to"
        elif row.pins:
            reason = f"pinned as {', '.join(row.pins)}"
        elif number in slots:
            reason = "a slot runs it"
        elif number in jobs:
            reason = "a job or a rollout needs it"
        elif row.build in running:
            reason = "a process runs it"
        elif row.state == generation_format.NEVER_ACTIVE and number > current:
            reason = "waiting to be activated"
        else:
            continue
        needed[number] = Decision(True, reason)
    return needed


def _rank(row: Candidate) -> int:
    """A failed generation never takes the place of another (P7), nor an untried one that of a good one."""
    if row.state == generation_format.FAILED:
        return 0
    return 2 if row.is_good else 1


def _within(
    size: int,
    verdicts: Sequence[GenerationVerdict],
    needed: Collection[int],
    ranks: Mapping[int, int],
    contents: Contents,
) -> list[GenerationVerdict]:
    """Remove the oldest generations that nothing needs, until the other builds have at most ``size`` bytes.

    A generation of a lower rank is removed before any of a higher rank.
    """
    counted: dict[str, int] = {}
    for verdict in verdicts:
        if verdict.keep and verdict.number in needed:
            counted.update(contents(verdict.build))
    total = sum(counted.values())
    full = False
    judged = {}
    best_first = sorted(verdicts, key=lambda verdict: (ranks[verdict.number], verdict.number), reverse=True)
    for verdict in best_first:
        judged[verdict.number] = verdict
        if not verdict.keep or verdict.number in needed:
            continue
        more = {name: count for name, count in contents(verdict.build).items() if name not in counted}
        full = full or total + sum(more.values()) > size
        if full and more:
            reason = f"beyond the {size:,} bytes that the app may have"
            judged[verdict.number] = verdict._replace(keep=False, reason=reason)
        else:
            counted.update(more)
            total += sum(more.values())
    return [judged[verdict.number] for verdict in verdicts]


def _judge_builds(
    generations: Sequence[GenerationVerdict], builds: Collection[Digest], roots: Roots
) -> list[BuildVerdict]:
    users: dict[Digest, list[str]] = {}
    for verdict in generations:
        if verdict.keep:
            users.setdefault(verdict.build, []).append(f"{verdict.app} {verdict.number}")
    verdicts = []
    for build in sorted(builds):
        if build in users:
            verdicts.append(BuildVerdict(build, True, f"of {', '.join(users[build][:5])}"))
        elif build in roots.leased:
            verdicts.append(BuildVerdict(build, True, "an upload is making it"))
        elif build in roots.running:
            verdicts.append(BuildVerdict(build, True, "a process runs it"))
        elif build in roots.may_run:
            verdicts.append(BuildVerdict(build, True, "a process of another account may run it"))
        else:
            verdicts.append(BuildVerdict(build, False, "no generation needs it"))
    return verdicts
