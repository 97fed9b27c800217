"""What is wrong with a command line, click's own errors included, in the words and the form of all others.

Not for showing it (``console``).
"""

from __future__ import annotations

from difflib import get_close_matches

import click

from relstore.cli import catalog
from relstore.errors import UsageError


def no_such_command(word: str) -> UsageError:
    """The error about a word that names no command."""
    close = catalog.resembling(word)
    hint = f"Do you mean {close!r}? " if close else ""
    return UsageError(f"there is no command {word[:80]!r}", hint=f"{hint}`relstore help` lists all.")


def restated(error: click.ClickException) -> UsageError:
    """The same error as one of relstore's."""
    command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "relstore"
    hint = f"`{command} --help` shows what it takes."
    if isinstance(error, click.NoSuchOption):
        # click also offers what is hardly alike.
        close = get_close_matches(error.option_name, error.possibilities or (), n=1, cutoff=0.75)
        meant = f"Do you mean {close[0]!r}? " if close else ""
        return UsageError(f"there is no option {error.option_name!r}", hint=meant + hint)
    message = error.format_message().rstrip(".")
    return UsageError(message[:1].lower() + message[1:], hint=hint)
