"""The options that every command has, before or after its name.

Not for the options of a single command, nor for what the options come to (``invocation``).
"""

from __future__ import annotations

from typing import Any

import click

from relstore.cli import completers
from relstore.cli.flags import flag_of
from relstore.cli.given import keep_value
from relstore.client.config.keys import target
from relstore.client.config.setting import Section
from relstore.errors import UsageError


class Duration(click.ParamType[int]):
    """``30d``, ``12h``, ``90m``, ``45s`` in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from relstore.client.config.amounts import duration

        try:
            return value if isinstance(value, int) else duration(value)
        except UsageError as error:
            self.fail(error.what, param, ctx)


def common_options() -> list[click.Option]:
    """New options, each of which keeps what it was given in the context's ``obj``."""

    def option(*names: str, **attributes: Any) -> click.Option:
        return click.Option(names, expose_value=False, callback=keep_value, **attributes)

    return [
        *map(flag_of, Section.of(target).settings),
        option(
            "--config", metavar="FILE", envvar="RELSTORE_CONFIG",
            help="The configuration file to use instead of the nearest relstore.toml.",
            shell_complete=completers.files,
        ),
        option(
            "--env", metavar="NAME", envvar="RELSTORE_ENV",
            help="The environment ([env.NAME]) of relstore.toml to use.",
            shell_complete=completers.environments,
        ),
        option(
            "--hosts", "--host", metavar="NAME[,NAME]", multiple=True,
            help="Only these hosts; `failed` means those where the last rollout failed. Repeatable.",
            shell_complete=completers.hosts,
        ),
        option(
            "--group", metavar="NAME[,NAME]", multiple=True,
            help="Only the hosts of this group of relstore.toml. Repeatable.",
            shell_complete=completers.groups,
        ),
        option("--json", is_flag=True, default=None, help="Print one JSON document instead of text."),
        option("-v", "--verbose", is_flag=True, default=None, help="Print more details."),
        option("-q", "--quiet", is_flag=True, default=None, help="Print only the report itself, and errors."),
    ]  # fmt: skip
