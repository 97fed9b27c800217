"""Removing generations and collecting what nothing needs, as a session asks for it.

Both hold the store's lock alone from reading the roots to the last removal. The decisions are in
``gc``; here they meet the jobs, which only the host side knows.
"""

from __future__ import annotations

import contextlib
import time

from relstore.errors import RefusedError
from relstore.gc import roots as gc_roots
from relstore.gc import sweep
from relstore.gc.plan import make_plan
from relstore.gc.policy import Policy
from relstore.gc.roots import Found
from relstore.host import jobs, recovery, reports
from relstore.protocol import Collect, Collected, Delete, Verdict
from relstore.store import history, journal
from relstore.store.app import App
from relstore.store.history import Row
from relstore.store.journal import Event
from relstore.store.names import AppName
from relstore.store.store import Store


def collect(store: Store, ask: Collect) -> tuple[Collected, list[Verdict]]:
    """Plan, measure, and unless it is a dry run sweep. Raises NotFoundError, DamagedError, RefusedError."""
    now = int(time.time())
    with store.exclusive():
        if ask.app is not None:
            with store.app(ask.app):
                pass  # a clear refusal for an app that is not there
        found = gc_roots.find(store, _job_roots(store))
        policy = Policy(ask.keep, ask.keep_within)
        plan = make_plan(found.roots, store.builds.ids(), policy, ask.app, now)
        leased = sweep.leased_objects(found.leased_manifests)
        measured = sweep.measure(store, plan, leased)
        if not ask.dry_run:
            _clear_remains(store, found)
            sweep.sweep(store, plan, leased, ask.who, now)
    kept = sum(1 for verdict in plan.generations if verdict.keep)
    collected = Collected(measured.objects, measured.bytes, kept, _warnings(found, bool(plan.dead_builds)))
    return collected, reports.verdicts(plan, measured)


def delete(store: Store, ask: Delete) -> list[Row]:
    """Let go of generations, or refuse all of them when one is needed. Raises RefusedError, NotFoundError."""
    with store.exclusive(), store.app(ask.app) as app:
        rows = app.rows()
        chosen = list(
            {
                row.generation.number: row for row in (history.resolve(spec, rows) for spec in ask.specs)
            }.values()
        )
        in_jobs = _jobs_of(app)
        for row in chosen:
            _check_deletable(row, rows, in_jobs)
        if not ask.dry_run:
            for row in chosen:
                app.unlink_generation(row.generation.number)
                journal.append(
                    app.directory,
                    Event(
                        int(time.time()), journal.DELETED, row.generation.number, 0, "", ask.who, "by hand"
                    ),
                )
    return chosen


def _check_deletable(row: Row, rows: list[Row], in_jobs: set[int]) -> None:
    number = row.generation.number
    why = ""
    if row.state == history.CURRENT:
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


def _job_roots(store: Store) -> dict[AppName, set[int]]:
    found = {}
    for name in store.app_names():
        with store.app(name) as app:
            found[name] = _jobs_of(app)
    return found


def _jobs_of(app: App) -> set[int]:
    """The generations that the running job or an unresolved one is about."""
    needed: set[int] = set()
    running = jobs.running(app)
    if running is not None:
        with contextlib.closing(jobs.open_job(app, running)) as job:
            needed.update((job.request().generation, job.state().previous))
    event = recovery.unresolved(app.events())
    if event is not None:
        needed.update((event.generation, event.previous))
    return needed


def _clear_remains(store: Store, found: Found) -> None:
    """What dead uploads left: leases that nobody holds, and staging past its grace."""
    for name in found.dead_leases:
        store.leases.unlink(name)
    for name in found.stale_staging:
        store.staging.remove_tree(name)


def _warnings(found: Found, removes: bool) -> tuple[str, ...]:
    if not (removes and found.unreadable_processes):
        return ()
    return (
        f"processes of other accounts that could not be looked into: {found.unreadable_processes}; a build "
        "that only they run is kept only while it is current, pinned or the one to roll back to.",
    )
