"""``relstore hold`` and ``relstore unhold``: refuse activations for a while."""

from __future__ import annotations

from typing import Any

import click

from relstore import protocol
from relstore.cli.command import RelstoreCommand, example
from relstore.cli.each_host import on_each, report, the_app
from relstore.cli.invocation import invocation_of
from relstore.cli.progress import ConsoleReporter
from relstore.client.connection.session import Session
from relstore.formats.names import AppName


@example("relstore hold -m 'database migration'")
@click.command(cls=RelstoreCommand)
@click.option("-m", "--message", required=True, metavar="TEXT", help="Why; whoever is refused is told.")
@click.pass_context
def hold(ctx: click.Context, message: str) -> None:
    """Refuse every activation of the app until `unhold`. Uploads still work (push --no-switch).

    A hold survives reboots, and nobody waits for it to end.
    """
    invocation = invocation_of(ctx)

    async def ask(session: Session, _: ConsoleReporter) -> AppName:
        app = await the_app(session, invocation)
        await session.ask(protocol.Hold(app, invocation.who, message), protocol.Done)
        return app

    def show(host: str, app: AppName) -> None:
        invocation.console.say(f"{app} on {host} is held")

    report("hold", on_each(invocation, ask), invocation, show, lambda app: {"app": app}, message=message)


@example("relstore unhold")
@click.command(cls=RelstoreCommand)
@click.pass_context
def unhold(ctx: click.Context) -> None:
    """Allow activations of the app again."""
    invocation = invocation_of(ctx)

    async def ask(session: Session, _: ConsoleReporter) -> tuple[AppName, bool]:
        app = await the_app(session, invocation)
        found, _body = await session.ask(protocol.Unhold(app), protocol.Unheld)
        return app, found.was_held

    def show(host: str, found: tuple[AppName, bool]) -> None:
        app, was_held = found
        invocation.console.say(f"{app} on {host} {'is held no longer' if was_held else 'was not held'}")

    def fields(found: tuple[AppName, bool]) -> dict[str, Any]:
        return {"app": found[0], "was_held": found[1]}

    report("unhold", on_each(invocation, ask), invocation, show, fields)
