"""A generation as a person and as a program read it: table cells, sentences and JSON fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from relstore import protocol
from relstore.cli import text
from relstore.cli.each_host import the_app
from relstore.cli.invocation import Invocation
from relstore.client.connection.session import Session, rows
from relstore.formats.generation import CURRENT, FAILED, NEVER_ACTIVE, short_commit
from relstore.formats.names import AppName
from relstore.protocol import RowOut

STYLES = {CURRENT: "bold green", FAILED: "red", NEVER_ACTIVE: "yellow"}
HEADERS = ("gen", "released", "build", "commit", "who", "size", "state", "note")


def cells(row: RowOut) -> list[str]:
    """One line of ``list-generations``."""
    pins = f" (pinned: {', '.join(row.pins)})" if row.pins else ""
    return [
        str(row.number),
        text.moment(row.created),
        row.build.short,
        commit(row),
        row.who,
        text.size(row.size),
        row.state,
        row.note.partition("\n")[0] + pins,
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
    return app, rows(body, RowOut)
