"""``relstore mark``: a person's word on whether a generation is good."""

from __future__ import annotations

import click

from relstore import protocol
from relstore.cli import generation_view as rows
from relstore.cli.command import Spec, SpecCommand, example
from relstore.cli.each_host import on_each, report, the_app
from relstore.cli.invocation import invocation_of
from relstore.cli.progress import ConsoleReporter
from relstore.client.connection.session import Session
from relstore.formats.generation import MAX_NOTE
from relstore.formats.names import AppName
from relstore.protocol import RowOut


@example("relstore mark bad 42 -m 'leaks memory'", "relstore mark good 41")
@click.command(cls=SpecCommand)
@click.argument("word", type=click.Choice(["good", "bad"]))
@click.argument("generation", type=Spec())
@click.option("-m", "--message", default="", metavar="TEXT", help="Why, for the record.")
@click.pass_context
def mark(ctx: click.Context, word: str, generation: str, message: str) -> None:
    """Say that GENERATION is good or bad. What is bad is never what -1 means, nor kept as a good one."""
    invocation = invocation_of(ctx)

    async def ask(session: Session, _: ConsoleReporter) -> tuple[AppName, RowOut]:
        app = await the_app(session, invocation)
        request = protocol.Mark(app, generation, word == "good", invocation.who, message[:MAX_NOTE])
        row, _body = await session.ask(request, RowOut)
        return app, row

    def show(host: str, found: tuple[AppName, RowOut]) -> None:
        invocation.console.say(f"generation {found[1].number} of {found[0]} on {host} is marked {word}")

    report("mark", on_each(invocation, ask), invocation, show, rows.app_and_generation, word=word)
