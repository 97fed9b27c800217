"""A generation as a person and as a program read it: table cells, sentences and JSON fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from relstore import protocol
from relstore.cli import text
from relstore.cli.console import Console
from relstore.cli.each_host import the_app
from relstore.cli.invocation import Invocation
from relstore.cli.table import Column
from relstore.client.connection.session import Session, rows
from relstore.client.local_state.seen_generations import SeenGeneration
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


async def fetch_rows(session: Session, invocation: Invocation) -> tuple[AppName, Sequence[RowOut]]:
    """The app that is meant and all its generations."""
    app = await the_app(session, invocation)
    _, body = await session.ask(protocol.List(app), protocol.Listed)
    generations = rows(body, RowOut)
    invocation.seen.keep(
        session.store_label,
        app,
        [SeenGeneration(row.number, _words(row)) for row in generations if row.state != DELETED],
        [pin for row in generations for pin in row.pins],
    )
    return app, generations


def _words(row: RowOut) -> str:
    return text.one_line(f"{row.state} {row.build.short} {row.note}")[:80].rstrip()
