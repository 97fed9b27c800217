"""relstore.toml: finding it, and reading it into one frozen value.

Everything in the file is checked, environments that were not chosen included, and every mistake is
reported with its path, line and key. What each key may hold is declared in ``keys``.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from relstore.client.config.environments import DEFAULT_ENV, chosen_environment, environment_tables
from relstore.client.config.file import ConfigFile
from relstore.client.config.hosts import Host, Overrides, read_groups, read_hosts
from relstore.client.config.keys.hosts import HOSTS_COMMAND
from relstore.client.config.keys.target import TO
from relstore.client.config.readers import type_name
from relstore.client.config.setting import TOP, PathBase
from relstore.client.config.table import SECTIONS, keys_of
from relstore.client.config.values import NOTHING, Values, layered
from relstore.errors import ConfigError, UsageError

FILE_NAME = "relstore.toml"
_HOST_KEYS = frozenset((TO.name, HOSTS_COMMAND.name))
"""The keys that say which hosts there are, beside the table ``[hosts]``."""


@dataclass(frozen=True)
class Config:
    """What relstore.toml sets, with the chosen environment laid over the rest."""

    path: Path | None = None
    """The file; None when there is none."""
    env: str | None = None
    """The chosen environment."""
    values: Values = NOTHING
    hosts: tuple[Host, ...] = ()
    """Those of ``[hosts]``."""
    groups: Mapping[str, Overrides] = field(default_factory=dict)


EMPTY = Config()
"""What holds where there is no relstore.toml."""


def find(start: Path) -> Path | None:
    """The relstore.toml of ``start`` or of the nearest directory above it.

    ConfigError when the one above belongs to another user: it names commands to run, and anyone can
    put a file into a shared directory such as /tmp.
    """
    start = start.resolve()
    for directory in (start, *start.parents):
        path = directory / FILE_NAME
        if not os.path.isfile(path):  # unlike Path's, also False where we have no permission
            continue
        owner = path.lstat().st_uid
        if directory != start and owner not in (0, os.geteuid(), start.stat().st_uid):
            raise ConfigError(
                "belongs to another user, and it could name any command to run",
                path=str(path),
                hint=f"If you trust it, say so with --config {path}.",
            )
        return path
    return None


def load(path: Path, env: str | None = None, home: str | None = None) -> Config:
    """What ``path`` sets for the environment ``env`` (None: ``default-env``, if there is one).

    ``home`` is what a local ``~/`` in ``to`` stands for. Raises ConfigError for every mistake in the
    file, and for an environment that it does not have.
    """
    file = ConfigFile.read(path)
    document = file.parse()
    base = PathBase(path.parent.resolve(), home)
    tables = environment_tables(file, document)
    chosen = chosen_environment(file, document, tables, env)
    groups = read_groups(file, document, base)
    top = {key: value for key, value in document.items() if key not in ("env", "group", DEFAULT_ENV.name)}
    common = _Layer.read(file, (), top, groups, base)
    layers = {name: _Layer.read(file, ("env", name), table, groups, base) for name, table in tables.items()}
    whole = common if chosen is None else common.below(layers[chosen])
    return Config(path, chosen, whole.values, whole.hosts, groups)


def environment_names(path: Path) -> list[str]:
    """The environments that the file has. Raises ConfigError."""
    file = ConfigFile.read(path)
    return list(environment_tables(file, file.parse()))


@dataclass(frozen=True)
class _Layer:
    """What the top level sets, or an environment."""

    values: Values
    hosts: tuple[Host, ...]

    @classmethod
    def read(
        cls,
        file: ConfigFile,
        prefix: tuple[str, ...],
        table: Mapping[str, object],
        groups: Mapping[str, Overrides],
        base: PathBase,
    ) -> _Layer:
        inner = [section.table for section in SECTIONS if section.table != TOP]
        own = {key: value for key, value in table.items() if key not in (*inner, "hosts")}
        layers = [_values(file, prefix, TOP, own, base)]
        for name in inner:
            if name in table:
                layers.append(
                    _values(file, (*prefix, name), name, _is_table(file, prefix, name, table), base)
                )
        _check_set_once(file, prefix, layers)
        hosts: tuple[Host, ...] = ()
        if "hosts" in table:
            hosts = read_hosts(file, table["hosts"], (*prefix, "hosts"), groups, base)
        if hosts and TO.name in table:
            raise file.error(
                "stands beside `to`, and both say which hosts there are",
                (*prefix, "hosts"),
                hint="Remove one of the two.",
            )
        return cls(layered(*layers), hosts)

    def below(self, above: _Layer) -> _Layer:
        """With what an environment sets; the hosts are those of the one that names any."""
        values = layered(self.values, above.values)
        said = _HOST_KEYS & above.values.by_name.keys()
        if not said and not above.hosts:
            return _Layer(values, self.hosts)
        overridden = _HOST_KEYS - said
        kept = {name: value for name, value in values.by_name.items() if name not in overridden}
        return _Layer(Values(kept), above.hosts)


def _values(
    file: ConfigFile, prefix: tuple[str, ...], table: str, content: Mapping[str, object], base: PathBase
) -> Values:
    """What one table sets; ``table``: which keys may stand there."""
    known = keys_of(table)
    values = {}
    for name, value in content.items():
        keys = (*prefix, name)
        if name not in known:
            hint = _suggestion(name, list(known), at_top=not prefix)
            raise file.error("unknown key", keys, hint=hint)
        try:
            values[known[name].name] = known[name].kind.read(value, base)
        except UsageError as error:
            raise file.error(error.what, keys, hint=error.hint) from error
    return Values(values)


def _is_table(
    file: ConfigFile, prefix: tuple[str, ...], name: str, table: Mapping[str, object]
) -> Mapping[str, object]:
    value = table[name]
    if not isinstance(value, dict):
        raise file.error(f"must be a table, not {type_name(value)}", (*prefix, name))
    return value


def _check_set_once(file: ConfigFile, prefix: tuple[str, ...], layers: Sequence[Values]) -> None:
    seen: set[str] = set()
    for layer in layers:
        for name in layer.by_name:
            if name in seen:
                raise file.error("is set twice", (*prefix, name), hint="Remove one of the two.")
            seen.add(name)


def _suggestion(name: str, known: list[str], *, at_top: bool) -> str:
    if name in ("env", "group", DEFAULT_ENV.name):
        return f"{name!r} belongs to the top level, before the first table."
    if at_top:
        known = [*known, DEFAULT_ENV.name]
    near = difflib.get_close_matches(name.lower().replace("_", "-"), known, n=1)
    return f"Do you mean {near[0]!r}?" if near else f"The keys are {', '.join(known)}."
