"""Questions about apps and generations that change nothing. ``status`` has a file of its own.

Not for proving contents (``checking``).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence

from relstore.errors import NoStoreError, NotFoundError
from relstore.formats import journal, pack
from relstore.formats.journal import Event
from relstore.host.job import closing, once_log
from relstore.host.requests import chain, replies
from relstore.protocol import (
    Apps,
    AppsOut,
    Done,
    Fetch,
    List,
    Listed,
    Log,
    LogRow,
    Past,
    PastOut,
    Resolve,
    Resolved,
    RowOut,
)
from relstore.store import history
from relstore.store.app import App
from relstore.store.history import Brief
from relstore.store.store import Store
from relstore.store.table import Table

_MEANWHILE = 64
"""So many events before the last ones are searched for the intents of these."""


def list_generations(store: Store, request: List) -> tuple[Listed, list[RowOut]]:
    """All generations of the app, or the last ones. Raises NotFoundError, DamagedError."""
    with store.app(request.app) as app:
        table = app.table()
        chosen: Sequence[Brief] = table
        left_out = None
        if request.last is not None:
            chosen, left_out = _last(table, request.last, with_deleted=bool(request.deleted))
        rows = [replies.row_out(row) for row in app.rows_of(table, chosen)]
        return Listed(app.current() or 0, table.head, left_out), rows


def _last(table: Table, count: int, *, with_deleted: bool) -> tuple[list[Brief], int]:
    """So many of the last, with the current and pinned ones before them; and how many others there are."""
    numbers: Sequence[int] = range(1, len(table) + 1) if with_deleted else table.not_deleted
    found = numbers[max(0, len(numbers) - count) :]
    first = found[0] if found else len(table) + 1
    shown = [*(number for number in table.special if number < first), *found]
    return [table[number - 1] for number in shown], len(numbers) - len(shown)


def fetch(store: Store, request: Fetch) -> tuple[RowOut, bytes]:
    """A generation and the manifest of its build. Raises NotFoundError, DamagedError."""
    with store.app(request.app) as app:
        table = app.table()
        row = app.row(table, history.resolve(request.spec, table))
    return replies.row_out(row), store.builds.manifest_bytes(row.generation.build)


def resolve(store: Store, request: Resolve) -> Resolved:
    """The generation that is meant, beside the current one. Raises NotFoundError, DamagedError."""
    with store.app(request.app) as app:
        table = app.table()
        current = table.current
        if request.spec is not None:
            meant = history.resolve(request.spec, table)
        elif current is not None:
            meant = current
        else:
            raise NotFoundError(
                f"no generation of {request.app} is current",
                hint="`relstore list-generations` shows what there is.",
            )
        row, *rest = app.rows_of(table, [meant, current] if current else [meant])
    return Resolved(replies.row_out(row), replies.row_out(rest[0]) if rest else None)


def log(store: Store, request: Log) -> tuple[Done, list[LogRow]]:
    """The journal of the app in its own order, and what its jobs noted among it, by time.

    Raises NotFoundError, DamagedError.
    """
    with store.app(request.app) as app:
        events = app.events() if request.last is None else _last_events(app, request.last)
        noted = closing.rows(app, request.last)
        ran = once_log.rows(app)
        if request.last is not None:
            ran = (row for row in once_log.rows(app) if events and row.time >= events[0].time)
        rows = [LogRow(*event) for event in events]
        return Done(), list(heapq.merge(rows, noted, ran, key=lambda row: row.time))


def _last_events(app: App, count: int) -> list[Event]:
    """So many of the last, and the intents before them of what ends among them: an activation may be long,
    but little else happens meanwhile."""
    events = app.events(count + _MEANWHILE)
    begin = max(0, len(events) - count)
    ended = {(event.job, event.generation) for event in events[begin:] if event.event in journal.OUTCOMES}
    begun = {(event.job, event.generation) for event in events[begin:] if event.event == journal.SWITCHING}
    intents = {
        (event.job, event.generation): event for event in events[:begin] if event.event == journal.SWITCHING
    }
    return [*(event for key, event in intents.items() if key in ended - begun), *events[begin:]]


def apps(store: Store, _: Apps) -> AppsOut:
    """The names of all apps."""
    return AppsOut(tuple(store.app_names()))


def past(open_store: Callable[[], Store], request: Past) -> tuple[PastOut, bytes]:
    """What the chain says of the record that the client saw last. No app and no store have an empty chain."""
    try:
        with open_store().app(request.app) as app:
            reply, records = chain.past(app, request.number)
    except (NoStoreError, NotFoundError):
        return PastOut(0, None, None), b""
    return reply, pack.encode_stream(records)
