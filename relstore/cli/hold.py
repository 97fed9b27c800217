"""``relstore hold`` and ``relstore unhold``: refuse activations for a while."""

from __future__ import annotations

import click

from relstore import protocol
from relstore.cli.command import Command, example
from relstore.cli.options import settings
from relstore.cli.progress import ConsoleReporter
from relstore.cli.work import finish, on_each, the_app
from relstore.client.session import Session
from relstore.store.names import AppName


@example("relstore hold -m 'database migration'")
@click.command(cls=Command)
@click.option("-m", "--message", required=True, metavar="TEXT", help="Why; whoever is refused is told.")
@click.pass_context
def hold(ctx: click.Context, message: str) -> None:
    """Refuse every activation of the app until `unhold`. Uploads still work (push --no-switch).

    A hold survives reboots, and nobody waits for it to end.
    """
    here = settings(ctx)

    async def ask(session: Session, _: ConsoleReporter) -> AppName:
        app = await the_app(session, here)
        await session.ask(protocol.Hold(app, here.who, message), protocol.Done)
        return app

    outcomes = on_each(here, ask)
    documents = []
    for one in outcomes:
        if one.value is not None:
            here.console.say(f"{one.value} on {one.target.label} is held")
            documents.append({"target": str(one.target), "app": one.value})
    here.console.document("hold", message=message, hosts=documents)
    finish([one.error for one in outcomes], here)


@example("relstore unhold")
@click.command(cls=Command)
@click.pass_context
def unhold(ctx: click.Context) -> None:
    """Allow activations of the app again."""
    here = settings(ctx)

    async def ask(session: Session, _: ConsoleReporter) -> tuple[AppName, bool]:
        app = await the_app(session, here)
        found, _body = await session.ask(protocol.Unhold(app), protocol.Unheld)
        return app, found.was_held

    outcomes = on_each(here, ask)
    documents = []
    for one in outcomes:
        if one.value is not None:
            app, was_held = one.value
            here.console.say(
                f"{app} on {one.target.label} {'is held no longer' if was_held else 'was not held'}"
            )
            documents.append({"target": str(one.target), "app": app, "was_held": was_held})
    here.console.document("unhold", hosts=documents)
    finish([one.error for one in outcomes], here)
