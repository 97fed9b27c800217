"""The job's process: take the app's lock, mind a hold, resolve what a dead job left, activate, record, end.

Started by ``start``; nobody waits for it and nobody reads its streams but its log. Whatever goes
wrong becomes an outcome in the job's state, since there is no one else to tell.
"""

from __future__ import annotations

import contextlib
import os
import signal
from typing import Final

from relstore.errors import NewerStoreError, RelstoreError, SupersededError, TakenOverError
from relstore.formats import journal
from relstore.formats.names import AppName, JobId
from relstore.host.job import directory as jobs
from relstore.host.job import drain, fence, recovery, remark, survival, withdrawal
from relstore.host.job.activation import Activation
from relstore.host.job.cut_over import SlotActivation
from relstore.host.job.directory import Job
from relstore.host.job.log import JobLog
from relstore.host.job.occupied import describe_hold, holder
from relstore.host.job.record import Ending, UnrecordedError, finish
from relstore.host.job.values import DONE, JobState
from relstore.store import hold as holds
from relstore.store import locks, reserve
from relstore.store.app import LOCK, App
from relstore.store.root import explain
from relstore.store.store import Store

BUSY: Final = "busy"
HELD: Final = "held"
SUPERSEDED: Final = "superseded"
TAKEN_OVER: Final = "taken-over"
WAITING = "waiting"
INSTANT_S = 1.0
"""As long as a session that looks, or a job that stops its old slot, may hold the lock."""
_LOG = 2


def run(root: str, app_name: str, job_id: str, password: str = "") -> int:
    """The exit code is for nobody; the state says how it ended, and where that cannot be written, the log."""
    # A handler, not SIG_IGN: what the job starts would inherit that, and a service reloads by SIGHUP.
    signal.signal(signal.SIGHUP, lambda *_: None)
    try:
        with Store.open(root) as store, store.app(AppName.parse(app_name)) as app:
            job = jobs.open_job(app, JobId.parse(job_id))
            finished = finish(job, _guarded(store, app, job, password), JobLog(_LOG))
            drain.tidy_after(store, app, job.id, JobLog(_LOG), password)
            return 0 if finished else 1
    except (RelstoreError, OSError) as error:
        _say(f"the job cannot begin: {error}")
        return 1


def _guarded(store: Store, app: App, job: Job, password: str) -> JobState:
    """The job's last state: *done* where its outcome is recorded, else what a recovery needs."""
    try:
        job.begin(survival.seen_method())
        return _done(app, _locked(store, app, job, password))
    except UnrecordedError as error:
        _say(f"the outcome cannot be recorded yet: {error.what}")
        return error.job_state
    except NewerStoreError as error:
        return _done(app, Ending(journal.FAILED, 0, f"{error.what}. {error.hint}"))
    except RelstoreError as error:
        problem = error.what
    except OSError as error:
        problem = explain(error, "during the activation").what
    if _is_settled(app):
        return _done(app, Ending(journal.FAILED, 0, problem))
    problem = f"{problem}; the next activation of {app.name} resolves it"
    return _done(app, Ending(journal.INTERRUPTED, 0, problem))


def _done(app: App, ending: Ending) -> JobState:
    try:
        current = app.current() or 0
    except (RelstoreError, OSError):
        current = 0
    return JobState(DONE, ending.previous, ending.outcome, current, ending.reason)


def _is_settled(app: App) -> bool:
    try:
        return app.unresolved() is None
    except (RelstoreError, OSError):
        return True  # the journal cannot be read, so nothing was begun


def _locked(store: Store, app: App, job: Job, password: str) -> Ending:
    store.check_may_change()
    request = job.request()
    lock = locks.open_lock(app.directory, LOCK)
    try:
        if not _take(lock, app, job, request.lock_wait):
            return Ending(BUSY, 0, holder(app))
        with contextlib.suppress(OSError):  # for who finds it held
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"{job.id} {request.generation} {request.who}\n".encode(), 0)
        hold = holds.read(app.directory)
        if hold is not None and not request.override_hold:
            return Ending(HELD, 0, describe_hold(app, hold))
        withdrawn = withdrawal.read(job)
        claim = fence.read(job)
        if claim is not None:
            try:
                fence.check(app, claim, goes_back=withdrawn is not None)
            except TakenOverError as error:
                return Ending(TAKEN_OVER, 0, error.what)
        recovered = recovery.recover(store, app, _LOG, password)
        try:
            withdrawal.check(app, withdrawn)
        except SupersededError as error:
            return Ending(SUPERSEDED, 0, error.what)
        if recovered and recovered.outcome == journal.ACTIVE and app.current() == request.generation:
            return recovered  # what the dead job had begun is what is asked for, and is done now
        overridden = f"in spite of a hold: {describe_hold(app, hold)}" if hold else ""
        passed = remark.read(job)
        if passed:
            _say(passed)
        remarks = "\n".join(filter(None, (overridden, passed)))
        if request.recipe.cut_over is not None:
            return SlotActivation(store, app, job, request, _LOG, password, request.recipe.cut_over).run(
                remarks
            )
        return Activation(store, app, job, request, _LOG, password).run(remarks)
    finally:
        os.close(lock)


def _take(lock: int, app: App, job: Job, seconds: int) -> bool:
    # A session that looks whether the lock is free holds it for an instant.
    if locks.lock_within(lock, exclusive=True, seconds=INSTANT_S):
        return True
    if not seconds:
        return False
    _say(f"waiting up to {seconds} s: {holder(app)}")
    job.write_state(JobState(WAITING, 0, "", app.current() or 0, ""))
    return locks.lock_within(lock, exclusive=True, seconds=seconds)


def recover_all(root: str) -> int:
    """Resolve what dead jobs left in every app of the store, as at boot. The exit code is for the unit."""
    failed = 0
    try:
        with Store.open(root) as store:
            store.check_may_change()
            reserve.release_if_full(store.root)
            for name in store.app_names():
                failed += _recover_named(store, name)
    except (RelstoreError, OSError) as error:
        _say(f"{root}: {error}")
        return 1
    return 1 if failed else 0


def _recover_named(store: Store, name: AppName) -> int:
    try:
        with store.app(name) as app:
            return _recover_app(store, app)
    except (RelstoreError, OSError) as error:
        _say(f"{name}: {error}")
        return 1


def _say(text: str) -> None:
    JobLog(_LOG).say(text)


def _recover_app(store: Store, app: App) -> int:
    lock = locks.open_lock(app.directory, LOCK)
    try:
        if not locks.lock_within(lock, exclusive=True, seconds=INSTANT_S):
            return 0  # somebody is at work on it already
        log = recovery.open_log(app)
        try:
            ending = recovery.recover(store, app, _LOG if log is None else log, reachable=False)
        finally:
            if log is not None:
                os.close(log)
    finally:
        os.close(lock)
    if ending is not None:
        _say(f"{app.name}: {ending.outcome} {ending.reason}")
    drain.tidy_after(store, app, "", JobLog(_LOG))
    return int(ending is not None and ending.outcome == journal.STUCK)
