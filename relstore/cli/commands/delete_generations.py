"""``relstore delete-generations``: give up generations; ``gc`` then frees their bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from relstore import protocol
from relstore.cli import generation_view
from relstore.cli.command import Spec, SpecCommand, each_its_own_option, example
from relstore.cli.each_host import on_each_agreed, report
from relstore.cli.invocation import at_once, invocation_of
from relstore.client.connection.session import rows
from relstore.client.fleet.resolved_host import ResolvedHost
from relstore.formats.names import AppName
from relstore.protocol import RowOut


@example("relstore delete-generations 3 4 7", "relstore delete-generations 3 --dry-run")
@click.command("delete-generations", cls=SpecCommand)
@click.argument("generations", type=Spec(), nargs=-1, required=True)
@click.option("--dry-run", is_flag=True, help="Only check that they can be deleted.")
@each_its_own_option
@click.pass_context
def delete_generations(
    ctx: click.Context, generations: tuple[str, ...], dry_run: bool, each_its_own: bool
) -> None:
    """Delete GENERATIONS: all of them, or none when one of them is still needed. Their records are kept.

    A generation is needed when it is current, pinned, the one to roll back to, or being activated.
    With several targets, each must be the same build at all of them. `relstore gc` frees the disk space.
    """
    invocation = invocation_of(ctx, at_once)

    async def at_host(host: ResolvedHost, numbers: Sequence[int]) -> tuple[AppName, list[RowOut]]:
        request = protocol.Delete(host.app, tuple(map(str, numbers)), invocation.who, dry_run)
        _done, body = await host.session.ask(request, protocol.Done)
        return host.app, rows(body, RowOut)

    def show(host: str, answer: tuple[AppName, list[RowOut]]) -> None:
        for row in answer[1]:
            verb = "would be deleted" if dry_run else "deleted"
            invocation.console.say(f"generation {row.number} of {answer[0]} on {host}: {verb}")

    def fields(answer: tuple[AppName, list[RowOut]]) -> dict[str, Any]:
        return {"app": answer[0], "generations": [generation_view.fields(row) for row in answer[1]]}

    outcomes = on_each_agreed(invocation, generations, at_host, each_its_own=each_its_own)
    report("delete-generations", outcomes, invocation, show, fields, dry_run=dry_run)
