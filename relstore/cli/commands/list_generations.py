"""``relstore list-generations``: the chain, newest last."""

from __future__ import annotations

from typing import Any

import click

from relstore.cli import generation_view
from relstore.cli.command import RelstoreCommand, example
from relstore.cli.each_host import on_each, report
from relstore.cli.invocation import invocation_of
from relstore.cli.progress import ConsoleReporter
from relstore.client.connection.session import Session
from relstore.formats.generation import DELETED
from relstore.formats.names import AppName
from relstore.protocol import RowOut


@example(
    "relstore list-generations --to deploy@web1:/srv/web", "relstore list-generations --json | jq .hosts[0]"
)
@click.command("list-generations", cls=RelstoreCommand)
@click.option("--all", "everything", is_flag=True, help="Show deleted generations too.")
@click.pass_context
def list_generations(ctx: click.Context, everything: bool) -> None:
    """Show the generations: number, time, build, commit, who, size, state, note; newest last."""
    invocation = invocation_of(ctx)

    async def at_host(session: Session, _: ConsoleReporter) -> tuple[AppName, list[RowOut]]:
        app, generations = await generation_view.fetch_rows(session, invocation)
        return app, [row for row in generations if everything or row.state != DELETED]

    def show(_: str, answer: tuple[AppName, list[RowOut]]) -> None:
        screen = invocation.console
        screen.table(generation_view.COLUMNS, [generation_view.cells(row, screen) for row in answer[1]])

    def fields(answer: tuple[AppName, list[RowOut]]) -> dict[str, Any]:
        return {"app": answer[0], "generations": [generation_view.fields(row) for row in answer[1]]}

    report("list-generations", on_each(invocation, at_host), invocation, show, fields, headings=True)
