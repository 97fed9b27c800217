"""The environment as an argument, for commands that take nothing else: ``relstore check production``.

The same as ``--env``, which every command has (``options``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from relstore.cli import completers
from relstore.cli.given import ENVIRONMENT, keep_value


def environment_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``[ENVIRONMENT]``."""
    argument = click.argument(
        ENVIRONMENT,
        required=False,
        metavar="[ENVIRONMENT]",
        expose_value=False,
        callback=keep_value,
        shell_complete=completers.environments,
    )
    return argument(command)
