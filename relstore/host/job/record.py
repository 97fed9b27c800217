"""What a job writes of itself: how far it is, in its state; intent and outcome, in the app's journal.

Before the switch an error of these writes ends the job. After it none does: a step that cannot be written is
only told to the log, and an outcome that cannot be recorded becomes an UnrecordedError, once everything else
is done. Not for deciding what the outcome is (``activation``).
"""

from __future__ import annotations

import contextlib
import time
from typing import Literal, NamedTuple

from relstore.errors import RelstoreError, StoreError
from relstore.formats.journal import ACTIVE, MARKED_BAD, WITHDRAWN, Event, EventKind
from relstore.host.job import rejection, withdrawal
from relstore.host.job.directory import Job
from relstore.host.job.log import JobLog
from relstore.host.job.values import JobRequest, JobState
from relstore.store import journal, reserve
from relstore.store.app import App
from relstore.store.root import explain
from relstore.store.store import Store

RECORDING = "recording"
"""All is done, but the journal could not take the outcome, which stands in the state."""


class Ending(NamedTuple):
    """How an activation ended."""

    outcome: Literal[EventKind, "busy", "held", "superseded", "taken-over"]
    """``busy``, ``held``, ``superseded``, ``taken-over``: it did not begin, and is not recorded."""
    previous: int
    reason: str


class UnrecordedError(StoreError):
    """What the job did after the switch could not be recorded; ``job_state`` is for whoever finishes that."""

    def __init__(self, what: str, job_state: JobState) -> None:
        super().__init__(what)
        self.job_state = job_state


class Record:
    """The record of one job."""

    def __init__(self, store: Store, app: App, job: Job, request: JobRequest, log: JobLog) -> None:
        self._store = store
        self._app = app
        self._job = job
        self._request = request
        self._log = log

    def current(self) -> int:
        """What the link names; 0 for nothing, and where it cannot be told."""
        try:
            return self._app.current() or 0
        except (OSError, RelstoreError):
            return 0

    def write_step(self, name: str, previous: int) -> None:
        """Before the switch. Durable when this returns; raises OSError."""
        self._job.tell("")
        self._job.write_state(JobState(name, previous, "", self.current(), ""))

    def try_step(self, name: str, previous: int, reason: str = "", outcome: str = "") -> None:
        """After the switch: for who watches, and for a recovery, which goes on to ``outcome``."""
        self._job.tell("")
        try:
            self._job.write_state(JobState(name, previous, outcome, self.current(), reason))
        except (OSError, RelstoreError) as error:
            self._log.say(f"the job's state cannot be written: {error}")

    def write(self, ending: Ending) -> Ending:
        """Append to the app's journal what the job does or did. Raises OSError, RelstoreError."""
        kind = ending.outcome
        if kind == "busy" or kind == "held" or kind == "superseded" or kind == "taken-over":
            raise ValueError(f"{kind} is not an event of the journal")
        event = Event(
            int(time.time()),
            kind,
            self._request.generation,
            ending.previous,
            self._job.id,
            self._request.who,
            ending.reason,
        )
        journal.append(self._app.directory, event, *self._judged(event))
        return ending

    def _judged(self, event: Event) -> list[Event]:
        """What is left, where the deployer or a rollout said that it is bad: one append with the outcome."""
        if event.event != ACTIVE or not event.previous or event.previous == event.generation:
            return []
        left = event._replace(generation=event.previous, previous=0, job="")
        judged = []
        try:
            reason = rejection.read(self._job)
            if reason is not None:
                judged.append(left._replace(event=MARKED_BAD, reason=reason))
            back = withdrawal.read(self._job)
            if back is not None and back.generation == left.generation:
                judged.append(left._replace(event=WITHDRAWN, job=back.rollout, reason=back.reason))
        except (OSError, RelstoreError) as error:  # the outcome is worth more than the mark
            self._log.say(f"generation {event.previous} was not marked as bad: {error}")
        return judged

    def end(self, ending: Ending) -> Ending:
        """The outcome, after the switch. Raises UnrecordedError."""
        try:
            reserve.with_reserve(self._store.root, lambda: self.write(ending))
        except (OSError, RelstoreError) as error:
            problem = explained(error, "recording the outcome")
            raise self.unrecorded(problem, ending, RECORDING) from None
        with contextlib.suppress(OSError):
            self._app.forget_return()
        return ending

    def unrecorded(self, problem: str, ending: Ending, step: str) -> UnrecordedError:
        """``ending`` stays without a record, because of ``problem``."""
        state = JobState(step, ending.previous, ending.outcome, self.current(), ending.reason)
        return UnrecordedError(problem, state)


def finish(job: Job, state: JobState, log: JobLog) -> bool:
    """Write the last state; whether that succeeded. An error is only logged: the journal is what counts."""
    try:
        problem = job.finish(state)
    except (OSError, RelstoreError) as error:
        log.say(f"the job's state cannot be written: {error}")
        return False
    if problem:
        log.say(f"the job's state cannot be written: {problem}; the room set aside for it took it")
    return True


def explained(error: Exception, doing: str) -> str:
    """An error of relstore's own, for people."""
    if isinstance(error, OSError):
        return explain(error, doing).what
    if isinstance(error, RelstoreError):
        return f"{doing}: {error.what}"
    return f"{doing}: {error!r}, which is a bug in relstore"
