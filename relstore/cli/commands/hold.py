"""``relstore hold`` and ``relstore unhold``: refuse activations for a while."""

from __future__ import annotations

from typing import Any

import click

from relstore import protocol
from relstore.cli.command import RelstoreCommand, example
from relstore.cli.each_host import on_each, report, the_app
from relstore.cli.invocation import at_once, invocation_of
from relstore.cli.progress import ConsoleReporter
from relstore.client.connection.session import Session
from relstore.formats.names import AppName


@example("relstore hold -m 'database migration'")
@click.command(cls=RelstoreCommand)
@click.option("-m", "--message", required=True, metavar="TEXT", help="Why, for whoever is refused.")
@click.pass_context
def hold(ctx: click.Context, message: str) -> None:
    """Refuse every activation of the app until `unhold`. Uploads still work (push --no-switch).

    A hold survives reboots. Activations do not wait for its end; they are refused.
    """
    invocation = invocation_of(ctx, at_once)

    async def at_host(session: Session, _: ConsoleReporter) -> AppName:
        app = await the_app(session, invocation)
        await session.ask(protocol.Hold(app, invocation.who, message), protocol.Done)
        return app

    def show(host: str, app: AppName) -> None:
        invocation.console.say(f"{app} on {host} is on hold")

    report("hold", on_each(invocation, at_host), invocation, show, lambda app: {"app": app}, message=message)


@example("relstore unhold")
@click.command(cls=RelstoreCommand)
@click.pass_context
def unhold(ctx: click.Context) -> None:
    """Allow activations of the app again."""
    invocation = invocation_of(ctx, at_once)

    async def at_host(session: Session, _: ConsoleReporter) -> tuple[AppName, bool]:
        app = await the_app(session, invocation)
        answer, _body = await session.ask(protocol.Unhold(app), protocol.Unheld)
        return app, answer.was_held

    def show(host: str, answer: tuple[AppName, bool]) -> None:
        app, was_held = answer
        invocation.console.say(f"{app} on {host} {'is no longer on hold' if was_held else 'was not on hold'}")

    def fields(answer: tuple[AppName, bool]) -> dict[str, Any]:
        return {"app": answer[0], "was_held": answer[1]}

    report("unhold", on_each(invocation, at_host), invocation, show, fields)
