"""``relstore diff``: how the files of two generations differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click

from relstore import protocol
from relstore.cli import commits_view, text
from relstore.cli.checkout import checkout_of
from relstore.cli.command import Spec, SpecCommand, example
from relstore.cli.each_host import on_each, report, the_app
from relstore.cli.invocation import at_once, invocation_of
from relstore.cli.progress import ConsoleReporter
from relstore.cli.table import Column
from relstore.client.connection.session import Session
from relstore.client.operations.fetch import fetch
from relstore.formats.manifest import Entry, File, Manifest

_COLUMNS = (
    Column("change", styles={"added": "green", "removed": "red", "changed": "yellow"}),
    Column("before", rank=2),
    Column("after", rank=1),
    Column("path", wraps=True),
)
_MAX_COMMITS = 50
"""How many are shown."""


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
    differences = []
    for path in sorted(old.keys() | new.keys()):
        was, becomes = old.get(path), new.get(path)
        if was == becomes:
            continue
        kind = "added" if was is None else "removed" if becomes is None else "changed"
        differences.append(Change(path, kind, _size(was), _size(becomes)))
    return differences


@dataclass(frozen=True)
class _Difference:
    """What a host said."""

    commits: tuple[str | None, str | None]
    """Of the two generations."""
    changes: Sequence[Change]


@example("relstore diff -1", "relstore diff 41 42 --json")
@click.command(cls=SpecCommand)
@click.argument("before", type=Spec())
@click.argument("after", type=Spec(), required=False)
@click.pass_context
def diff(ctx: click.Context, before: str, after: str | None) -> None:
    """Show which files were added, removed and changed between the generations BEFORE and AFTER.

    Without AFTER, it is the current one. The commits between the two come last, where this checkout has both.
    """
    invocation = invocation_of(ctx, at_once)

    async def at_host(session: Session, _: ConsoleReporter) -> _Difference:
        app = await the_app(session, invocation)
        spec = after
        if spec is None:
            resolved, _body = await session.ask(protocol.Resolve(app, None), protocol.Resolved)
            spec = str(resolved.row.number)
        old_row, old = await fetch(session, app, before)
        new_row, new = await fetch(session, app, spec)
        return _Difference((old_row.commit, new_row.commit), changes(old, new))

    outcomes = on_each(invocation, at_host)
    checkout = checkout_of(invocation)
    between = {
        pair: checkout.between(*pair, _MAX_COMMITS)
        for pair in {outcome.value.commits for outcome in outcomes if outcome.value is not None}
    }

    def show(_: str, found: _Difference) -> None:
        screen = invocation.console
        if found.changes:
            screen.table(
                _COLUMNS,
                [[item.change, _shown(item.before), _shown(item.after), item.path] for item in found.changes],
            )
        else:
            screen.report("no difference")
        commits_view.show(between[found.commits], screen)

    def fields(found: _Difference) -> dict[str, Any]:
        return {
            "changes": [_fields(item) for item in found.changes],
            **commits_view.fields(between[found.commits]),
        }

    report("diff", outcomes, invocation, show, fields, headings=True, before=before, after=after)


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
