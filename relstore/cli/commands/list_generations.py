"""``relstore list-generations``: the chain, newest last."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from relstore.cli.command import RelstoreCommand, example
from relstore.cli.each_host import on_each, report_all, the_apps
from relstore.cli.invocation import at_once, invocation_of

if TYPE_CHECKING:
    from relstore.cli.generation_view import FetchedRows
    from relstore.cli.progress import ConsoleReporter
    from relstore.client.connection.session import Session

_SCREENFUL, _OF_SEVERAL = 20, 10
"""So many a terminal gets of an app, and of each of several, unless more are asked for."""


@example(
    "relstore list-generations --to deploy@web1:/srv/web",
    "relstore list-generations -n 5",
    "relstore list-generations --json | jq .hosts[0]",
)
@click.command("list-generations", cls=RelstoreCommand)
@click.option("--all", "everything", is_flag=True, help="Show all, and deleted generations too.")
@click.option("-n", "--last", type=click.IntRange(min=1), metavar="N", help="Only the last N.")
@click.pass_context
def list_generations(ctx: click.Context, everything: bool, last: int | None) -> None:
    """Show the generations: number, time, build, commit, who, size, state, note; newest last. Of the app, or
    without one of all apps of the store.

    A terminal gets the last 20 (of several apps the last 10 each), and the current and pinned ones before
    them; a pipe and --json get all.
    """
    invocation = invocation_of(ctx, at_once)
    from relstore.cli import generation_view  # once ssh was started

    screen = invocation.console
    is_cut = last is None and screen.terminal and not (everything or screen.json)

    async def at_host(session: Session, _: ConsoleReporter) -> list[FetchedRows]:
        apps = await the_apps(session, invocation)
        most = (_SCREENFUL if len(apps) == 1 else _OF_SEVERAL) if is_cut else last
        found = await generation_view.fetch_rows(session, invocation, apps, most, deleted=everything)
        return found if last is None else [replace(each, rows=each.rows[-last:]) for each in found]

    def show(_: str, fetched: FetchedRows) -> None:
        if fetched.left_out and last is None:
            screen.report(f"{fetched.left_out:,} earlier ones are not shown: --all shows them", hang=0)
        screen.table(generation_view.COLUMNS, [generation_view.cells(row, screen) for row in fetched.rows])

    def fields(fetched: FetchedRows) -> dict[str, Any]:
        return {"app": fetched.app, "generations": [generation_view.fields(row) for row in fetched.rows]}

    outcomes = on_each(invocation, at_host)
    report_all(
        "list-generations",
        outcomes,
        invocation,
        show,
        fields,
        headings=True,
        app_of=lambda answer: answer.app,
    )
