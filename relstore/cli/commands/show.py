"""``relstore show``: a generation's record and, on demand, its files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click

from relstore import protocol
from relstore.cli import generation_view, text
from relstore.cli.checkout import checkout_of
from relstore.cli.command import Spec, SpecCommand, example
from relstore.cli.console import Console
from relstore.cli.each_host import on_each, report, the_app
from relstore.cli.invocation import at_once, invocation_of
from relstore.cli.progress import ConsoleReporter
from relstore.cli.table import Column
from relstore.client.connection.session import Session
from relstore.client.operations.fetch import fetch
from relstore.formats.manifest import Directory, Entry, Symlink
from relstore.formats.names import AppName
from relstore.protocol import RowOut

_COLUMNS = (
    Column("kind", rank=2),
    Column("size", rank=1),
    Column("object", rank=3),
    Column("path", wraps=True),
)
_HANG = len("  released  ")


@dataclass(frozen=True)
class _Shown:
    """What a host said."""

    app: AppName
    row: RowOut
    entries: Sequence[Entry]
    """Those of the build; empty where nobody wants them."""


@example("relstore show", "relstore show -1", "relstore show 42 --files")
@click.command(cls=SpecCommand)
@click.argument("generation", type=Spec(), required=False)
@click.option("--files", "with_files", is_flag=True, help="Show the files of its build too.")
@click.pass_context
def show(ctx: click.Context, generation: str | None, with_files: bool) -> None:
    """Show the record of GENERATION, or of the current one.

    With --json, its files are always there.
    """
    invocation = invocation_of(ctx, at_once)

    wants_files = with_files or invocation.console.json

    async def at_host(session: Session, _: ConsoleReporter) -> _Shown:
        app = await the_app(session, invocation)
        spec = generation
        if spec is None or not wants_files:
            resolved, _body = await session.ask(protocol.Resolve(app, spec), protocol.Resolved)
            if not wants_files:
                return _Shown(app, resolved.row, ())
            spec = str(resolved.row.number)
        row, manifest = await fetch(session, app, spec)
        return _Shown(app, row, manifest.entries)

    outcomes = on_each(invocation, at_host)
    subjects = checkout_of(invocation).subjects(
        outcome.value.row.commit for outcome in outcomes if outcome.value is not None
    )

    def display(_: str, shown: _Shown) -> None:
        screen = invocation.console
        for line in _lines(shown, subjects.get(shown.row.commit or ""), screen):
            screen.report(line, hang=_HANG)
        if with_files:
            screen.table(_COLUMNS, [_entry_cells(entry) for entry in shown.entries])

    def fields(shown: _Shown) -> dict[str, Any]:
        return {
            "app": shown.app,
            "generation": generation_view.fields(shown.row),
            "commit_subject": subjects.get(shown.row.commit or ""),
            "entries": [_entry_fields(entry) for entry in shown.entries],
        }

    report("show", outcomes, invocation, display, fields, headings=True)


def _lines(shown: _Shown, subject: str | None, screen: Console) -> list[str]:
    row = shown.row
    lines = [
        f"generation {row.number} of {shown.app}: {row.state}",
        f"  build     {row.build}",
        f"  released  {screen.since(row.created)} by {row.who}",
        f"  commit    {row.commit or '-'}{' with uncommitted changes' if row.dirty else ''}",
        f"  content   {text.plural(row.files, 'file')}, {text.size(row.size)}",
    ]
    if subject is not None:
        lines.insert(-1, f"  subject   {subject}")
    if row.note:
        lines.append(f"  note      {row.note}")
    if row.pins:
        lines.append(f"  pinned as {', '.join(row.pins)}")
    if row.outcome:
        lines.append(f"  outcome   {row.outcome}, {screen.since(row.outcome_at)}")
    if row.reason:
        lines.append(f"  reason    {row.reason}")
    return lines


def _entry_cells(entry: Entry) -> list[str]:
    if isinstance(entry, Directory):
        return ["directory", "-", "-", entry.path]
    if isinstance(entry, Symlink):
        return ["symlink", "-", "-", f"{entry.path} -> {entry.target}"]
    kind = "executable" if entry.content.executable else "file"
    if entry.copied:
        kind += ", copied"
    return [kind, text.size(entry.content.size), entry.content.blake3.short, entry.path]


def _entry_fields(entry: Entry) -> dict[str, Any]:
    if isinstance(entry, Directory):
        return {"path": entry.path, "kind": "directory"}
    if isinstance(entry, Symlink):
        return {"path": entry.path, "kind": "symlink", "target": entry.target}
    return {
        "path": entry.path,
        "kind": "file",
        "executable": entry.content.executable,
        "copied": entry.copied,
        "size_bytes": entry.content.size,
        "blake3": entry.content.blake3,
        "sha256": entry.content.sha256.hex(),
    }
