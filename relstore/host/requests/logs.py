"""What the service of an app writes: for ``relstore logs``. Changes nothing.

The lines come from the journal of its units, else from the log of the newest job. Waiting for more is
bounded, so that nothing goes on here for long after a link was cut; the client asks again. Not for how the
journal is read (``service.unit_journal``).
"""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Optional, Union

from relstore.errors import FormatError, NotFoundError, RefusedError, RelstoreError
from relstore.formats.cut_over import TRIAL
from relstore.formats.names import AppName, JobId, UnitName
from relstore.formats.recipe import Recipe
from relstore.host.job import directory as jobs
from relstore.host.requests import status
from relstore.host.service import unit_output
from relstore.host.service.systemd import Systemd
from relstore.host.service.unit_journal import UnitJournal, cut
from relstore.protocol import MAX_LOG_LINES, LogLine, LogLines, Logs, LogsEnd
from relstore.store.app import App
from relstore.store.root import account, shell_word
from relstore.store.store import Store

MAX_WAIT_S = 60
_BATCH = 100
_LOG_CHUNK = 64 * 1024
_JOB_POLL_S = 0.3

LogReported = Union[LogLines, LogsEnd]


def read(open_store: Callable[[], Store], request: Logs, client: int) -> Generator[LogReported, None, None]:
    """The lines, and last where to go on. ``client``: the descriptor from which its requests come.

    Raises NotFoundError, RefusedError, RelstoreError.
    """
    if not (1 <= request.last <= MAX_LOG_LINES and 0 <= request.wait <= MAX_WAIT_S and request.within >= 0):
        raise FormatError(f"at most {MAX_LOG_LINES:,} lines, and {MAX_WAIT_S} s")
    units, user = request.units, request.user
    if not units and request.app is not None:
        with open_store().app(request.app) as app:
            recipe = status.last_recipe(app)
        units, user = _units_of(recipe), recipe.units.user
    if units:
        return _journal(request, units, user=user, client=client)
    if request.app is None:
        raise NotFoundError("no unit and no app were named")
    return _job_log(open_store(), request.app, request, client)


def _units_of(recipe: Recipe) -> tuple[UnitName, ...]:
    trial = recipe.cut_over.unit(TRIAL) if recipe.cut_over and recipe.cut_over.trial else None
    return (*recipe.unit_names, *([trial] if trial else []))


def _journal(
    request: Logs, units: Sequence[UnitName], *, user: bool, client: int
) -> Generator[LogReported, None, None]:
    if not Systemd.is_here():
        raise RefusedError(
            "this host does not run systemd, so there is no journal of its units",
            hint="Look where its supervisor writes.",
        )
    is_open = os.geteuid() == 0 or unit_output.is_readable()
    if not (is_open or user):
        raise _closed(units)
    deadline = time.monotonic() + request.wait if request.wait else None
    since = (time.time() - request.within) * 1_000_000 if request.within else 0
    seen = False
    journal = UnitJournal(units, user=user, last=request.last, after=request.after, follow=bool(request.wait))
    with journal:
        for lines in journal.lines(deadline, client):
            # journalctl takes no notice of --since beside --lines.
            recent = [line for line in lines if not line.at or line.at >= since]
            seen = seen or bool(recent)
            if recent:
                yield LogLines(tuple(recent), journal.place)
    if not (is_open or seen or request.wait):
        raise _closed(units)  # the journal of an account may be a file that it can read, or not
    yield LogsEnd(journal.place)


def _closed(units: Sequence[UnitName]) -> RelstoreError:
    name = account(os.geteuid())
    return RefusedError(
        f"{name} may not read the journal of {', '.join(units)}",
        state="Nothing was changed.",
        hint=f"Once, as root there: usermod -aG systemd-journal {shell_word(name)}",
    )


def _batches(lines: Sequence[LogLine], place: str) -> Iterator[LogLines]:
    for start in range(0, len(lines), _BATCH):
        is_last = start + _BATCH >= len(lines)
        yield LogLines(tuple(lines[start : start + _BATCH]), place if is_last else "")


def _job_log(store: Store, name: AppName, request: Logs, client: int) -> Generator[LogReported, None, None]:
    """The log of the newest job, and of newer ones while there is time."""
    deadline = time.monotonic() + request.wait
    with store.app(name) as app:
        ident, offset = _place(request.after)
        lines, ident, offset = _new_lines(app, ident, offset)
        if ident is None:
            raise NotFoundError(f"{name} has no unit and no job yet", hint="A push makes one.")
        yield from _batches(lines if request.after else lines[-request.last :], f"{ident} {offset}")
        while time.monotonic() < deadline and not _speaks(client, _JOB_POLL_S):
            lines, ident, offset = _new_lines(app, ident, offset)
            yield from _batches(lines, f"{ident} {offset}")
    yield LogsEnd(f"{ident} {offset}")


def _place(text: str) -> tuple[Optional[JobId], int]:
    """The job and how much of its log was sent. Raises UsageError."""
    ident, _, offset = text.partition(" ")
    return (JobId.parse(ident), int(offset)) if offset.isascii() and offset.isdigit() else (None, 0)


def _new_lines(app: App, ident: Optional[JobId], offset: int) -> tuple[list[LogLine], Optional[JobId], int]:
    """The lines behind that place of a job's log, and all of a newer job's; and the place behind them."""
    known = jobs.names(app)
    if not known:
        return [], None, 0
    lines: list[LogLine] = []
    if ident != known[-1]:
        if ident in known:
            lines, _ = _lines_from(app, ident, offset)
        ident, offset = known[-1], 0
    more, offset = _lines_from(app, ident, offset)
    return lines + more, ident, offset


def _lines_from(app: App, ident: Optional[JobId], offset: int) -> tuple[list[LogLine], int]:
    """Whole lines; all that there is of a job that has ended."""
    with contextlib.closing(jobs.open_job(app, ident)) as job:
        alive = job.is_alive()
        data = b""
        while piece := job.log_from(offset + len(data), _LOG_CHUNK):
            data += piece
    whole = data.rfind(b"\n") + 1 if alive else len(data)
    text = data[:whole].decode("utf-8", "replace")
    return [LogLine(0, "job", 0, None, cut(line)) for line in text.split("\n") if line], offset + whole


def _speaks(client: int, seconds: float) -> bool:
    """Whether the client hangs up, or asks for something else, within so many seconds."""
    poll = select.poll()
    poll.register(client, select.POLLIN)
    return bool(poll.poll(seconds * 1000))
