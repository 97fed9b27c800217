"""``relstore log``: the journal of activations and their outcomes."""

from __future__ import annotations

from typing import Any

import click

from relstore import protocol
from relstore.cli import text
from relstore.cli.command import RelstoreCommand, example
from relstore.cli.each_host import on_each, report, the_app
from relstore.cli.invocation import invocation_of
from relstore.cli.progress import ConsoleReporter
from relstore.client.connection.session import Session, rows
from relstore.formats import journal
from relstore.protocol import LogRow

_STYLES = {
    journal.ACTIVE: "green",
    journal.ROLLED_BACK: "red",
    journal.FAILED: "red",
    journal.STUCK: "bold red",
    journal.CONNECTIONS_CLOSED: "yellow",
}


@example("relstore log", "relstore log -n 5 --json")
@click.command(cls=RelstoreCommand)
@click.option("-n", "--last", type=click.IntRange(min=1), metavar="N", help="Only the last N lines.")
@click.pass_context
def log(ctx: click.Context, last: int | None) -> None:
    """Show what the host recorded: each activation, how it ended, and why; newest last."""
    invocation = invocation_of(ctx)

    async def at_host(session: Session, _: ConsoleReporter) -> list[LogRow]:
        app = await the_app(session, invocation)
        _done, body = await session.ask(protocol.Log(app), protocol.Done)
        events = rows(body, LogRow)
        return events[-last:] if last else events

    def show(_: str, events: list[LogRow]) -> None:
        invocation.console.table(
            ["when", "event", "gen", "before", "who", "job", "reason"],
            [_cells(event) for event in events],
            _STYLES,
        )

    def fields(events: list[LogRow]) -> dict[str, Any]:
        return {"events": [_fields(event) for event in events]}

    report("log", on_each(invocation, at_host), invocation, show, fields, headings=True)


def _cells(event: LogRow) -> list[str]:
    return [
        text.moment(event.time),
        event.event,
        str(event.generation),
        str(event.previous or "-"),
        event.who,
        event.job or "-",
        event.reason.partition("\n")[0],
    ]


def _fields(event: LogRow) -> dict[str, Any]:
    return {
        "time": text.iso(event.time),
        "event": event.event,
        "generation": event.generation,
        "previous": event.previous or None,
        "job": event.job or None,
        "who": event.who,
        "reason": event.reason,
        "connections": event.connections,
    }
