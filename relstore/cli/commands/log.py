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

_SCREENFUL, _OF_SEVERAL = 20, 10
"""So many a terminal gets of an app, and of each of several, unless more are asked for."""

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
    most: int | None
    """So many of the last were asked for; None: all."""


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

    A terminal gets the last 20, of several apps the last 10 each; a pipe and --json get all.
    """
    invocation = invocation_of(ctx, at_once)
    screen = invocation.console
    is_cut = last is None and screen.terminal and not (everything or screen.json)

    async def at_host(session: Session, _: ConsoleReporter) -> list[_AppLog]:
        apps = await the_apps(session, invocation)
        most = (_SCREENFUL if len(apps) == 1 else _OF_SEVERAL) if is_cut else last
        # An activation has two events, of which the first may be before all others.
        asked = [protocol.Log(app, None if most is None else 2 * most + 1) for app in apps]
        logs = [rows(body, LogRow) async for _, body in session.ask_each(asked, protocol.Done)]
        return [_last_of(app, events, most) for app, events in zip(apps, logs, strict=True)]

    def show(_: str, answer: _AppLog) -> None:
        found = answer.entries
        if is_cut and len(found) == answer.most:
            screen.report(f"The last {answer.most}; --all shows all.", hang=0)
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


def _last_of(app: AppName, events: list[LogRow], most: int | None) -> _AppLog:
    found = entries(events)[-most:] if most else entries(events)
    shown = {id(event) for entry in found for event in entry.events}
    return _AppLog(app, [event for event in events if id(event) in shown], found, most)


def _cells(entry: LogEntry, screen: Console) -> list[str]:
    first = entry.first
    return [screen.when(first.time), entry.change, entry.outcome, first.who, first.job or "-"]
