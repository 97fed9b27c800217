"""``relstore pin`` and ``relstore unpin``: keep a generation whatever the policy says."""

from __future__ import annotations

import click

from relstore import protocol
from relstore.cli import generation_view
from relstore.cli.command import RelstoreCommand, Spec, SpecCommand, example
from relstore.cli.each_host import on_each, report, the_app
from relstore.cli.invocation import invocation_of
from relstore.cli.progress import ConsoleReporter
from relstore.client.connection.session import Session
from relstore.formats.names import AppName, PinName
from relstore.protocol import RowOut


@example("relstore pin before-migration -1", "relstore pin stable 42")
@click.command(cls=SpecCommand)
@click.argument("name")
@click.argument("generation", type=Spec())
@click.pass_context
def pin(ctx: click.Context, name: str, generation: str) -> None:
    """Pin GENERATION under NAME, so that it is kept until `unpin`. An existing pin of that name moves."""
    invocation = invocation_of(ctx)
    checked = PinName.parse(name)

    async def at_host(session: Session, _: ConsoleReporter) -> tuple[AppName, RowOut]:
        app = await the_app(session, invocation)
        row, _body = await session.ask(protocol.Pin(app, checked, generation), RowOut)
        return app, row

    def show(host: str, answer: tuple[AppName, RowOut]) -> None:
        invocation.console.say(
            f"generation {answer[1].number} of {answer[0]} on {host} is pinned as {checked}"
        )

    report(
        "pin",
        on_each(invocation, at_host),
        invocation,
        show,
        generation_view.app_and_generation,
        name=checked,
    )


@example("relstore unpin before-migration")
@click.command(cls=RelstoreCommand)
@click.argument("name")
@click.pass_context
def unpin(ctx: click.Context, name: str) -> None:
    """Remove the pin NAME. The generation stays until the policy no longer keeps it."""
    invocation = invocation_of(ctx)
    checked = PinName.parse(name)

    async def at_host(session: Session, _: ConsoleReporter) -> AppName:
        app = await the_app(session, invocation)
        await session.ask(protocol.Unpin(app, checked), protocol.Done)
        return app

    def show(host: str, app: AppName) -> None:
        invocation.console.say(f"removed the pin {checked} of {app} on {host}")

    report("unpin", on_each(invocation, at_host), invocation, show, lambda app: {"app": app}, name=checked)
