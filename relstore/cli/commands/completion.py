"""``relstore completion``: the shell code that completes commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from relstore.cli.bash_completion import LineComplete
from relstore.cli.command import RelstoreCommand, example
from relstore.cli.completers import COMPLETE_VARIABLE
from relstore.cli.console import console_of


@example(
    "relstore completion bash >> ~/.bashrc",
    "relstore completion zsh > ~/.zfunc/_relstore     # a directory of fpath",
    "relstore completion fish > ~/.config/fish/completions/relstore.fish",
)
@click.command(cls=RelstoreCommand)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion code for SHELL: it completes commands, options and values, such as hosts of
    ssh_config and generations that this machine has seen. No host is asked.
    """
    completer = LineComplete if shell == "bash" else get_completion_class(shell)
    if completer is not None:
        console_of(ctx).report(completer(ctx.find_root().command, {}, "relstore", COMPLETE_VARIABLE).source())
