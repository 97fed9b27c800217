"""``relstore mark``: say by hand whether a generation is good."""

from __future__ import annotations

from collections.abc import Sequence

import click

from relstore import protocol
from relstore.cli import generation_view
from relstore.cli.command import Spec, SpecCommand, each_its_own_option, example
from relstore.cli.each_host import on_each_agreed, report
from relstore.cli.invocation import at_once, invocation_of
from relstore.client.fleet.resolved_host import ResolvedHost
from relstore.formats.generation import MAX_NOTE
from relstore.formats.names import AppName
from relstore.protocol import RowOut


@example("relstore mark bad 42 -m 'leaks memory'", "relstore mark good 41")
@click.command(cls=SpecCommand)
@click.argument("word", type=click.Choice(["good", "bad"]))
@click.argument("generation", type=Spec())
@click.option("-m", "--message", default="", metavar="TEXT", help="Why, for the record.")
@each_its_own_option
@click.pass_context
def mark(ctx: click.Context, word: str, generation: str, message: str, each_its_own: bool) -> None:
    """Mark GENERATION as good or bad. -1 never means a bad one, and `--keep` does not count it.

    With several targets, nothing is marked unless GENERATION is the same build at all of them.
    """
    invocation = invocation_of(ctx, at_once)

    async def at_host(host: ResolvedHost, numbers: Sequence[int]) -> tuple[AppName, RowOut]:
        request = protocol.Mark(host.app, str(numbers[0]), word == "good", invocation.who, message[:MAX_NOTE])
        row, _body = await host.session.ask(request, RowOut)
        return host.app, row

    def show(host: str, answer: tuple[AppName, RowOut]) -> None:
        invocation.console.say(f"generation {answer[1].number} of {answer[0]} on {host} is marked {word}")

    report(
        "mark",
        on_each_agreed(invocation, [generation], at_host, each_its_own=each_its_own),
        invocation,
        show,
        generation_view.app_and_generation,
        word=word,
    )
