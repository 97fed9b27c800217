"""Connections of an old release that were closed, and whether the deployer asked for that at once.

They end after the outcome is recorded, so a file in the job's directory says so; ``relstore log`` shows it
beside the journal, for as long as the directory is kept. Not for deciding when they end (``drain``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import NamedTuple, Optional

from relstore.errors import DamagedError, NewerStoreError, NotFoundError, RelstoreError
from relstore.formats import journal as journal_format
from relstore.host.job import directory as jobs
from relstore.host.job import values
from relstore.host.job.directory import Job
from relstore.host.job.log import JobLog
from relstore.protocol import LogRow
from relstore.store import durable
from relstore.store.app import App

_FILE = "closed"
_AT_ONCE = "cut-old"
_MOST = 20


class Closing(NamedTuple):
    """How a slot of an old release ended while it had connections."""

    time: int
    """Seconds since 1970, by the host's clock."""
    generation: int
    connections: Optional[int]
    """None where they could not be counted."""
    seconds: int
    """How long they had had since somebody waited for them."""
    asked: bool
    """Whether somebody asked not to wait."""

    def sentence(self) -> str:
        """``3 connections of generation 41 were closed after 60 s``."""
        why = " (--cut-old)" if self.asked else ""
        when = f"after {self.seconds} s{why}"
        if self.connections is None:
            return f"generation {self.generation} was stopped {when}; its connections could not be counted"
        verb = "was" if self.connections == 1 else "were"
        return f"{connections_text(self.connections)} of generation {self.generation} {verb} closed {when}"


class Closings(NamedTuple):
    """The content of the file."""

    items: tuple[Closing, ...] = ()


def ask_at_once(job: Job) -> None:
    """The job, which has not started, is not to wait for the connections of the slot that it needs. Raises
    OSError."""
    durable.replace_file(job.directory, _AT_ONCE, b"")


def is_asked_at_once(job: Job) -> bool:
    return job.directory.lstat(_AT_ONCE) is not None


def note(job: Job, closing: Closing | None, log: JobLog) -> None:
    """Into the job's directory and its log. An error is only told to the log: nothing depends on it."""
    if closing is None:
        return
    log.say(closing.sentence())
    try:
        items = (*_read(job).items, closing)[-_MOST:]
        durable.replace_file(job.directory, _FILE, values.encode(Closings(items)))
    except (OSError, RelstoreError) as error:
        log.say(f"that was not recorded: {error}")


def rows(app: App, last: Optional[int] = None) -> Iterator[LogRow]:
    """What jobs have noted, or so many of the ``last`` jobs, as lines of the log, the oldest job first."""
    for ident in jobs.names(app)[-last if last else 0 :]:
        with contextlib.suppress(NotFoundError, DamagedError, NewerStoreError, OSError):
            with contextlib.closing(jobs.open_job(app, ident)) as job:
                items = _read(job).items
                who = job.request().who if items else ""
            for item in items:
                yield LogRow(
                    item.time,
                    journal_format.CONNECTIONS_CLOSED,
                    item.generation,
                    0,
                    ident,
                    who,
                    item.sentence(),
                    item.connections,
                )


def connections_text(count: int | None) -> str:
    """``3 connections``."""
    if count is None:
        return "an unknown number of connections"
    return f"{count} connection{'' if count == 1 else 's'}"


def _read(job: Job) -> Closings:
    raw = job.directory.read_or_none(_FILE, values.MAX_BYTES)
    return Closings() if raw is None else values.decode(raw, f"{_FILE} of job {job.id}", Closings)
