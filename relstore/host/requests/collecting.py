"""Collecting what nothing needs.

The roots are read twice under the exclusive lock of the store: of what was planned, only what the second
reading confirms is removed. Not for the decisions (``gc``); this adds the jobs, which only
the host side knows.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import NamedTuple

from relstore.errors import StoreError
from relstore.formats.names import AppName, Digest, JobId
from relstore.formats.retention import Policy
from relstore.gc import left as left_behind
from relstore.gc import leftovers, sweep, trash
from relstore.gc import roots as gc_roots
from relstore.gc.left import Left
from relstore.gc.measure import measure
from relstore.gc.plan import Plan, make_plan
from relstore.gc.roots import RootSurvey
from relstore.host import helpers
from relstore.host.job import directory as jobs
from relstore.host.job.log import LIMIT
from relstore.host.requests import job_needs, replies
from relstore.protocol import Collect, Collected, PlanLine
from relstore.store import reserve
from relstore.store.app import App
from relstore.store.store import Store

_LAST_WORDS = 16 * 1024
"""What is left of a log on a full disk."""


def collect(store: Store, request: Collect) -> tuple[Collected, list[PlanLine]]:
    """Plan, measure, and unless it is a dry run sweep. Raises NotFoundError, DamagedError, RefusedError."""
    now = int(time.time())
    left: list[Left] = []
    cut = 0
    if not request.dry_run:
        # First of all: that needs no room, and may be all there is to free.
        cut = _cut_logs(store, full=reserve.release_if_full(store.root))
        # What is removed depends on nothing that was kept beside the records and the journals.
        for name in store.app_names():
            with store.app(name) as app:
                app.prove()
    with trash.alone(store):
        with store.exclusive():
            seen = _look(store, request, now)
        unneeded = leftovers.find(store, seen.needed, now)
        leased = sweep.leased_objects(seen.survey.leases.values())
        staged = [leftover.place[-1] for leftover in unneeded if leftover.kind == leftovers.STAGED]
        measured = measure(store, seen.plan.dead_builds, leased, staged)
        if not request.dry_run:
            with store.exclusive():
                # What somebody needs since then stays; what nobody needs since then waits for the next time.
                again = _look(store, request, now)
                plan = again.plan.only(seen.plan)
                gone = [
                    leftover for leftover in unneeded if leftovers.is_dead(store, leftover, again.needed, now)
                ]
                left += leftovers.let_go(store, gone)
                left += sweep.let_go(store, plan)
            try:
                left += trash.empty(store)
                left += sweep.clear_shelf(store)
            finally:
                sweep.record(store, plan, request.who, now)
            reserve.fill(store.root)
    kept = sum(1 for verdict in seen.plan.generations if verdict.keep)
    size = cut + measured.bytes + sum(leftover.bytes for leftover in unneeded)
    warnings = (*_warnings(seen), *left_behind.warnings(left))
    collected = Collected(measured.objects, size, kept, warnings)
    return collected, replies.plan_lines(seen.plan, measured, unneeded)


def _cut_logs(store: Store, *, full: bool) -> int:
    """Cut the logs of jobs that have ended, on a full disk to little more than their last words; the bytes
    that this frees."""
    freed = 0
    for name in store.app_names():
        with store.app(name) as app:
            for ident in jobs.names(app):
                freed += _cut_log(app, ident, _LAST_WORDS if full else LIMIT)
    return freed


def _cut_log(app: App, ident: JobId, keep: int) -> int:
    # A log that is not as a job made it is nothing to stop for.
    with contextlib.suppress(OSError, StoreError), contextlib.closing(jobs.open_job(app, ident)) as job:
        return 0 if job.is_alive() else job.cut_log(keep)
    return 0


class _Seen(NamedTuple):
    """The roots, what they mean, and which leftovers are still needed."""

    survey: RootSurvey
    plan: Plan
    needed: leftovers.Needed


def _look(store: Store, request: Collect, now: int) -> _Seen:
    """The store's lock must be held alone."""
    if request.app is not None:
        with store.app(request.app):
            pass  # a clear refusal for an app that is not there
    numbers, live_jobs = _job_roots(store)
    survey = gc_roots.find(store, numbers)
    plan = make_plan(
        survey.roots,
        store.builds.ids(),
        _policies(store, request),
        now,
        lambda build: sizes(store, build),
    )
    helpers_used = frozenset((*survey.helpers, *_newest_helper(store)))
    return _Seen(survey, plan, leftovers.Needed(survey.leases, live_jobs, helpers_used))


def sizes(store: Store, build: Digest) -> dict[str, int]:
    """What a build takes of the disk: its objects by name, which others may share, and its copies."""
    manifest = store.builds.manifest(build)
    sizes: dict[str, int] = {ref.blake3: ref.size for ref in manifest.objects()}
    sizes.update((f"{build}/{file.path}", file.content.size) for file in manifest.files() if file.copied)
    return sizes


def _policies(store: Store, request: Collect) -> dict[AppName, Policy]:
    """What is to be kept of the apps that are meant. Raises FormatError, DamagedError."""
    instead = None if request.retention is None else request.retention.checked()
    otherwise = Policy() if request.otherwise is None else request.otherwise.checked()
    policies = {}
    for name in store.app_names() if request.app is None else [request.app]:
        with store.app(name) as app:
            held = app.retention()
        policies[name] = instead or (otherwise if held.is_empty else held)
    return policies


def _job_roots(store: Store) -> tuple[dict[AppName, set[int]], set[tuple[str, str]]]:
    """By app the generations that jobs are about, and these jobs as (app, id)."""
    numbers: dict[AppName, set[int]] = {}
    live: set[tuple[str, str]] = set()
    for name in store.app_names():
        with store.app(name) as app:
            needed = job_needs.of(app)
        numbers[name] = needed.generations
        live |= {(name, job) for job in needed.jobs}
    return numbers, live


def _newest_helper(store: Store) -> list[str]:
    """What runs at boot."""
    directory = store.root.sub_or_none(helpers.AREA)
    if directory is None:
        return []
    with directory:
        newest = directory.readlink(helpers.NEWEST)
    return [] if newest is None else [newest]


def _warnings(seen: _Seen) -> Iterator[str]:
    survey, plan = seen.survey, seen.plan
    for app, what in survey.roots.damaged_pins.items():
        yield f"{what}: all generations of {app} were kept."
    if survey.closed_processes and plan.dead_builds:
        yield (
            f"processes of other accounts that could not be looked into: {survey.closed_processes}; "
            "where a command line leads through an app, the build that was current at its start is kept."
        )
    if survey.hidden_processes and (plan.dead_builds or survey.roots.may_run):
        yield (
            "this host hides the processes of other accounts (hidepid of /proc): each build that was current "
            "at some moment since the host was booted is kept, because one of them may still run it."
        )
