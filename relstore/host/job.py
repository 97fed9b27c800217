"""The job's process: take the app's lock, resolve what a dead job left, activate, record, end.

Started by ``detach``; nobody waits for it and nobody reads its streams but its log. Whatever goes
wrong becomes an outcome in the job's state, since there is no one else to tell.
"""

from __future__ import annotations

import os
import signal
import sys

from relstore.errors import RelstoreError
from relstore.host import jobs, recovery
from relstore.host.activation import Activation, Ending
from relstore.host.jobs import Job, JobState
from relstore.store import journal, locks
from relstore.store.app import LOCK, App
from relstore.store.names import AppName, JobId
from relstore.store.root import explain
from relstore.store.store import Store

BUSY = "busy"
_INSTANT_S = 0.3
_LOG = 2


def run(root: str, app_name: str, job_id: str) -> int:
    """The exit code is for nobody; the state says how it ended."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with Store.open(root) as store, store.app(AppName.parse(app_name)) as app:
        job = jobs.open_job(app, JobId.parse(job_id))
        ending = _guarded(store, app, job)
        try:
            current = app.current() or 0
        except RelstoreError:
            current = 0
        job.write_state(JobState(jobs.DONE, ending.previous, ending.outcome, current, ending.reason))
    return 0


def _guarded(store: Store, app: App, job: Job) -> Ending:
    try:
        return _locked(store, app, job)
    except RelstoreError as error:
        problem = error.what
    except OSError as error:
        problem = explain(error, "during the activation").what
    if recovery.unresolved(app.events()) is None:
        return Ending(journal.FAILED, 0, problem)
    return Ending(journal.INTERRUPTED, 0, f"{problem}; the next activation of {app.name} resolves it")


def _locked(store: Store, app: App, job: Job) -> Ending:
    lock = locks.open_lock(app.directory, LOCK)
    try:
        # A session that looks whether the lock is free holds it for an instant.
        if not locks.lock_within(lock, exclusive=True, seconds=_INSTANT_S):
            return Ending(BUSY, 0, holder(app))
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{job.id} {job.request().who}\n".encode(), 0)
        request = job.request()
        recovered = recovery.recover(store, app, _LOG)
        if recovered and recovered.outcome == journal.ACTIVE and app.current() == request.generation:
            return recovered  # what the dead job had begun is what is asked for, and is done now
        return Activation(store, app, job, request, _LOG).run()
    finally:
        os.close(lock)
        sys.stderr.flush()


def holder(app: App) -> str:
    """Who holds the app's lock, for people."""
    words = (app.directory.read_or_none(LOCK, 4096) or b"").decode("utf-8", "replace").split(None, 1)
    if not words:
        return f"another activation of {app.name} is under way"
    who = f" by {words[1].strip()}" if len(words) > 1 else ""
    return f"another activation of {app.name} is under way: job {words[0]}{who}"
