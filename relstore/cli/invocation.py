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
from relstore.cli.hosts import EVERYWHERE, Narrowing, asks_command, hosts_of, with_targets
from relstore.cli.layers import flag_values, variable_values
from relstore.client.config.keys.service import ASK_BECOME_PASS
from relstore.client.config.keys.target import APP, CONNECT_TIMEOUT, PYTHON, SSH, TO
from relstore.client.config.setting import PathBase
from relstore.client.config.values import Values, layered
from relstore.errors import UsageError
from relstore.formats.names import AppName

if TYPE_CHECKING:
    from relstore.client.config.hosts import Host
    from relstore.client.config.load import Config
    from relstore.client.connection.account import Account
    from relstore.client.connection.head_start import HeadStart
    from relstore.client.connection.transport.openssh.process import SSHProcess
    from relstore.client.local_state.failed_hosts import FailedHosts
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
    said: Values
    """The flags and the variables."""
    settings: Values
    """All layers: what holds."""
    console: Console
    account: Account
    who: str
    seen: SeenGenerations
    """What was seen of hosts, for completion."""
    hosts: tuple[Host, ...] = ()
    """Those of this run, in the order of ``targets``."""
    narrowing: Narrowing = EVERYWHERE
    """What is to leave these of all hosts."""
    place: str = ""
    """Which configuration and environment this run is of, for what is remembered of it."""

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

    @property
    def failed_hosts(self) -> FailedHosts:
        """On which hosts the last rollout failed."""
        return _failed_hosts()

    def settings_at(self, host: Host) -> Values:
        """What holds at one host: flags override it, it overrides its groups, and they what holds for all."""
        return layered(self.settings, host.values, self.said)

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
    said: Values
    """The flags and the variables."""
    settings: Values
    hosts: tuple[Host, ...]
    narrowing: Narrowing
    place: str
    stays: bool
    """Whether the same words, variables and relstore.toml lead to the same hosts again."""


def layers_of(context: click.Context, *, runs_command: bool = True, narrows: bool = True) -> Layers:
    """Read relstore.toml, the environment and the flags. Raises ConfigError, TargetError, UsageError.

    ``runs_command``: whether `hosts-command` is run where hosts are needed. ``narrows``: whether ``--hosts``
    and ``--group`` count.
    """
    config = _config(context)
    base = PathBase(Path(), os.path.expanduser("~"))
    flags = flag_values(given(context), base)
    said = layered(variable_values(os.environ, base), flags)
    hosts = hosts_of(config, said, base, runs_command=runs_command)
    place = place_of(config.path or _working_directory(), config.env)
    narrowing = Narrowing(_given_texts(context, "hosts"), _given_texts(context, "group"))
    if narrows:
        failed = _failed_hosts().get(place) if narrowing.asks_for_failed else []
        hosts = narrowing.of(hosts, failed)
    settings = with_targets(layered(config.values, said), hosts)
    stays = not (asks_command(config, said) or (narrows and narrowing.asks_for_failed))
    return Layers(config, flags, said, settings, hosts, narrowing, place, stays)


def place_of(directory: Path, env: str | None) -> str:
    """A configuration and an environment, for what is remembered of them."""
    return f"{directory} {env or ''}".rstrip()


def _given_texts(context: click.Context, option: str) -> tuple[str, ...]:
    value = given(context).get(option)
    return tuple(map(str, value)) if isinstance(value, tuple) else ()


def _failed_hosts() -> FailedHosts:
    from relstore.cli.directories import state_directory
    from relstore.client.local_state.failed_hosts import FailedHosts

    return FailedHosts(state_directory() / "failed-hosts.json")


def at_once(settings: Values) -> bool:
    """For a command that begins with its hosts, unless it asks something first: one thing at a time."""
    return not settings.get(ASK_BECOME_PASS)


def invocation_of(
    context: click.Context,
    begins_with_hosts: Callable[[Values], bool] = lambda _: False,
    *,
    narrows: bool = True,
) -> Invocation:
    """``begins_with_hosts``: whether nothing is to come before the hosts, so that ssh can be started at once.
    ``narrows``: whether ``--hosts`` and ``--group`` count already.

    Raises ConfigError, TargetError, UsageError.
    """
    # Not at the top: `--help`, `--version` and completion need none of it.
    from relstore.cli.directories import state_directory
    from relstore.client.connection.command_line import COMMAND
    from relstore.client.connection.head_start import HeadStart
    from relstore.client.connection.helper_digest import helper_digest
    from relstore.client.connection.opening import opening
    from relstore.client.connection.transport.openssh.ahead import begin
    from relstore.client.ssh_program import SYSTEM_SSH_CONFIG

    home = os.path.expanduser("~")
    ssh_config = os.path.join(home, ".ssh", "config"), SYSTEM_SSH_CONFIG
    layers = layers_of(context, narrows=narrows)
    openssh = openssh_of(layers.settings)
    head_start: HeadStart[SSHProcess] = HeadStart()
    context.call_on_close(head_start.end)
    digest = helper_digest(state_directory() / "helper.json")
    if openssh is not None and begins_with_hosts(layers.settings):
        python = layers.settings.get(PYTHON)
        targets = layers.settings.get(TO) or ()
        plans = begin(
            head_start,
            openssh,
            targets,
            COMMAND,
            lambda target: opening(python, digest, target.path),
            ssh_config,
            home,
            EARLY.take(),
        )
        EARLY.remember(plans if layers.stays else [], str(config_file(context) or ""))
    else:
        EARLY.abandon()
        EARLY.remember([], "")
    # Only now, while ssh logs in.
    from relstore.cli.directories import seen_generations
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
        layers.said,
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
            digest,
            openssh,
            head_start,
        ),
        f"{user}@{os.uname().nodename}"[:255],
        seen,
        layers.hosts,
        layers.narrowing,
        layers.place,
    )


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
