"""``relstore pin`` and ``relstore unpin``: keep a generation whatever the policy says."""

from __future__ import annotations

import click

from relstore import protocol
from relstore.cli import rows
from relstore.cli.command import Command, Spec, SpecCommand, example
from relstore.cli.options import settings
from relstore.cli.progress import ConsoleReporter
from relstore.cli.work import finish, on_each, the_app
from relstore.client.session import Session
from relstore.protocol import RowOut
from relstore.store.names import AppName, PinName


@example("relstore pin before-migration -1", "relstore pin stable 42")
@click.command(cls=SpecCommand)
@click.argument("name")
@click.argument("generation", type=Spec())
@click.pass_context
def pin(ctx: click.Context, name: str, generation: str) -> None:
    """Pin GENERATION under NAME; it is kept until `unpin`. A pin of that name moves."""
    here = settings(ctx)
    checked = PinName.parse(name)

    async def ask(session: Session, _: ConsoleReporter) -> tuple[AppName, RowOut]:
        app = await the_app(session, here)
        row, _body = await session.ask(protocol.Pin(app, checked, generation), RowOut)
        return app, row

    outcomes = on_each(here, ask)
    documents = []
    for one in outcomes:
        if one.value is not None:
            app, row = one.value
            here.console.say(f"generation {row.number} of {app} on {one.target.label} is pinned as {checked}")
            documents.append({"target": str(one.target), "app": app, "generation": rows.fields(row)})
    here.console.document("pin", name=checked, hosts=documents)
    finish([one.error for one in outcomes], here)


@example("relstore unpin before-migration")
@click.command(cls=Command)
@click.argument("name")
@click.pass_context
def unpin(ctx: click.Context, name: str) -> None:
    """Remove the pin NAME. The generation stays until a policy lets it go."""
    here = settings(ctx)
    checked = PinName.parse(name)

    async def ask(session: Session, _: ConsoleReporter) -> AppName:
        app = await the_app(session, here)
        await session.ask(protocol.Unpin(app, checked), protocol.Done)
        return app

    outcomes = on_each(here, ask)
    documents = []
    for one in outcomes:
        if one.value is not None:
            here.console.say(f"the pin {checked} of {one.value} on {one.target.label} is gone")
            documents.append({"target": str(one.target), "app": one.value})
    here.console.document("unpin", name=checked, hosts=documents)
    finish([one.error for one in outcomes], here)
