"""``relstore show``: a generation's record and its files."""

from __future__ import annotations

from typing import Any

import click

from relstore.cli import generation_view, text
from relstore.cli.command import Spec, SpecCommand, example
from relstore.cli.console import Console
from relstore.cli.each_host import on_each, report, the_app
from relstore.cli.invocation import invocation_of
from relstore.cli.progress import ConsoleReporter
from relstore.cli.table import Column
from relstore.client.connection.session import Session
from relstore.client.operations.fetch import fetch
from relstore.formats.manifest import Directory, Entry, Manifest, Symlink
from relstore.formats.names import AppName
from relstore.protocol import RowOut

_COLUMNS = (
    Column("kind", rank=2),
    Column("size", rank=1),
    Column("object", rank=3),
    Column("path", wraps=True),
)
_HANG = len("  released  ")


@example("relstore show 42", "relstore show -1")
@click.command(cls=SpecCommand)
@click.argument("generation", type=Spec())
@click.pass_context
def show(ctx: click.Context, generation: str) -> None:
    """Show the record of GENERATION and the files of its build."""
    invocation = invocation_of(ctx)

    async def at_host(session: Session, _: ConsoleReporter) -> tuple[AppName, RowOut, Manifest]:
        app = await the_app(session, invocation)
        return app, *await fetch(session, app, generation)

    def display(_: str, answer: tuple[AppName, RowOut, Manifest]) -> None:
        app, row, manifest = answer
        for line in _lines(app, row, invocation.console):
            invocation.console.report(line, hang=_HANG)
        invocation.console.table(_COLUMNS, [_entry_cells(entry) for entry in manifest.entries])

    def fields(answer: tuple[AppName, RowOut, Manifest]) -> dict[str, Any]:
        app, row, manifest = answer
        entries = [_entry_fields(entry) for entry in manifest.entries]
        return {"app": app, "generation": generation_view.fields(row), "entries": entries}

    report("show", on_each(invocation, at_host), invocation, display, fields, headings=True)


def _lines(app: str, row: RowOut, screen: Console) -> list[str]:
    lines = [
        f"generation {row.number} of {app}: {row.state}",
        f"  build     {row.build}",
        f"  released  {screen.since(row.created)} by {row.who}",
        f"  commit    {row.commit or '-'}{' with uncommitted changes' if row.dirty else ''}",
        f"  content   {text.plural(row.files, 'file')}, {text.size(row.size)}",
    ]
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
