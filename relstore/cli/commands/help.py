"""``relstore help``: what ``--help`` shows, for whoever tries it as a command."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import click

from relstore.cli.catalog import COMMANDS
from relstore.cli.command import RelstoreCommand, example
from relstore.cli.completers import completer
from relstore.cli.console import console_of


def _commands(_: click.Context) -> Iterator[tuple[str, str]]:
    for name, listed in COMMANDS.items():
        yield name, listed.short


@example("relstore help", "relstore help push")
@click.command(cls=RelstoreCommand)
@click.argument("command", required=False, shell_complete=completer(_commands))
@click.pass_context
def help(ctx: click.Context, command: str | None) -> None:  # noqa: A001 - the module and its command have one name
    """Show what COMMAND does and which options it has; without COMMAND, all commands."""
    root = ctx.find_root()
    group = cast(click.Group, root.command)
    found = group.resolve_command(root, [command])[1] if command else None
    context = click.Context(found, info_name=found.name, parent=root) if found else root
    console_of(ctx).report(context.get_help())
