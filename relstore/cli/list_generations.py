"""``relstore list-generations``: the chain, newest last."""

from __future__ import annotations

import click

from relstore.cli import rows
from relstore.cli.command import Command, example
from relstore.cli.options import settings
from relstore.cli.work import finish, on_each
from relstore.store import history


@example(
    "relstore list-generations --to deploy@web1:/srv/web", "relstore list-generations --json | jq .hosts[0]"
)
@click.command("list-generations", cls=Command)
@click.option("--all", "everything", is_flag=True, help="Also those that were deleted or collected.")
@click.pass_context
def list_generations(ctx: click.Context, everything: bool) -> None:
    """Show the generations: number, time, build, commit, who, size, state, note; newest last."""
    here = settings(ctx)
    outcomes = on_each(here, lambda session, _: rows.fetch_rows(session, here))
    documents = []
    for one in outcomes:
        if one.value is None:
            continue
        app, found = one.value
        shown = [row for row in found if everything or row.state != history.DELETED]
        documents.append(
            {"target": str(one.target), "app": app, "generations": [rows.fields(row) for row in shown]}
        )
        if len(outcomes) > 1:
            here.console.report(f"{one.target}:")
        here.console.table(rows.HEADERS, [rows.cells(row) for row in shown], rows.STYLES)
    here.console.document("list-generations", hosts=documents)
    finish([one.error for one in outcomes], here)
