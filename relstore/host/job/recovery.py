"""What is done about a job that died with its work half done, before the next one starts.

The journal tells: an intent without an outcome. When the link had not moved, nothing happened, and
that is recorded; when it had, the activation is taken up where it stopped. Doing it twice does the
same as doing it once. Runs under the app's lock.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from relstore.errors import DamagedError, NotFoundError
from relstore.formats import journal as journal_format
from relstore.formats.journal import Event
from relstore.formats.names import JobId
from relstore.host.job import activation
from relstore.host.job import directory as jobs
from relstore.host.job.activation import Activation, Ending
from relstore.host.job.directory import JobState
from relstore.store import journal
from relstore.store.app import App
from relstore.store.store import Store

_RESTARTED = (activation.CHECKING, activation.CONFIRMING, activation.FINISHING)
"""The steps that come after the restart: whoever died there need not restart again."""


def unresolved(events: Sequence[Event]) -> Event | None:
    """The intent that has no outcome, or None. Only the last activation can be one."""
    for event in reversed(events):
        if event.event in journal_format.OUTCOMES:
            return None
        if event.event == journal_format.SWITCHING:
            return event
    return None


def recover(store: Store, app: App, log: int, password: str = "", *, reachable: bool = True) -> Ending | None:
    """Finish or undo what a dead job left; None when there was nothing.

    ``reachable``: a deployer's own command brought us here, which is as good as a confirmation. At boot it
    is not: a release that cut the host off must not stay because the host was switched off and on again.
    """
    event = unresolved(app.events())
    if event is None:
        return None
    try:
        job = jobs.open_job(app, JobId.parse(event.job))
        request, state = job.request(), job.state()
    except (NotFoundError, DamagedError):
        return _undo_without_request(app, event)
    try:
        current = app.current() or 0
        if current == event.generation:
            if request.confirm_hash is not None:
                job.decide(jobs.CONFIRMED if reachable else jobs.EXPIRED)
            ending = Activation(store, app, job, request, log, password).settle(
                event.previous, event.time, restarted=state.step in _RESTARTED
            )
        elif state.step == activation.RETURNING and current == event.previous:
            ending = Activation(store, app, job, request, log, password).settle_return(
                event.previous, state.reason
            )
        else:
            reason = "the job died before the switch"
            activation.record_event(app, job, request, journal_format.INTERRUPTED, event.previous, reason)
            ending = Ending(journal_format.INTERRUPTED, event.previous, reason)
        job.write_state(
            JobState(jobs.DONE, event.previous, ending.outcome, app.current() or 0, ending.reason)
        )
    finally:
        job.close()
    return ending


def open_log(app: App) -> int | None:
    """The log of the dead job, to go on with where nobody else keeps one; None when it has none."""
    event = unresolved(app.events())
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
