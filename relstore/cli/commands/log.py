"""``relstore log``: the journal of activations and their outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click

from relstore import protocol
from relstore.cli.command import RelstoreCommand, example
from relstore.cli.console import Console
from relstore.cli.each_host import on_each, report_all, the_apps
from relstore.cli.invocation import at_once, invocation_of
from relstore.cli.journal_view import LogEntry, entries, event_fields
from relstore.cli.progress import ConsoleReporter
from relstore.cli.table import Column
from relstore.client.connection.session import Session, rows
from relstore.formats import journal
from relstore.formats.names import AppName
from relstore.protocol import LogRow

_SCREENFUL = 20
"""So many a terminal gets unless more are asked for."""

_COLUMNS = (
    Column("when", rank=1),
    Column("gen"),
    Column(
        "outcome",
        styles={
            journal.ACTIVE: "green",
            journal.ROLLED_BACK: "red",
            journal.FAILED: "red",
            journal.STUCK: "bold red",
            journal.CONNECTIONS_CLOSED: "yellow",
        },
    ),
    Column("who", rank=2),
    Column("job", rank=3),
)


@dataclass(frozen=True)
class _AppLog:
    """What the host recorded of one app."""

    app: AppName
    events: list[LogRow]
    entries: list[LogEntry]


@example("relstore log", "relstore log -n 5 --json")
@click.command(cls=RelstoreCommand)
@click.option(
    "-n", "--last", type=click.IntRange(min=1), metavar="N", help="Only the last N activations and marks."
)
@click.option("--all", "everything", is_flag=True, help="Show all.")
@click.pass_context
def log(ctx: click.Context, last: int | None, everything: bool) -> None:
    """Show what the host recorded: each activation, how it ended, and why; newest last. Of the app, or
    without one of all apps of the store.

    A terminal gets the last 20; a pipe and --json get all.
    """
    invocation = invocation_of(ctx, at_once)
    most = last
    if most is None and invocation.console.terminal and not (everything or invocation.console.json):
        most = _SCREENFUL

    async def at_host(session: Session, _: ConsoleReporter) -> list[_AppLog]:
        apps = await the_apps(session, invocation)
        # An activation has two events, of which the first may be before all others.
        events = None if most is None else 2 * most + 1
        asked = [protocol.Log(app, events) for app in apps]
        answers = [of_app(body) async for _, body in session.ask_each(asked, protocol.Done)]
        return [_AppLog(app, *answer) for app, answer in zip(apps, answers, strict=True)]

    def of_app(body: bytes) -> tuple[list[LogRow], list[LogEntry]]:
        events = rows(body, LogRow)
        found = entries(events)[-most:] if most else entries(events)
        shown = {id(event) for entry in found for event in entry.events}
        return [event for event in events if id(event) in shown], found

    def show(_: str, answer: _AppLog) -> None:
        screen, found = invocation.console, answer.entries
        if last is None and len(found) == most:
            screen.report(f"The last {most}; --all shows all.", hang=0)
        screen.table(
            _COLUMNS,
            [_cells(entry, screen) for entry in found],
            {index: entry.reasons for index, entry in enumerate(found)},
        )

    def fields(answer: _AppLog) -> dict[str, Any]:
        return {"app": answer.app, "events": [event_fields(event) for event in answer.events]}

    report_all(
        "log",
        on_each(invocation, at_host),
        invocation,
        show,
        fields,
        headings=True,
        app_of=lambda answer: answer.app,
    )


def _cells(entry: LogEntry, screen: Console) -> list[str]:
    first = entry.first
    return [screen.when(first.time), entry.change, entry.outcome, first.who, first.job or "-"]
