"""Removing generations and collecting what nothing needs, as a session asks for it.

The roots are read under the store's lock alone, twice: what was planned is taken from the store only as far
as the second reading agrees. The decisions are in ``gc``; here they meet the jobs, which only the host side
knows.
"""

from __future__ import annotations

import contextlib
import time
from typing import NamedTuple

from relstore.errors import RefusedError, StoreError
from relstore.formats import generation as generation_format
from relstore.formats import journal as journal_format
from relstore.formats.journal import Event
from relstore.formats.names import AppName, JobId
from relstore.formats.retention import Policy
from relstore.gc import leftovers as gc_remains
from relstore.gc import roots as gc_roots
from relstore.gc import sweep, trash
from relstore.gc.measure import measure
from relstore.gc.plan import Plan, make_plan
from relstore.gc.roots import Found
from relstore.host import helpers
from relstore.host.job import directory as jobs
from relstore.host.job import recovery
from relstore.host.job.log import LIMIT
from relstore.host.requests import replies as reports
from relstore.protocol import Collect, Collected, Delete, Verdict
from relstore.store import history, journal, reserve
from relstore.store.app import App
from relstore.store.history import Row
from relstore.store.store import Store

_LAST_WORDS = 16 * 1024
"""What is left of a log on a full disk."""


def collect(store: Store, ask: Collect) -> tuple[Collected, list[Verdict]]:
    """Plan, measure, and unless it is a dry run sweep. Raises NotFoundError, DamagedError, RefusedError."""
    now = int(time.time())
    cut = 0
    if not ask.dry_run:
        # First of all: that needs no room, and may be all there is to free.
        cut = _cut_logs(store, full=reserve.release_if_full(store.root))
    with trash.alone(store):
        with store.exclusive():
            seen = _look(store, ask, now)
        remains = gc_remains.find(store, seen.in_use, now)
        leased = sweep.leased_objects(seen.found.leases.values())
        staged = [remain.place[-1] for remain in remains if remain.kind == gc_remains.STAGED]
        measured = measure(store, seen.plan.dead_builds, leased, staged)
        if not ask.dry_run:
            with store.exclusive():
                # What somebody needs since then stays; what nobody needs since then waits for the next time.
                again = _look(store, ask, now)
                plan = again.plan.only(seen.plan)
                gone = [one for one in remains if gc_remains.is_dead(store, one, again.in_use, now)]
                gc_remains.let_go(store, gone)
                sweep.let_go(store, plan)
            trash.empty(store)
            sweep.clear_shelf(store)
            sweep.record(store, plan, ask.who, now)
            reserve.fill(store.root)
    kept = sum(1 for verdict in seen.plan.generations if verdict.keep)
    size = cut + measured.bytes + sum(remain.bytes for remain in remains)
    collected = Collected(measured.objects, size, kept, _warnings(seen.found, bool(seen.plan.dead_builds)))
    return collected, reports.verdicts(seen.plan, measured, remains)


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
    """The roots, what they mean, and what of the remains of work is still needed."""

    found: Found
    plan: Plan
    in_use: gc_remains.InUse


def _look(store: Store, ask: Collect, now: int) -> _Seen:
    """The store's lock must be held alone."""
    if ask.app is not None:
        with store.app(ask.app):
            pass  # a clear refusal for an app that is not there
    numbers, live_jobs = _job_roots(store)
    found = gc_roots.find(store, numbers)
    plan = make_plan(
        found.roots,
        store.builds.ids(),
        _policies(store, ask),
        now,
        lambda build: {ref.blake3: ref.size for ref in store.builds.manifest(build).objects()},
    )
    helpers_used = frozenset((*found.helpers, *_newest_helper(store)))
    return _Seen(found, plan, gc_remains.InUse(found.leases, live_jobs, helpers_used))


def _policies(store: Store, ask: Collect) -> dict[AppName, Policy]:
    """What is to be kept of the apps that are meant. Raises FormatError, DamagedError."""
    instead = None if ask.retention is None else Policy(*ask.retention).checked()
    otherwise = Policy() if ask.otherwise is None else Policy(*ask.otherwise).checked()
    policies = {}
    for name in store.app_names() if ask.app is None else [ask.app]:
        with store.app(name) as app:
            held = app.retention()
        policies[name] = instead or (otherwise if held.is_empty else held)
    return policies


def delete(store: Store, ask: Delete) -> list[Row]:
    """Let go of generations, or refuse all of them when one is needed. Raises RefusedError, NotFoundError."""
    with store.exclusive(), store.app(ask.app) as app:
        rows = app.rows()
        chosen = list(
            {
                row.generation.number: row for row in (history.resolve(spec, rows) for spec in ask.specs)
            }.values()
        )
        in_jobs = _jobs_of(app).generations
        for row in chosen:
            _check_deletable(row, rows, in_jobs)
        if not ask.dry_run:
            numbers = [row.generation.number for row in chosen]
            now = int(time.time())
            app.unlink_generations(numbers)
            events = [
                Event(now, journal_format.DELETED, number, 0, "", ask.who, "by hand") for number in numbers
            ]
            journal.append(app.directory, *events)
    return chosen


def _check_deletable(row: Row, rows: list[Row], in_jobs: set[int]) -> None:
    number = row.generation.number
    why = ""
    if row.state == generation_format.CURRENT:
        why = "it is current"
    elif row is history.rollback_target(rows):
        why = "it is the one to roll back to"
    elif row.pins:
        why = f"it is pinned as {', '.join(row.pins)}"
    elif number in in_jobs:
        why = "a job is about it"
    if why:
        raise RefusedError(
            f"generation {number} cannot be deleted: {why}",
            state="Nothing was changed.",
            hint="Leave it out." if not row.pins else "`relstore unpin` it first.",
        )


def _job_roots(store: Store) -> tuple[dict[AppName, set[int]], set[tuple[str, str]]]:
    """By app the generations that jobs are about, and these jobs as (app, id)."""
    numbers: dict[AppName, set[int]] = {}
    live: set[tuple[str, str]] = set()
    for name in store.app_names():
        with store.app(name) as app:
            needed = _jobs_of(app)
        numbers[name] = needed.generations
        live |= {(name, job) for job in needed.jobs}
    return numbers, live


class _Jobs(NamedTuple):
    """The jobs that run or wait for their turn, an unresolved one, and the generations they are about."""

    jobs: set[str]
    generations: set[int]


def _jobs_of(app: App) -> _Jobs:
    needed = _Jobs(set(), set())
    for ident in jobs.alive(app):
        with contextlib.closing(jobs.open_job(app, ident)) as job:
            needed.jobs.add(ident)
            needed.generations.update((job.request().generation, job.state().previous))
    event = recovery.unresolved(app.events())
    if event is not None:
        needed.jobs.add(event.job)
        needed.generations.update((event.generation, event.previous))
    return needed


def _newest_helper(store: Store) -> list[str]:
    """What runs at boot."""
    directory = store.root.sub_or_none(helpers.AREA)
    if directory is None:
        return []
    with directory:
        newest = directory.readlink(helpers.NEWEST)
    return [] if newest is None else [newest]


def _warnings(found: Found, removes: bool) -> tuple[str, ...]:
    if not (removes and found.unreadable_processes):
        return ()
    return (
        f"processes of other accounts that could not be looked into: {found.unreadable_processes}; a build "
        "that only they run is kept only while it is current, pinned or the one to roll back to.",
    )
