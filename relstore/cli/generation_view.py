"""A generation as a person and as a program read it: table cells, sentences and JSON fields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from relstore import protocol
from relstore.cli import text
from relstore.cli.console import Console
from relstore.cli.invocation import Invocation
from relstore.cli.table import Column
from relstore.client.connection.session import Session, rows
from relstore.client.local_state.seen_generations import MAX_GENERATIONS, SeenGeneration
from relstore.formats.generation import CURRENT, DELETED, FAILED, NEVER_ACTIVE, short_commit
from relstore.formats.names import AppName
from relstore.protocol import RowOut

_STYLES = {CURRENT: "bold green", FAILED: "red", NEVER_ACTIVE: "yellow"}
COLUMNS = (
    Column("gen"),
    Column("released", rank=2),
    Column("build", rank=1),
    Column("commit", rank=3),
    Column("who", rank=4),
    Column("size", rank=5),
    Column("state", styles=_STYLES),
    Column("note", wraps=True),
)


def cells(row: RowOut, screen: Console) -> list[str]:
    """One line of ``list-generations``."""
    pins = f"(pinned: {', '.join(row.pins)})" if row.pins else ""
    return [
        str(row.number),
        screen.when(row.created),
        row.build.short,
        commit(row),
        row.who,
        text.size(row.size),
        row.state,
        f"{row.note.partition(chr(10))[0]} {pins}".strip(),
    ]


def commit(row: RowOut) -> str:
    return short_commit(row.commit, dirty=row.dirty)


def fields(row: RowOut) -> dict[str, Any]:
    """A generation in a JSON document."""
    return {
        "number": row.number,
        "build": row.build,
        "created": text.iso(row.created),
        "size_bytes": row.size,
        "files": row.files,
        "who": row.who,
        "commit": row.commit,
        "dirty": row.dirty,
        "note": row.note,
        "state": row.state,
        "outcome": row.outcome or None,
        "outcome_at": text.iso(row.outcome_at),
        "reason": row.reason,
        "pins": list(row.pins),
    }


def app_and_generation(answer: tuple[AppName, RowOut]) -> dict[str, Any]:
    """One host's part of the document of a command on one generation."""
    return {"app": answer[0], "generation": fields(answer[1])}


@dataclass(frozen=True)
class FetchedRows:
    """Generations of an app, oldest first."""

    app: AppName
    rows: Sequence[RowOut]
    left_out: int
    """How many earlier ones there are."""


async def fetch_rows(
    session: Session,
    invocation: Invocation,
    apps: Sequence[AppName],
    last: int | None = None,
    *,
    deleted: bool = True,
) -> list[FetchedRows]:
    """Those of each app: all, or so many of the ``last`` and the current and pinned ones before.

    ``deleted``: whether those are wanted that were deleted.
    """
    asked = [protocol.List(app) for app in apps]
    if last is not None:
        # Completion remembers some more than are shown.
        asked = [protocol.List(app, max(last, MAX_GENERATIONS), deleted) for app in apps]
    found: list[FetchedRows] = []
    async for reply, body in session.ask_each(asked, protocol.Listed):
        app, generations = apps[len(found)], rows(body, RowOut)
        invocation.seen.keep(
            session.store_label,
            app,
            [SeenGeneration(row.number, _words(row)) for row in generations if row.state != DELETED],
            [pin for row in generations for pin in row.pins],
        )
        wanted = [row for row in generations if deleted or row.state != DELETED]
        found.append(_the_last(app, wanted, reply.left_out or 0, last))
    return found


def _the_last(app: AppName, wanted: Sequence[RowOut], left_out: int, last: int | None) -> FetchedRows:
    if last is None:
        return FetchedRows(app, wanted, 0)
    newest = wanted[-last:]
    before = [row for row in wanted[: -len(newest)] if row.state == CURRENT or row.pins] if newest else []
    return FetchedRows(app, [*before, *newest], left_out + len(wanted) - len(newest) - len(before))


def _words(row: RowOut) -> str:
    return text.one_line(f"{row.state} {row.build.short} {row.note}")[:80].rstrip()
