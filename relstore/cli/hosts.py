"""Which hosts a run is about: those of ``--to``, of relstore.toml or of a command; and narrowing them.

Not for the order in which a rollout goes through them (``course``).
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from relstore.client.config.keys.hosts import FAILED_HOSTS, HOSTS_COMMAND
from relstore.client.config.keys.target import TO
from relstore.client.config.setting import PathBase
from relstore.client.config.values import Values, layered
from relstore.errors import UsageError

if TYPE_CHECKING:
    from relstore.client.config.hosts import Host
    from relstore.client.config.load import Config

_MAX_BYTES = 4 * 1024 * 1024
_TIMEOUT_S = 120.0


class Narrowing(NamedTuple):
    """What ``--hosts`` and ``--group`` were given, as it was typed; empty where they were not given."""

    names: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    @property
    def asks_for_failed(self) -> bool:
        """Whether one of the names is the one for the hosts that failed."""
        return any(word.strip() == FAILED_HOSTS for text in self.names for word in text.split(","))

    def of(self, hosts: tuple[Host, ...], failed: Sequence[str]) -> tuple[Host, ...]:
        """What is left of ``hosts``. ``failed``: those that failed last. Raises UsageError."""
        if not any(self):
            return hosts
        from relstore.client.config.chosen_hosts import chosen

        return chosen(hosts, self.names, self.groups, failed)


EVERYWHERE = Narrowing()


def asks_command(config: Config, said: Values) -> bool:
    """Whether `hosts-command` says which hosts there are. ``said``: by flags and variables."""
    return TO.name not in said.by_name and layered(config.values, said).get(HOSTS_COMMAND) is not None


def hosts_of(config: Config, said: Values, base: PathBase, *, runs_command: bool) -> tuple[Host, ...]:
    """All hosts. ``said``: by flags and variables. ``runs_command``: whether `hosts-command` may be run; for
    completion it may not. Raises UsageError, ConfigError."""
    from relstore.client.config.hosts import Host

    if TO.name not in said.by_name:
        command = layered(config.values, said).get(HOSTS_COMMAND)
        if command is not None:
            return _printed(command, config, base) if runs_command else ()
        if config.hosts:
            return config.hosts
    targets = layered(config.values, said).get(TO) or ()
    return tuple(Host(str(target), target) for target in targets)


def with_targets(settings: Values, hosts: Sequence[Host]) -> Values:
    """What holds when a command goes to these hosts."""
    return layered(settings, Values({TO.name: tuple(host.target for host in hosts)})) if hosts else settings


def _printed(command: tuple[str, ...], config: Config, base: PathBase) -> tuple[Host, ...]:
    from relstore.client.config.file import ConfigFile
    from relstore.client.config.hosts import read_hosts

    directory = config.path.parent if config.path else Path.cwd()
    table = _table(_output(command, directory))
    said = ConfigFile(Path("hosts-command"), "")
    return read_hosts(said, table, (), config.groups, PathBase(directory.resolve(), base.home))


def _output(command: tuple[str, ...], directory: Path) -> bytes:
    try:
        ran = subprocess.run(
            command, cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=sys.stderr,
            timeout=_TIMEOUT_S, check=False,
        )  # fmt: skip
    except OSError as error:
        raise UsageError(f"hosts-command: {command[0]!r} cannot be run: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"hosts-command: it did not end within {_TIMEOUT_S:.0f} s") from None
    if ran.returncode:
        raise UsageError(
            f"hosts-command: it ended with exit code {ran.returncode}", hint="What it said is above."
        )
    return ran.stdout


def _table(output: bytes) -> object:
    """The JSON object. Raises UsageError."""
    hint = 'It prints one JSON object: {"web1": "deploy@web1:/srv/web"}.'
    if len(output) > _MAX_BYTES:
        raise UsageError(f"hosts-command: it printed more than {_MAX_BYTES // 1024 // 1024} MiB", hint=hint)
    try:
        return json.loads(output)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"hosts-command: what it printed is not JSON: {error}", hint=hint) from None
