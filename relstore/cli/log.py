"""``relstore log``: the journal, activations and their outcomes."""

from __future__ import annotations

import click

from relstore import protocol
from relstore.cli import text
from relstore.cli.command import Command, example
from relstore.cli.options import settings
from relstore.cli.progress import ConsoleReporter
from relstore.cli.work import finish, on_each, the_app
from relstore.client.session import Session, rows
from relstore.protocol import EventOut
from relstore.store import journal

_STYLES = {
    journal.ACTIVE: "green",
    journal.ROLLED_BACK: "red",
    journal.FAILED: "red",
    journal.STUCK: "bold red",
}


@example("relstore log", "relstore log -n 5 --json")
@click.command(cls=Command)
@click.option("-n", "--last", type=click.IntRange(min=1), metavar="N", help="Only the last N lines.")
@click.pass_context
def log(ctx: click.Context, last: int | None) -> None:
    """Show what the host recorded: each activation, how it ended, and why; newest last."""
    here = settings(ctx)

    async def ask(session: Session, _: ConsoleReporter) -> list[EventOut]:
        app = await the_app(session, here)
        _done, body = await session.ask(protocol.Log(app), protocol.Done)
        return rows(body, EventOut)

    outcomes = on_each(here, ask)
    documents = []
    for one in outcomes:
        if one.value is None:
            continue
        shown = one.value[-last:] if last else one.value
        documents.append({"target": str(one.target), "events": [_fields(event) for event in shown]})
        if len(outcomes) > 1:
            here.console.report(f"{one.target}:")
        here.console.table(
            ["when", "event", "gen", "before", "who", "job", "reason"],
            [
                [
                    text.moment(event.time),
                    event.event,
                    str(event.generation),
                    str(event.previous or "-"),
                    event.who,
                    event.job or "-",
                    event.reason.partition("\n")[0],
                ]
                for event in shown
            ],
            _STYLES,
        )
    here.console.document("log", hosts=documents)
    finish([one.error for one in outcomes], here)


def _fields(event: EventOut) -> dict[str, object]:
    return {
        "time": text.iso(event.time),
        "event": event.event,
        "generation": event.generation,
        "previous": event.previous or None,
        "job": event.job or None,
        "who": event.who,
        "reason": event.reason,
    }
