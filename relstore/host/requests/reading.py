"""Questions about apps and generations that change nothing. ``status`` has a file of its own.

Not for proving contents (``checking``).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

from relstore.errors import NoStoreError, NotFoundError
from relstore.formats import pack
from relstore.host.job import closing
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
from relstore.store.store import Store


def list_generations(store: Store, request: List) -> tuple[Listed, list[RowOut]]:
    """All generations of the app. Raises NotFoundError, DamagedError."""
    with store.app(request.app) as app:
        rows = [replies.row_out(row) for row in app.rows()]
        return Listed(app.current() or 0, app.head()), rows


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
        events = [LogRow(*event) for event in app.events()]
        return Done(), list(heapq.merge(events, closing.rows(app), key=lambda row: row.time))


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
