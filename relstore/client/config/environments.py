"""The environments of relstore.toml: tables ``[env.NAME]`` that override the keys above them.

Not for the keys themselves, which are the same in every table (``keys``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from relstore.client.config.file import ConfigFile
from relstore.client.config.readers import string, type_name
from relstore.client.config.setting import PathBase, Setting, ValueType

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def _name(value: object, base: PathBase) -> str:
    return string(value)


DEFAULT_ENV = Setting(
    "default-env",
    ValueType("string", "NAME", _name),
    help="The environment to use without --env.",
    more="It is set at the top level only.",
    example="staging",
)
TABLES_HELP = "An environment, chosen with --env NAME. What it sets overrides the same key at the top level."
TABLES_EXAMPLE = """\
[env.staging]
to = "deploy@staging.example.com:/srv/web"

[env.production]
to = ["deploy@web1.example.com:/srv/web", "deploy@web2.example.com:/srv/web"]
keep = 20
"""


def environment_tables(file: ConfigFile, document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The table of each environment by its name. Raises ConfigError."""
    tables = document.get("env", {})
    if not isinstance(tables, dict):
        raise file.error(
            f"must be a table, not {type_name(tables)}",
            ("env",),
            hint="Write `default-env` for the default, and [env.NAME] for an environment.",
        )
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise file.error(
                f"must be a table, not {type_name(table)}",
                ("env", name),
                hint="[env] holds only environments: write [env.staging] and put the key there.",
            )
        if not _NAME.fullmatch(name):
            raise file.error(
                f"{name!r} cannot be the name of an environment",
                ("env", name),
                hint="A name consists of letters, digits, '.', '_' and '-', 64 at most.",
            )
    return tables


def chosen_environment(
    file: ConfigFile, document: Mapping[str, Any], names: Iterable[str], wanted: str | None
) -> str | None:
    """The environment ``wanted``, else the file's default, else None. Raises ConfigError."""
    default = document.get(DEFAULT_ENV.name)
    if default is not None and default not in list(names):
        raise file.error(
            f"{default!r} is not an environment of this file", (DEFAULT_ENV.name,), hint=_known(names)
        )
    chosen = wanted if wanted is not None else default
    if chosen is not None and chosen not in names:
        raise file.error(f"there is no environment {chosen!r}", hint=_known(names))
    return chosen


def _known(names: Iterable[str]) -> str:
    known = ", ".join(names)
    return f"It has: {known}." if known else "It has none: write one as [env.NAME]."
