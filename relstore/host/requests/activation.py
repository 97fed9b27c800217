"""Starting an activation or a restart, following one, confirming it and cancelling it.

Not for the work, which the job does (``host.job``): this checks that a job may start, starts and follows it.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from typing import NamedTuple, Optional, Union

from relstore.errors import BusyError, RefusedError, SupersededError, TakenOverError
from relstore.formats import generation as generation_format
from relstore.formats import journal
from relstore.host import helpers
from relstore.host.helpers import Bundle
from relstore.host.job import closing, fence, rejection, remark, survival, watch, withdrawal
from relstore.host.job import directory as jobs
from relstore.host.job import start as detach
from relstore.host.job.build_proof import BuildProof
from relstore.host.job.directory import Job
from relstore.host.job.occupied import describe_hold, holder
from relstore.host.job.process import BUSY, HELD, INSTANT_S, SUPERSEDED, TAKEN_OVER
from relstore.host.job.start import Helper
from relstore.host.job.values import JobRequest
from relstore.host.job.withdrawal import Withdrawal
from relstore.protocol import (
    Accepted,
    Activate,
    Cancel,
    Confirm,
    Confirmed,
    Done,
    Ended,
    Output,
    Restart,
    Step,
    Watch,
)
from relstore.store import history, hold, locks, reserve
from relstore.store.app import LOCK, App
from relstore.store.rollouts import Claim
from relstore.store.store import Store

Reported = Union[Accepted, Step, Output, Ended]

UNCHANGED = "unchanged"


class Asides(NamedTuple):
    """What a session said of its next activation before it asked for that."""

    passed: str = ""
    """What of preflight it disregards, as a remark of the job."""
    rejected: Optional[str] = None
    """Why what it leaves is bad; None where that stays as it is."""
    cut_old: bool = False
    """Whether it waits for no connection of the slot that it needs."""
    withdrawn: Optional[Withdrawal] = None
    """What a rollout takes back by it; None where it is no rollout's way back."""
    proof: Optional[BuildProof] = None
    """That the build which this session published was proved; it counts for that build alone."""
    claim: Optional[Claim] = None
    """The rollout that it acts for; None where it acts for none."""
    supersedes: bool = False
    """Whether it happens although a rollout runs or waits here that it does not act for."""


NO_ASIDES = Asides()


def activate(
    store: Store, bundle: Bundle, request: Activate, password: str, asides: Asides = NO_ASIDES
) -> Iterator[Reported]:
    """Start a job and follow it. Raises BusyError, NotFoundError, RefusedError before anything is changed."""
    return _run_job(store, bundle, request, password, asides, restart=False)


def restart(
    store: Store, bundle: Bundle, request: Restart, password: str, asides: Asides = NO_ASIDES
) -> Iterator[Reported]:
    """As ``activate``, for what is current already. It waits for no other activation, after which another
    generation may be current."""
    spec = str(request.generation)
    again = Activate(request.app, spec, request.who, request.recipe, override_hold=request.override_hold)
    return _run_job(store, bundle, again, password, asides, restart=True)


def _run_job(
    store: Store,
    bundle: Bundle,
    request: Activate,
    password: str,
    asides: Asides,
    *,
    restart: bool,
) -> Iterator[Reported]:
    """``restart``: of the current generation, and of no other."""
    reserve.release_if_full(store.root)
    helper = Helper(helpers.install(store.root, bundle, store.durability), password)
    way = survival.method()
    with store.app(request.app) as app:
        # Shared, so that the collector cannot remove the generation before the job needs it.
        with store.shared():
            table = app.table()
            row = app.row(table, history.resolve(request.spec, table))
            number = row.number
            _check_hold(app, request)
            if not request.lock_wait:
                _check_free(app)
            if asides.supersedes and asides.claim is None:
                fence.supersede(app, request.who, int(time.time()))
            goes_back = asides.withdrawn is not None
            fence.check(app, asides.claim, goes_back=goes_back)
            withdrawal.check(app, asides.withdrawn)
            current = app.current() or 0
            if restart and number != current:
                raise RefusedError(
                    f"generation {number} is no longer current", state="Nothing was restarted.", hint=_AGAIN
                )
            settled = app.unresolved() is None
            if (
                not restart
                and row.state == generation_format.CURRENT
                and row.outcome == journal.ACTIVE
                and settled
            ):
                yield Ended(None, UNCHANGED, number, current, current, "")
                return
            now = time.time_ns()
            job_request = JobRequest(
                number,
                request.who,
                now // 10**9,
                request.recipe,
                request.lock_wait,
                request.override_hold,
                request.confirm_hash,
            )
            job, lock = jobs.create(app, job_request, now % 10**9 // 1000)
            remark.write(job, asides.passed)
            rejection.write(job, asides.rejected)
            withdrawal.write(job, asides.withdrawn)
            fence.write(job, asides.claim)
            fence.remember(app, asides.claim, job, goes_back=goes_back)
            if asides.cut_old:
                closing.ask_at_once(job)
            if asides.proof is not None and asides.proof.build == row.generation.build:
                asides.proof.write(job)
        detach.start(helper, store.root.path, app.name, job, lock, way)
        yield Accepted(job.id, number, current, job.method())
        helpers.keep_bytecode(helper.path)  # now, while the job works
        yield from _follow(app, job)


def watch_job(store: Store, request: Watch) -> Iterator[Reported]:
    """Follow a job from its beginning to its end."""
    with store.app(request.app) as app:
        job = jobs.open_job(app, request.job)
        yield Accepted(job.id, job.request().generation, job.state().previous, job.method())
        yield from _follow(app, job)


def confirm(store: Store, request: Confirm) -> Confirmed:
    """The deployer is back. Raises RefusedError for another token."""
    reserve.release_if_full(store.root)
    with store.app(request.app) as app:
        job = jobs.open_job(app, request.job)
        try:
            expected = job.request().confirm_hash
            # Digests may be compared in any time: nobody can choose one byte of them.
            if expected is None or hashlib.sha256(request.token).digest() != expected:
                raise RefusedError(
                    f"that is not the token of job {request.job}",
                    state="Nothing was changed.",
                    hint="Only the client that started the job can confirm it.",
                )
            return Confirmed(job.decide(jobs.CONFIRMED) == jobs.CONFIRMED)
        finally:
            job.close()


def cancel(store: Store, request: Cancel) -> Done:
    """Ask a job not to switch. Raises NotFoundError."""
    with store.app(request.app) as app:
        job = jobs.open_job(app, request.job)
        try:
            job.cancel(request.who)
        finally:
            job.close()
    return Done()


def _follow(app: App, job: Job) -> Iterator[Reported]:
    try:
        for event in watch.follow(app, job):
            if isinstance(event, Ended) and event.outcome == BUSY:
                raise BusyError(event.reason, state=_STATE, hint=_WAIT)
            if isinstance(event, Ended) and event.outcome == HELD:
                raise RefusedError(event.reason, state=_STATE, hint=_UNHOLD)
            if isinstance(event, Ended) and event.outcome == TAKEN_OVER:
                raise TakenOverError(event.reason, state=_STATE, hint=_ROLLOUT)
            if isinstance(event, Ended) and event.outcome == SUPERSEDED:
                raise SupersededError(event.reason, state=_STATE, hint=_LOG)
            yield event
    finally:
        job.close()


def _check_free(app: App) -> None:
    lock = locks.open_lock(app.directory, LOCK)
    try:
        # A job that stops its old slot holds it for a moment.
        if not locks.lock_within(lock, exclusive=True, seconds=INSTANT_S):
            raise BusyError(holder(app), state=_STATE, hint=_WAIT)
    finally:
        os.close(lock)


def _check_hold(app: App, request: Activate) -> None:
    app_hold = hold.read(app.directory)
    if app_hold is not None and not request.override_hold:
        raise RefusedError(describe_hold(app, app_hold), state=_STATE, hint=_UNHOLD)


_AGAIN = "`relstore status` shows what is; run the command again to restart that."
_STATE = "Nothing was switched."
_ROLLOUT = "`relstore rollout status` shows how far it is."
_LOG = "`relstore log` shows who switched this host."
_WAIT = "Wait for it (`relstore attach` follows it) and try again, or give --lock-wait 5m."
_UNHOLD = "Ask whoever holds it; then `relstore unhold`, or --override-hold for this once."
