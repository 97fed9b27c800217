"""The hosts of relstore.toml by their names: the tables ``[hosts]`` and ``[group.NAME]``.

Not for the keys that a host or a group may set, which are those of the top level (``keys``), nor for choosing
among the hosts (``chosen_hosts``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from relstore.client.config.file import ConfigFile
from relstore.client.config.keys.hosts import FAILED_HOSTS
from relstore.client.config.readers import several, string, type_name
from relstore.client.config.setting import PathBase
from relstore.client.config.table import keys_of_hosts
from relstore.client.config.values import NOTHING, Values, layered
from relstore.errors import UsageError
from relstore.formats.recipe import VARIABLE_NAME

if TYPE_CHECKING:
    from relstore.client.target import Target

HOSTS_HELP = (
    "Instead of `to`: hosts with names, groups and keys of their own. What a host sets overrides its groups, "
    "the first of which overrides the others, and these override the environment and the top level. `vars` "
    "are given to the commands that run on the host, as RELSTORE_VAR_NAME."
)
HOSTS_EXAMPLE = """\
[hosts]
web1 = "deploy@web1.example.com:/srv/web"
web2 = { to = "deploy@web2.example.com:/srv/web", groups = ["eu"], vars = { REGION = "eu" } }

[group.eu]
http = "http://127.0.0.1:8080/health?region=eu"
"""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MAX_VALUE = 4096
_MAX_HOSTS = 10_000
_OWN = ("to", "groups", "vars")


@dataclass(frozen=True)
class Overrides:
    """What a host or a group sets."""

    values: Values = NOTHING
    variables: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


class Host(NamedTuple):
    """A host by its name."""

    name: str
    target: Target
    groups: tuple[str, ...] = ()
    overrides: tuple[Overrides, ...] = ()
    """Of its groups and its own: a later one overrides those before it."""

    @property
    def values(self) -> Values:
        """What it sets, its groups included."""
        return layered(*(each.values for each in self.overrides))

    @property
    def variables(self) -> dict[str, str]:
        """Its variables, those of its groups included."""
        return {name: text for each in self.overrides for name, text in each.variables.items()}


def read_groups(file: ConfigFile, document: Mapping[str, object], base: PathBase) -> dict[str, Overrides]:
    """``[group.NAME]``. Raises ConfigError."""
    groups = {}
    for name, table in _table(file, document.get("group", {}), ("group",)).items():
        keys = ("group", name)
        _check_name(file, name, keys, "a group")
        groups[name] = _overrides(file, _table(file, table, keys), keys, base, own=("vars",))
    return groups


def read_hosts(
    file: ConfigFile,
    value: object,
    keys: tuple[str, ...],
    groups: Mapping[str, Overrides],
    base: PathBase,
) -> tuple[Host, ...]:
    """The table at ``keys``. Raises ConfigError."""
    hosts: list[Host] = []
    targets: dict[Target, str] = {}
    for name, entry in _table(file, value, keys).items():
        host = _host(file, name, entry, (*keys, name), groups, base)
        if host.target in targets:
            raise file.error(
                f"is the same store as {targets[host.target]!r}", (*keys, name), hint="Remove one of the two."
            )
        targets[host.target] = name
        hosts.append(host)
    if not hosts:
        raise file.error("has no host", keys, hint="Name at least one, or remove the table.")
    if len(hosts) > _MAX_HOSTS:
        raise file.error(f"has more than {_MAX_HOSTS:,} hosts", keys)
    names = {host.name for host in hosts}
    for name in (*groups, *(group for host in hosts for group in host.groups)):
        if name in names:
            raise file.error(
                f"{name!r} is a host and a group", (*keys, name), hint="Give one of the two another name."
            )
    return tuple(hosts)


def _host(
    file: ConfigFile,
    name: str,
    entry: object,
    keys: tuple[str, ...],
    groups: Mapping[str, Overrides],
    base: PathBase,
) -> Host:
    from relstore.client.config.keys.target import read_target

    _check_name(file, name, keys, "a host")
    table = {"to": entry} if isinstance(entry, str) else _table(file, entry, keys)
    if "to" not in table:
        raise file.error("has no `to`", keys, hint='For example { to = "deploy@web1:/srv/web" }.')
    try:
        target = read_target(table["to"], base)
        named = tuple(map(string, several(table["groups"], "group"))) if "groups" in table else ()
    except UsageError as error:
        raise file.error(error.what, keys, hint=error.hint) from error
    for group in named:
        _check_name(file, group, keys, "a group")
    own = _overrides(file, table, keys, base, own=_OWN)
    inherited = (groups[group] for group in reversed(named) if group in groups)
    return Host(name, target, named, (*inherited, own))


def _overrides(
    file: ConfigFile,
    table: Mapping[str, object],
    keys: tuple[str, ...],
    base: PathBase,
    *,
    own: Sequence[str],
) -> Overrides:
    known = keys_of_hosts()
    values = {}
    for name, value in table.items():
        if name in own:
            continue
        if name not in known:
            raise file.error(
                "cannot be set for a host or a group",
                (*keys, name),
                hint="The keys about how a release goes live can: unit, http, before, …; and `vars`.",
            )
        try:
            values[known[name].name] = known[name].kind.read(value, base)
        except UsageError as error:
            raise file.error(error.what, (*keys, name), hint=error.hint) from error
    return Overrides(Values(values), _variables(file, table.get("vars", {}), (*keys, "vars")))


def _variables(file: ConfigFile, value: object, keys: tuple[str, ...]) -> dict[str, str]:
    variables = {}
    for name, text in _table(file, value, keys).items():
        if not VARIABLE_NAME.match(name):
            raise file.error(
                f"{name!r} cannot be the name of a variable",
                keys,
                hint="It consists of letters, digits and '_'; the commands get it as RELSTORE_VAR_NAME.",
            )
        if not isinstance(text, str) or "\0" in text or len(text) > _MAX_VALUE:
            raise file.error(
                f"must be a string of at most {_MAX_VALUE} characters, without NUL", (*keys, name)
            )
        variables[name] = text
    return variables


def _table(file: ConfigFile, value: object, keys: tuple[str, ...]) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise file.error(f"must be a table, not {type_name(value)}", keys)
    return value


def _check_name(file: ConfigFile, name: str, keys: tuple[str, ...], noun: str) -> None:
    if not _NAME.fullmatch(name) or name == FAILED_HOSTS:
        raise file.error(
            f"{name!r} cannot be the name of {noun}",
            keys,
            hint="A name consists of letters, digits, '.', '_' and '-', 64 at most; `failed` has a meaning.",
        )
