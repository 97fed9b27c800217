"""On which line a key of a TOML text stands, for messages. tomllib does not say.

For texts that tomllib accepts as a whole; it is no parser of its own and reads no values.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence


def find_line(text: str, keys: Sequence[str]) -> int:
    """The line (from 1) where the key or table ``keys``, outermost first, is set; 0 if it is not.

    TOML is a row of statements, each of which is valid alone, and none of which has a valid
    beginning that ends with a line: so tomllib itself tells where each one ends.
    """
    wanted = list(keys)
    header: list[str] = []
    statement, start = "", 1
    for number, line in enumerate(text.split("\n"), start=1):
        statement += line + "\n"
        try:
            parsed = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue
        if statement.lstrip().startswith("["):
            header = _only_path(parsed)
            found = header[: len(wanted)] == wanted
        else:
            depth = len(header)
            found = header == wanted[:depth] and _holds(parsed, wanted[depth:])
        if found:
            return start
        statement, start = "", number + 1
    return 0


def _only_path(table: object) -> list[str]:
    """The names in a ``[a.b]`` or ``[[a.b]]`` header, from what it parses to."""
    path = []
    while isinstance(table, dict) and table:
        name, table = next(iter(table.items()))
        path.append(name)
    return path


def _holds(table: object, keys: list[str]) -> bool:
    for key in keys:
        if not isinstance(table, dict) or key not in table:
            return False
        table = table[key]
    return True
