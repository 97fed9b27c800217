"""What one run of the program works with: flags, environment and relstore.toml put together.

Flags override the ``RELSTORE_*`` variables, these override relstore.toml, and that the defaults.
Not for declaring options (``options``, ``flags``).
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from relstore.cli.console import Console, console_of
from relstore.cli.early import EARLY
from relstore.cli.given import chosen_environment, given
from relstore.cli.layers import flag_values, variable_values
from relstore.client.config.keys.service import ASK_BECOME_PASS
from relstore.client.config.keys.target import APP, CONNECT_TIMEOUT, PYTHON, SSH, TO
from relstore.client.config.setting import PathBase
from relstore.client.config.values import Values, layered
from relstore.errors import UsageError
from relstore.formats.names import AppName

if TYPE_CHECKING:
    from relstore.client.config.load import Config
    from relstore.client.connection.account import Account
    from relstore.client.connection.head_start import HeadStart
    from relstore.client.connection.transport.openssh.process import SSHProcess
    from relstore.client.connection.transport.openssh.spawn import SSHPlan
    from relstore.client.local_state.seen_generations import SeenGenerations
    from relstore.client.ssh_program import OpenSSH
    from relstore.client.target import Target


@dataclass(frozen=True)
class Invocation:
    """What this run works with."""

    config: Config
    """relstore.toml alone."""
    flags: Values
    """The flags alone."""
    settings: Values
    """All layers: what holds."""
    console: Console
    account: Account
    who: str
    seen: SeenGenerations
    """What was seen of hosts, for completion."""

    @property
    def app(self) -> AppName | None:
        return self.settings.get(APP)

    @property
    def targets(self) -> tuple[Target, ...]:
        return self.settings.get(TO) or ()

    @property
    def labels(self) -> list[str]:
        """How messages name the hosts."""
        return [target.label for target in self.targets]

    def need_targets(self) -> tuple[Target, ...]:
        """Raises UsageError when there is no target."""
        if not self.targets:
            raise UsageError(
                "no target", hint="Give --to user@host:/path, or set `to` in relstore.toml (`relstore init`)."
            )
        return self.targets


@dataclass(frozen=True)
class Layers:
    """What was set, and where."""

    config: Config
    flags: Values
    settings: Values


def layers_of(context: click.Context) -> Layers:
    """Read relstore.toml, the environment and the flags. Raises ConfigError, TargetError, UsageError."""
    config = _config(context)
    base = PathBase(Path(), os.path.expanduser("~"))
    flags = flag_values(given(context), base)
    settings = layered(config.values, variable_values(os.environ, base), flags)
    return Layers(config, flags, _of_hosts(settings, given(context).get("host")))


def _of_hosts(settings: Values, names: object) -> Values:
    """With the targets that --host names. Raises UsageError."""
    if not isinstance(names, tuple):
        return settings
    from relstore.cli.host_choice import chosen

    return layered(settings, Values({TO.name: chosen(settings.get(TO) or (), [str(name) for name in names])}))


def at_once(settings: Values) -> bool:
    """For a command that begins with its hosts, unless it asks something first: one thing at a time."""
    return not settings.get(ASK_BECOME_PASS)


def invocation_of(
    context: click.Context, begins_with_hosts: Callable[[Values], bool] = lambda _: False
) -> Invocation:
    """``begins_with_hosts``: whether nothing is to come before the hosts, so that ssh can be started at once.

    Raises ConfigError, TargetError, UsageError.
    """
    # Not at the top: `--help`, `--version` and completion need none of it.
    from relstore.client.connection.head_start import HeadStart
    from relstore.client.ssh_program import SYSTEM_SSH_CONFIG

    home = os.path.expanduser("~")
    ssh_config = os.path.join(home, ".ssh", "config"), SYSTEM_SSH_CONFIG
    layers = layers_of(context)
    openssh = openssh_of(layers.settings)
    head_start: HeadStart[SSHProcess] = HeadStart()
    context.call_on_close(head_start.end)
    if openssh is not None and begins_with_hosts(layers.settings):
        plans = _begin(head_start, openssh, layers.settings.get(TO) or (), ssh_config, home)
        EARLY.remember(plans, str(config_file(context) or ""))
    else:
        EARLY.abandon()
        EARLY.remember([], "")
    # Only now, while ssh logs in.
    from relstore.cli.directories import seen_generations, state_directory
    from relstore.client.connection.account import Account
    from relstore.client.local_state.chain_heads import Heads

    user = _account_name()
    heads = Heads(state_directory() / "heads.json")
    seen = seen_generations()
    context.call_on_close(heads.flush)
    context.call_on_close(seen.flush)
    return Invocation(
        layers.config,
        layers.flags,
        layers.settings,
        console_of(context),
        Account(
            home,
            user,
            os.environ.get("SSH_AUTH_SOCK"),
            ssh_config,
            layers.settings.get(CONNECT_TIMEOUT),
            layers.settings.get(PYTHON),
            heads,
            openssh,
            head_start,
        ),
        f"{user}@{os.uname().nodename}"[:255],
        seen,
    )


def _begin(
    head_start: HeadStart[SSHProcess],
    openssh: OpenSSH,
    targets: tuple[Target, ...],
    ssh_config: tuple[str, ...],
    home: str,
) -> list[SSHPlan]:
    from relstore.client.connection.command_line import COMMAND
    from relstore.client.connection.transport.openssh.ahead import begin

    return begin(head_start, openssh, targets, COMMAND, ssh_config, home, EARLY.take())


def openssh_of(settings: Values) -> OpenSSH | None:
    """The program that is to make the connections; None: asyncssh does."""
    import shutil

    from relstore.client.ssh_program import choose

    hosts = sum(not target.is_local for target in settings.get(TO) or ())
    return choose(settings.get(SSH), shutil.which("ssh"), hosts=hosts, on_terminal=_is_on_terminal())


def _is_on_terminal() -> bool:
    try:
        return os.isatty(0)
    except OSError:
        return False


def config_file(context: click.Context) -> Path | None:
    """The relstore.toml of this run. Raises ConfigError."""
    from relstore.client.config.load import find

    chosen = given(context).get("config")
    return Path(str(chosen)) if chosen else find(_working_directory())


def _config(context: click.Context) -> Config:
    from relstore.client.config.load import EMPTY, load

    path = config_file(context)
    env = chosen_environment(context)
    if path is not None:
        return load(path, env, os.path.expanduser("~"))
    if env is not None:
        raise UsageError(f"--env {env} without a relstore.toml", hint="`relstore init` writes one.")
    return EMPTY


def _account_name() -> str:
    """The account's name; its number in a container where it has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _working_directory() -> Path:
    """Raises UsageError."""
    try:
        return Path.cwd()
    except OSError as error:
        raise UsageError(
            f"the working directory cannot be used: {error.strerror}",
            hint="It was removed, or is not readable: `cd` to another one.",
        ) from None
