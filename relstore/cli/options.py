"""The options that every command has, before or after its name, and what they come to.

Flags win over the environment's ``RELSTORE_*`` variables, these over relstore.toml, that over the
defaults. Not for the options of a single command.
"""

from __future__ import annotations

import getpass
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from relstore.cli.console import Console
from relstore.errors import UsageError
from relstore.formats.names import AppName

if TYPE_CHECKING:
    from relstore.client.config.load import Config
    from relstore.client.connection.account import Account
    from relstore.client.target import Target

_SYSTEM_SSH_CONFIG = "/etc/ssh/ssh_config"


@dataclass(frozen=True)
class Settings:
    """What this run works with."""

    config: Config
    targets: tuple[Target, ...]
    app: AppName | None
    console: Console
    account: Account
    who: str

    def need_targets(self) -> tuple[Target, ...]:
        """Raises UsageError when nothing says where to."""
        if not self.targets:
            raise UsageError(
                "no target", hint="Give --to user@host:/path, or set `to` in relstore.toml (`relstore init`)."
            )
        return self.targets


class Duration(click.ParamType[int]):
    """``30d``, ``12h``, ``90m``, ``45s`` as seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from relstore.client.config.amounts import duration

        try:
            return value if isinstance(value, int) else duration(value)
        except UsageError as error:
            self.fail(error.what, param, ctx)


class Size(click.ParamType[int]):
    """``500M``, ``2G`` as bytes."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from relstore.client.config.amounts import parse_size

        try:
            return value if isinstance(value, int) else parse_size(value)
        except UsageError as error:
            self.fail(error.what, param, ctx)


def common_options() -> list[click.Option]:
    """New options, each of which keeps what it was given in the context's ``obj``."""

    def option(*names: str, **attributes: Any) -> click.Option:
        return click.Option(names, expose_value=False, callback=_keep, **attributes)

    return [
        option(
            "--to", multiple=True, metavar="TARGET", envvar="RELSTORE_TO",
            help="The store: user@host:/path, host, ssh://…, /path or ./path. Repeatable.",
        ),
        option(
            "--app", metavar="NAME", envvar="RELSTORE_APP",
            help="The app; else from the file or the artifact.",
        ),
        option(
            "--config", metavar="FILE", envvar="RELSTORE_CONFIG",
            help="Instead of the nearest relstore.toml.",
        ),
        option(
            "--env", metavar="NAME", envvar="RELSTORE_ENV",
            help="The [env.NAME] of relstore.toml to use.",
        ),
        option("--python", metavar="PATH", envvar="RELSTORE_PYTHON", help="The python3 on the host."),
        option(
            "--connect-timeout", type=Duration(), metavar="TIME", envvar="RELSTORE_CONNECT_TIMEOUT",
            help="Give up on a host that does not answer.  [default: 10s]",
        ),
        option("--json", is_flag=True, default=None, help="Print one JSON document instead of text."),
        option("-v", "--verbose", is_flag=True, default=None, help="Say more."),
        option("-q", "--quiet", is_flag=True, default=None, help="Say only what was asked for, and errors."),
    ]  # fmt: skip


def settings(context: click.Context) -> Settings:
    """Put together flags, environment and relstore.toml. Raises ConfigError, TargetError, UsageError."""
    # Not at the top: `--help`, `--version` and completion need none of it.
    from relstore.cli.directories import state_directory
    from relstore.client.config import load as configs
    from relstore.client.connection.account import Account
    from relstore.client.local_state.chain_heads import Heads
    from relstore.client.target import Target

    flags = context.find_root().ensure_object(dict)
    home = os.path.expanduser("~")
    here = Path.cwd()
    path = Path(flags["config"]) if flags.get("config") else configs.find(here)
    env = flags.get("env")
    if path is None and env is not None:
        raise UsageError(f"--env {env} without a relstore.toml", hint="`relstore init` writes one.")
    config = configs.load(path, env, home) if path is not None else configs.EMPTY
    given = tuple(Target.parse(one, home).beneath(here) for one in _split(flags.get("to", ())))
    user = getpass.getuser()
    return Settings(
        config,
        given or config.targets,
        AppName.parse(flags["app"]) if flags.get("app") else config.app,
        console(context),
        Account(
            home,
            user,
            os.environ.get("SSH_AUTH_SOCK"),
            (os.path.join(home, ".ssh", "config"), _SYSTEM_SSH_CONFIG),
            flags.get("connect_timeout") or config.connect_timeout or configs.DEFAULT_CONNECT_TIMEOUT,
            flags.get("python") or config.python,
            Heads(state_directory() / "heads.json"),
        ),
        f"{user}@{os.uname().nodename}"[:255],
    )


def console(context: click.Context) -> Console:
    """How to print, as the flags say; usable when the rest of the settings is wrong."""
    flags = context.find_root().ensure_object(dict)
    terminal = sys.stdout.isatty()
    return Console(
        bool(flags.get("json")),
        bool(flags.get("quiet")),
        bool(flags.get("verbose")),
        terminal,
        terminal and not os.environ.get("NO_COLOR"),
    )


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    flags = context.find_root().ensure_object(dict)
    name = str(parameter.name)
    given = context.get_parameter_source(name)
    # An option after the command's name wins over the same one before it.
    if value not in (None, ()) and (given is click.core.ParameterSource.COMMANDLINE or name not in flags):
        flags[name] = value


def _split(values: tuple[str, ...]) -> list[str]:
    return [value for value in values if value]
