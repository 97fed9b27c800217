"""relstore.toml: finding it, and reading it into one frozen value.

Everything in the file is checked, also the environments that were not chosen, and every mistake says
its path, line and key. What the keys may hold stands in ``keys``. Flags override what is
read here; that, and every default, is the business of those who use the value.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relstore.client.config.file import Source
from relstore.client.config.keys import KEYS as PUSH_KEYS
from relstore.client.config.keys import Key, PathBase, type_name
from relstore.client.config.service_keys import SERVICE_KEYS
from relstore.client.target import Target
from relstore.errors import ConfigError, UsageError
from relstore.formats.names import AppName, UnitName
from relstore.formats.recipe import Escalation, Http, UnitAction
from relstore.formats.retention import Policy

KEYS: Mapping[str, Key] = {**PUSH_KEYS, **SERVICE_KEYS}
FILE_NAME = "relstore.toml"
DEFAULT_CONNECT_TIMEOUT = 10
"""Seconds."""

_ENV_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Config:
    """What relstore.toml says, with the chosen environment laid over it. None: it does not say."""

    path: Path | None = None
    """The file; None when there is none."""
    env: str | None = None
    """The chosen environment."""
    app: AppName | None = None
    targets: tuple[Target, ...] = ()
    artifact: Path | None = None
    """Absolute."""
    build: tuple[str, ...] | None = None
    """The argument list to run here, in the file's directory."""
    units: tuple[UnitName, ...] | None = None
    user: bool | None = None
    unit_action: UnitAction | None = None
    unit_runs_build: bool | None = None
    become: Escalation | None = None
    ask_become_pass: bool | None = None
    restart: tuple[str, ...] | None = None
    """Argument lists to run on the host: this one, and reload, before, after, on_failure, health_command."""
    reload: tuple[str, ...] | None = None
    restart_timeout: int | None = None
    """Seconds."""
    health_timeout: int | None = None
    """Milliseconds: this one, and the two that follow."""
    health_interval: int | None = None
    health_stable: int | None = None
    http: tuple[Http, ...] | None = None
    http_status: int | None = None
    """What holds for every request that does not say otherwise: this one, and the three that follow."""
    http_body: str | None = None
    http_headers: tuple[str, ...] | None = None
    http_socket: str | None = None
    tcp: tuple[str, ...] | None = None
    health_command: tuple[str, ...] | None = None
    before: tuple[str, ...] | None = None
    after: tuple[str, ...] | None = None
    on_failure: tuple[str, ...] | None = None
    hook_timeout: int | None = None
    """Seconds."""
    confirm: int | None = None
    """Seconds."""
    keep: int | None = None
    keep_within: int | None = None
    """Seconds."""
    max_size: int | None = None
    """Bytes."""
    collect: bool | None = None
    """Whether a push is followed by a collection."""
    python: str | None = None
    """The absolute path of the interpreter on the hosts."""
    allow_outside_links: bool | None = None
    compression: str | None = None
    """``auto``, ``none``, or a codec with an optional level, as ``encoders.parse_coding`` reads it."""
    delta: bool | None = None
    connect_timeout: int | None = None
    """Seconds."""


EMPTY = Config()
"""What holds where there is no relstore.toml."""


def find(start: Path) -> Path | None:
    """The relstore.toml of ``start`` or of the nearest directory above it.

    ConfigError when the one above belongs to a stranger: it names commands to run, and anyone can put
    a file into a shared directory such as /tmp.
    """
    start = start.resolve()
    for directory in (start, *start.parents):
        path = directory / FILE_NAME
        if not os.path.isfile(path):  # unlike Path's: False also where we may not look
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
    """What ``path`` says for the environment ``env`` (None: ``default-env``, if there is one).

    ``home`` is what a local ``~/`` in ``to`` stands for. ConfigError for every mistake in the file, and
    for an environment that it does not have.
    """
    source = Source.read(path)
    document = source.parse()
    place = PathBase(path.parent.resolve(), home)

    tables = _environments(source, document)
    default = document.get("default-env")
    if default is not None and not (isinstance(default, str) and default in tables):
        raise source.error(
            f"{default!r} is not an environment of this file",
            ("default-env",),
            hint=_known(tables),
        )
    chosen = env if env is not None else default
    if chosen is not None and chosen not in tables:
        raise source.error(f"there is no environment {chosen!r}", hint=_known(tables))

    common = {key: value for key, value in document.items() if key not in ("env", "default-env")}
    fields = _fields(source, (), common, place)
    overrides = {name: _fields(source, ("env", name), table, place) for name, table in tables.items()}
    if chosen is not None:
        fields |= overrides[chosen]
    return Config(path=path, env=chosen, **fields)


def _environments(source: Source, document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    tables = document.get("env", {})
    if not isinstance(tables, dict):
        raise source.error(
            f"must be a table, not {type_name(tables)}",
            ("env",),
            hint="Write `default-env` for the default, and [env.NAME] for an environment.",
        )
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise source.error(
                f"must be a table, not {type_name(table)}",
                ("env", name),
                hint="[env] holds only environments: write [env.staging] and put the key there.",
            )
        if not _ENV_NAME.fullmatch(name):
            raise source.error(
                f"{name!r} cannot be the name of an environment",
                ("env", name),
                hint="A name is letters, digits, '.', '_' and '-', at most 64.",
            )
    return tables


def _fields(
    source: Source, prefix: tuple[str, ...], table: Mapping[str, Any], place: PathBase
) -> dict[str, Any]:
    """The fields of ``Config`` that one table sets."""
    fields = {}
    for name, value in table.items():
        keys = (*prefix, name)
        if name not in KEYS:
            raise source.error("unknown key", keys, hint=_suggestion(name, at_top=not prefix))
        try:
            fields[KEYS[name].field] = KEYS[name].read(value, place)
        except UsageError as error:
            raise source.error(error.what, keys, hint=error.hint) from error
    return fields


def _suggestion(name: str, *, at_top: bool) -> str:
    if name in ("env", "default-env"):
        return f"{name!r} belongs to the top level, before the first table."
    known = [*KEYS, *(("default-env",) if at_top else ())]
    near = difflib.get_close_matches(name.lower().replace("_", "-"), known, n=1)
    return f"Do you mean {near[0]!r}?" if near else f"The keys are {', '.join(known)}."


def _known(names: Iterable[str]) -> str:
    known = ", ".join(names)
    return f"It has: {known}." if known else "It has none: write one as [env.NAME]."


def retention_of(config: Config) -> Policy | None:
    """What relstore.toml says that is to be kept."""
    return retention_in(config.keep, config.keep_within, config.max_size)


def retention_in(keep: int | None, keep_within: int | None, max_size: int | None) -> Policy | None:
    policy = Policy(keep, keep_within, max_size)
    return None if policy.is_empty else policy
