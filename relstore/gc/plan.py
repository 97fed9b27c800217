"""The collector's plan: for each generation and build, kept or removed, and why. Pure.

The plan that ``--dry-run`` shows is the plan that the sweep runs. What the host knows (rows, leases,
processes, jobs) comes in as values; reading it is for ``roots``, removing for ``sweep``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from relstore.formats import generation as generation_format
from relstore.formats.names import AppName, Digest
from relstore.formats.retention import Policy
from relstore.gc.policy import Wanted, judge
from relstore.store import history
from relstore.store.history import Row


class Roots(NamedTuple):
    """What the host found that keeps things alive."""

    apps: Mapping[AppName, Sequence[Row]]
    jobs: Mapping[AppName, Collection[int]]
    """The generations that running or unresolved jobs are about."""
    leased: Collection[Digest]
    """The builds that uploads are making."""
    running: Collection[Digest]
    """The builds that some process executes, maps, has open or stands in."""
    may_run: Collection[Digest] = frozenset()
    """The builds that a process which is hidden from this account may have been started from."""


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
        """This plan, but what does not go by the ``other`` does not go by this one."""
        generations = {(one.app, one.number) for one in other.dead_generations}
        builds = set(other.dead_builds)
        return Plan(
            [
                one if one.keep or (one.app, one.number) in generations else one._replace(keep=True)
                for one in self.generations
            ],
            [one if one.keep or one.build in builds else one._replace(keep=True) for one in self.builds],
        )


Contents = Callable[[Digest], Mapping[Digest, int]]
"""The objects of a build, with their bytes. Only asked for where a policy has a size."""


def make_plan(
    roots: Roots,
    builds: Collection[Digest],
    policies: Mapping[AppName, Policy],
    now: int,
    contents: Contents,
) -> Plan:
    """``policies``: by app; where there is none, every generation stays. Raises what ``contents`` does."""
    generations: list[GenerationVerdict] = []
    for app, rows in roots.apps.items():
        policy = policies.get(app, Policy())
        wanted = judge(policy, rows, now)
        needed = _needed(rows, roots.jobs.get(app, ()), roots.running)
        verdicts = []
        for row in rows:
            if row.state == generation_format.DELETED:
                continue
            number = row.generation.number
            keep, reason = needed.get(number) or wanted[number]
            verdicts.append(GenerationVerdict(app, number, row.generation.build, keep, reason))
        if policy.max_size is not None:
            ranks = {row.generation.number: _rank(row) for row in rows}
            verdicts = _within(policy.max_size, verdicts, needed, ranks, contents)
        generations += verdicts
    return Plan(generations, _judge_builds(generations, builds, roots))


def _needed(rows: Sequence[Row], jobs: Collection[int], running: Collection[Digest]) -> dict[int, Wanted]:
    """What must stay whatever the policy says, with the strongest reason."""
    needed: dict[int, Wanted] = {}
    current = max(
        (row.generation.number for row in rows if row.state == generation_format.CURRENT), default=0
    )
    target = history.rollback_target(rows)
    for row in rows:
        number = row.generation.number
        if row.state == generation_format.CURRENT:
            reason = "current"
        elif target is not None and row is target:
            reason = "the one to roll back to"
        elif row.pins:
            reason = f"pinned as {', '.join(row.pins)}"
        elif number in jobs:
            reason = "a job is about it"
        elif row.generation.build in running:
            reason = "a process runs it"
        elif row.state == generation_format.NEVER_ACTIVE and number > current:
            reason = "waits to be activated"
        else:
            continue
        needed[number] = Wanted(True, reason)
    return needed


def _rank(row: Row) -> int:
    """What failed takes nobody's place (P7), and what was never tried no good one's."""
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
    """Let go of the oldest that nothing needs, until the builds of the rest have at most ``size`` bytes.

    Those of a lower rank go before the oldest one of a higher.
    """
    counted: dict[Digest, int] = {}
    for verdict in verdicts:
        if verdict.keep and verdict.number in needed:
            counted.update(contents(verdict.build))
    total = sum(counted.values())
    full = False
    found = {}
    for verdict in sorted(verdicts, key=lambda one: (ranks[one.number], one.number), reverse=True):
        found[verdict.number] = verdict
        if not verdict.keep or verdict.number in needed:
            continue
        more = {name: count for name, count in contents(verdict.build).items() if name not in counted}
        full = full or total + sum(more.values()) > size
        if full and more:
            reason = f"beyond the {size:,} bytes that the app may have"
            found[verdict.number] = verdict._replace(keep=False, reason=reason)
        else:
            counted.update(more)
            total += sum(more.values())
    return [found[verdict.number] for verdict in verdicts]


def _judge_builds(
    generations: Sequence[GenerationVerdict], builds: Collection[Digest], roots: Roots
) -> list[BuildVerdict]:
    users: dict[Digest, list[str]] = {}
    for verdict in generations:
        if verdict.keep:
            users.setdefault(verdict.build, []).append(f"{verdict.app} {verdict.number}")
    found = []
    for build in sorted(builds):
        if build in users:
            found.append(BuildVerdict(build, True, f"of {', '.join(users[build][:5])}"))
        elif build in roots.leased:
            found.append(BuildVerdict(build, True, "an upload is making it"))
        elif build in roots.running:
            found.append(BuildVerdict(build, True, "a process runs it"))
        elif build in roots.may_run:
            found.append(BuildVerdict(build, True, "a hidden process may run it"))
        else:
            found.append(BuildVerdict(build, False, "no generation needs it"))
    return found
