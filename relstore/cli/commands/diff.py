"""``relstore diff``: what changed from one generation's files to another's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click

from relstore.cli import text
from relstore.cli.command import Spec, SpecCommand, example
from relstore.cli.each_host import on_each, report, the_app
from relstore.cli.invocation import invocation_of
from relstore.cli.progress import ConsoleReporter
from relstore.client.connection.session import Session
from relstore.client.operations.fetch import fetch
from relstore.formats.manifest import Entry, File, Manifest

_STYLES = {"added": "green", "removed": "red", "changed": "yellow"}


@dataclass(frozen=True)
class Change:
    """One path that differs. Sizes are bytes, None where there is no file."""

    path: str
    change: str
    before: int | None
    after: int | None


def changes(before: Manifest, after: Manifest) -> list[Change]:
    """What differs, by path: ``added``, ``removed`` or ``changed`` (bytes, kind, mode or target)."""
    old = {entry.path: entry for entry in before.entries}
    new = {entry.path: entry for entry in after.entries}
    found = []
    for path in sorted(old.keys() | new.keys()):
        one, other = old.get(path), new.get(path)
        if one == other:
            continue
        kind = "added" if one is None else "removed" if other is None else "changed"
        found.append(Change(path, kind, _size(one), _size(other)))
    return found


@example("relstore diff -1 42", "relstore diff 41 42 --json")
@click.command(cls=SpecCommand)
@click.argument("before", type=Spec())
@click.argument("after", type=Spec())
@click.pass_context
def diff(ctx: click.Context, before: str, after: str) -> None:
    """Show the files that were added, removed and changed from generation BEFORE to AFTER."""
    invocation = invocation_of(ctx)

    async def ask(session: Session, _: ConsoleReporter) -> list[Change]:
        app = await the_app(session, invocation)
        _row, old = await fetch(session, app, before)
        _row, new = await fetch(session, app, after)
        return changes(old, new)

    def show(_: str, found: list[Change]) -> None:
        if not found:
            invocation.console.report("no difference")
            return
        invocation.console.table(
            ["change", "before", "after", "path"],
            [[item.change, _shown(item.before), _shown(item.after), item.path] for item in found],
            _STYLES,
        )

    def fields(found: list[Change]) -> dict[str, Any]:
        return {"changes": [_fields(item) for item in found]}

    report(
        "diff", on_each(invocation, ask), invocation, show, fields, headings=True, before=before, after=after
    )


def _size(entry: Entry | None) -> int | None:
    return entry.content.size if isinstance(entry, File) else None


def _shown(size: int | None) -> str:
    return "-" if size is None else text.size(size)


def _fields(item: Change) -> dict[str, Any]:
    return {
        "path": item.path,
        "change": item.change,
        "before_bytes": item.before,
        "after_bytes": item.after,
    }
