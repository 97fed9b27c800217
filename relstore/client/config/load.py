"""relstore.toml: finding it, and reading it into one frozen value.

Everything in the file is checked, environments that were not chosen included, and every mistake is
reported with its path, line and key. What each key may hold is declared in ``keys``.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from relstore.client.config.environments import DEFAULT_ENV, chosen_environment, environment_tables
from relstore.client.config.file import ConfigFile
from relstore.client.config.setting import PathBase
from relstore.client.config.table import all_settings
from relstore.client.config.values import NOTHING, Values, layered
from relstore.errors import ConfigError, UsageError

FILE_NAME = "relstore.toml"


@dataclass(frozen=True)
class Config:
    """What relstore.toml sets, with the chosen environment laid over the rest."""

    path: Path | None = None
    """The file; None when there is none."""
    env: str | None = None
    """The chosen environment."""
    values: Values = NOTHING


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
    top = {key: value for key, value in document.items() if key not in ("env", DEFAULT_ENV.name)}
    common = _values(file, (), top, base)
    overrides = {name: _values(file, ("env", name), table, base) for name, table in tables.items()}
    return Config(path, chosen, common if chosen is None else layered(common, overrides[chosen]))


def environment_names(path: Path) -> list[str]:
    """The environments that the file has. Raises ConfigError."""
    file = ConfigFile.read(path)
    return list(environment_tables(file, file.parse()))


def _values(file: ConfigFile, prefix: tuple[str, ...], table: Mapping[str, object], base: PathBase) -> Values:
    """What one table sets."""
    known = all_settings()
    values = {}
    for name, value in table.items():
        keys = (*prefix, name)
        if name not in known:
            raise file.error("unknown key", keys, hint=_suggestion(name, list(known), at_top=not prefix))
        try:
            values[name] = known[name].kind.read(value, base)
        except UsageError as error:
            raise file.error(error.what, keys, hint=error.hint) from error
    return Values(values)


def _suggestion(name: str, known: list[str], *, at_top: bool) -> str:
    if name in ("env", DEFAULT_ENV.name):
        return f"{name!r} belongs to the top level, before the first table."
    if at_top:
        known = [*known, DEFAULT_ENV.name]
    near = difflib.get_close_matches(name.lower().replace("_", "-"), known, n=1)
    return f"Do you mean {near[0]!r}?" if near else f"The keys are {', '.join(known)}."
