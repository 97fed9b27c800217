"""The options of every command that activates a generation, and what they come to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from relstore.cli.options import Duration, Settings
from relstore.client import config as configs
from relstore.client.config_schema import shell_command
from relstore.client.release import Restart, Turn


def activation_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds ``restart``, ``restart_timeout``, ``lock_wait`` and ``override_hold``."""
    options = (
        click.option("--restart", metavar="COMMAND", help="Run this on the host (sh -c) after the switch."),
        click.option(
            "--restart-timeout",
            type=Duration(),
            metavar="TIME",
            help="How long that may take.  [default: 60s]",
        ),
        click.option(
            "--lock-wait",
            type=Duration(),
            metavar="TIME",
            help="Wait so long for another activation to end.  [default: not at all]",
        ),
        click.option("--override-hold", is_flag=True, help="Go on in spite of a hold; it is recorded."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def restart_of(here: Settings, command: str | None, seconds: int | None) -> Restart:
    """The flag, else what relstore.toml says, else the default."""
    words = shell_command(command) if command else here.config.restart
    return Restart(words, seconds or here.config.restart_timeout or configs.DEFAULT_RESTART_TIMEOUT)


def turn_of(lock_wait: int | None, override_hold: bool) -> Turn:
    return Turn(lock_wait or 0, override_hold)
