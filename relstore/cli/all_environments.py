"""One command line for every environment of relstore.toml."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from relstore.cli.hosts import hosts_of, with_targets
from relstore.cli.invocation import Invocation, openssh_of, place_of
from relstore.cli.layers import variable_values
from relstore.client.config.chosen_hosts import kept
from relstore.client.config.keys.target import CONNECT_TIMEOUT, PYTHON, TO
from relstore.client.config.load import environment_names, load
from relstore.client.config.setting import PathBase
from relstore.client.config.values import Values, layered
from relstore.client.connection.shared import SharedState
from relstore.errors import UsageError


def in_each_environment(invocation: Invocation) -> Mapping[str, Invocation]:
    """What works in each of them, by its name. Raises UsageError, ConfigError."""
    if invocation.flags.get(TO):
        raise UsageError(
            "--to names hosts, and --all-envs takes those of relstore.toml", hint="Leave one out."
        )
    path = invocation.config.path
    names = environment_names(path) if path is not None else []
    if path is None or not names:
        where = f"{path} has no environments" if path is not None else "there is no relstore.toml"
        raise UsageError(f"--all-envs: {where}", hint="Leave it out; `[env.NAME]` makes an environment.")
    environments = {name: _within(invocation, path, name) for name in names}
    return _narrowed(environments) if any(invocation.narrowing) else environments


def _within(invocation: Invocation, path: Path, name: str) -> Invocation:
    """With all hosts of the environment."""
    home = invocation.account.home
    config = load(path, name, home)
    base = PathBase(Path(), home)
    said = layered(variable_values(os.environ, base), invocation.flags)
    hosts = hosts_of(config, said, base, runs_command=True)
    settings = with_targets(layered(config.values, said), hosts)
    account = replace(
        invocation.account,
        connect_timeout=settings.get(CONNECT_TIMEOUT),
        python=settings.get(PYTHON),
        openssh=openssh_of(settings),
        shared=SharedState(),
    )
    return replace(
        invocation,
        config=config,
        said=said,
        settings=settings,
        account=account,
        hosts=hosts,
        place=place_of(path, name),
    )


def _narrowed(environments: Mapping[str, Invocation]) -> dict[str, Invocation]:
    """What ``--hosts`` and ``--group`` leave; a name is one of some environment. Raises UsageError."""
    failed = {name: inside.failed_hosts.get(inside.place) for name, inside in environments.items()}
    narrowing = next(iter(environments.values())).narrowing
    everywhere = [host for inside in environments.values() for host in inside.hosts]
    narrowing.of(tuple(everywhere), [host for names in failed.values() for host in names])
    found = {}
    for name, inside in environments.items():
        hosts = kept(inside.hosts, *narrowing, failed[name])
        targets = Values({TO.name: tuple(host.target for host in hosts)})
        found[name] = replace(inside, hosts=hosts, settings=layered(inside.settings, targets))
    return found
