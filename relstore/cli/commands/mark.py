"""``relstore mark``: say by hand whether a generation is good."""

from __future__ import annotations

import click

from relstore import protocol
from relstore.cli import generation_view
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
    """Mark GENERATION as good or bad. -1 never means a bad one, and `--keep` does not count it."""
    invocation = invocation_of(ctx)

    async def at_host(session: Session, _: ConsoleReporter) -> tuple[AppName, RowOut]:
        app = await the_app(session, invocation)
        request = protocol.Mark(app, generation, word == "good", invocation.who, message[:MAX_NOTE])
        row, _body = await session.ask(request, RowOut)
        return app, row

    def show(host: str, answer: tuple[AppName, RowOut]) -> None:
        invocation.console.say(f"generation {answer[1].number} of {answer[0]} on {host} is marked {word}")

    report(
        "mark", on_each(invocation, at_host), invocation, show, generation_view.app_and_generation, word=word
    )
