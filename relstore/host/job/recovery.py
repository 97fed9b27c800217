"""What is done about a job that died with its work half done, before the next one starts.

The journal tells: an intent without an outcome. When the link had not moved, nothing happened, and
that is recorded; when it had, the activation is taken up where it stopped. Doing it twice does the
same as doing it once. Runs under the app's lock.
"""

from __future__ import annotations

import contextlib
import os
import time

from relstore.errors import DamagedError, NotFoundError, StoreError
from relstore.formats import journal as journal_format
from relstore.formats.journal import Event, Outcome
from relstore.formats.names import JobId
from relstore.host.job import activation as steps
from relstore.host.job import directory as jobs
from relstore.host.job.activation import Activation
from relstore.host.job.cut_over import SlotActivation
from relstore.host.job.log import JobLog
from relstore.host.job.record import RECORDING, Ending, Record, UnrecordedError, finish
from relstore.host.job.values import DONE, JobState
from relstore.host.machine.clock import Moment
from relstore.store import journal
from relstore.store.app import App
from relstore.store.store import Store

_RESTARTED = (steps.CHECKING, steps.CONFIRMING, steps.FINISHING)
"""The steps that come after the restart: whoever died there need not restart again."""
_SWITCHED = (steps.RESTARTING, *_RESTARTED, steps.RETURNING)
"""The steps that come after the switch: when the link is back, the job had gone back, and died then."""


def recover(store: Store, app: App, log: int, password: str = "", *, reachable: bool = True) -> Ending | None:
    """Finish or undo what a dead job left; None when there was nothing.

    ``reachable``: a deployer's own command brought us here, which is as good as a confirmation. At boot it
    is not: a release that cut the host off must not stay because the host was switched off and on again.
    """
    event = app.unresolved()
    if event is None:
        return None
    try:
        job = jobs.open_job(app, JobId.parse(event.job))
    except NotFoundError:
        return _undo_without_request(app, event)
    with contextlib.closing(job):
        try:
            request, state = job.request(), job.state()
        except DamagedError:
            return _undo_without_request(app, event)
        if request.confirm_hash is not None and app.current() == event.generation:
            job.decide(jobs.CONFIRMED if reachable else jobs.EXPIRED)
        job_log = JobLog(log)
        record = Record(store, app, job, request, job_log)
        try:
            if request.recipe.cut_over is not None:
                slots = SlotActivation(store, app, job, request, log, password, request.recipe.cut_over)
                ending = slots.resume(event, state)
            else:
                activation = Activation(store, app, job, request, log, password)
                ending = _resolve(activation, record, event, state, job.switched())
        except UnrecordedError as error:
            finish(job, error.job_state, job_log)
            raise StoreError(error.what) from None
        done = JobState(DONE, event.previous, ending.outcome, record.current(), ending.reason)
        finish(job, done, job_log)
    return ending


def _resolve(
    activation: Activation, record: Record, event: Event, state: JobState, switched: Moment | None
) -> Ending:
    """Go on where the job stopped. The link decides; the state only says how much of it is done."""
    current = record.current()
    # That a job died says nothing about the release; only a job that went back for a reason does.
    blamed: Outcome = (
        journal_format.ROLLED_BACK if state.step == steps.RETURNING else journal_format.INTERRUPTED
    )
    reason = state.reason or "the job died after the link had gone back"
    recorded = next((outcome for outcome in journal_format.OUTCOMES if outcome == state.outcome), blamed)
    done = Ending(recorded, event.previous, reason)
    since = time.monotonic() if switched is None else switched.in_this_boot()
    if current == event.generation:
        if state.step == RECORDING and done.outcome == journal_format.ACTIVE:
            return record.end(done._replace(reason=state.reason))
        # Without that moment nobody can tell what was restarted since, so it is done again.
        restarted = state.step in _RESTARTED and switched is not None
        return activation.settle(event.previous, since, restarted=restarted)
    if current == event.previous and state.step == RECORDING:
        return record.end(done)
    if current == event.previous and state.step in _SWITCHED:
        return activation.settle_return(recorded, event.previous, reason, since)
    return record.end(Ending(journal_format.INTERRUPTED, event.previous, "the job died before the switch"))


def open_log(app: App) -> int | None:
    """The log of the dead job, to go on with where nobody else keeps one; None when it has none."""
    event = app.unresolved()
    if event is None:
        return None
    try:
        job = jobs.open_job(app, JobId.parse(event.job))
    except NotFoundError:
        return None
    try:
        return job.directory.open_to_write(jobs.LOG, os.O_APPEND)
    except FileNotFoundError:
        return None
    finally:
        job.close()


def _undo_without_request(app: App, event: Event) -> Ending:
    """The job's own directory is gone, so how to restart is unknown: go back and say so."""
    if app.current() == event.generation:
        app.switch(event.previous or None)
    reason = "the job died and left no request; the link was put back, nothing was restarted"
    journal.append(app.directory, event._replace(event=journal_format.ROLLED_BACK, reason=reason))
    return Ending(journal_format.ROLLED_BACK, event.previous, reason)
