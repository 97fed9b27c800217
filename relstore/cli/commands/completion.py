"""``relstore completion``: the shell code that completes commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from relstore.cli.command import RelstoreCommand, example
from relstore.cli.console import console_of


@example(
    "relstore completion bash >> ~/.bashrc",
    "relstore completion fish > ~/.config/fish/completions/relstore.fish",
)
@click.command(cls=RelstoreCommand)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion code for SHELL."""
    completer = get_completion_class(shell)
    if completer is not None:
        console_of(ctx).report(
            completer(ctx.find_root().command, {}, "relstore", "_RELSTORE_COMPLETE").source()
        )
