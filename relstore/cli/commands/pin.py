"""``relstore pin`` and ``relstore unpin``: keep a generation whatever the policy says."""

from __future__ import annotations

from collections.abc import Sequence

import click

from relstore import protocol
from relstore.cli import completers, generation_view
from relstore.cli.command import RelstoreCommand, Spec, SpecCommand, each_its_own_option, example
from relstore.cli.each_host import on_each, on_each_agreed, report, the_app
from relstore.cli.invocation import at_once, invocation_of
from relstore.cli.progress import ConsoleReporter
from relstore.client.connection.session import Session
from relstore.client.fleet.resolved_host import ResolvedHost
from relstore.formats.names import AppName, PinName
from relstore.protocol import RowOut


@example("relstore pin before-migration -1", "relstore pin stable 42")
@click.command(cls=SpecCommand)
@click.argument("name", shell_complete=completers.pins)
@click.argument("generation", type=Spec())
@each_its_own_option
@click.pass_context
def pin(ctx: click.Context, name: str, generation: str, each_its_own: bool) -> None:
    """Pin GENERATION under NAME, so that it is kept until `unpin`. An existing pin of that name moves.

    With several targets, nothing is pinned unless GENERATION is the same build at all of them.
    """
    invocation = invocation_of(ctx, at_once)
    checked = PinName.parse(name)

    async def at_host(host: ResolvedHost, numbers: Sequence[int]) -> tuple[AppName, RowOut]:
        request = protocol.Pin(host.app, checked, str(numbers[0]))
        row, _body = await host.session.ask(request, RowOut)
        return host.app, row

    def show(host: str, answer: tuple[AppName, RowOut]) -> None:
        invocation.console.say(
            f"generation {answer[1].number} of {answer[0]} on {host} is pinned as {checked}"
        )

    report(
        "pin",
        on_each_agreed(invocation, [generation], at_host, each_its_own=each_its_own),
        invocation,
        show,
        generation_view.app_and_generation,
        name=checked,
    )


@example("relstore unpin before-migration")
@click.command(cls=RelstoreCommand)
@click.argument("name", shell_complete=completers.pins)
@click.pass_context
def unpin(ctx: click.Context, name: str) -> None:
    """Remove the pin NAME. The generation stays until the policy no longer keeps it."""
    invocation = invocation_of(ctx, at_once)
    checked = PinName.parse(name)

    async def at_host(session: Session, _: ConsoleReporter) -> AppName:
        app = await the_app(session, invocation)
        await session.ask(protocol.Unpin(app, checked), protocol.Done)
        return app

    def show(host: str, app: AppName) -> None:
        invocation.console.say(f"removed the pin {checked} of {app} on {host}")

    report("unpin", on_each(invocation, at_host), invocation, show, lambda app: {"app": app}, name=checked)
