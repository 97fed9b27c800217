"""On which line of a TOML text a key is set, for messages; tomllib does not tell.

Only for texts that tomllib accepts as a whole. It is not a parser and reads no values.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence


def find_line(text: str, keys: Sequence[str]) -> int:
    """The line (from 1) where the key or table ``keys``, outermost first, is set; 0 if it is not.

    TOML is a sequence of statements. Each is valid alone, and no statement is valid when it is cut
    after one of its inner lines, so tomllib itself shows where each one ends.
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
            is_set = header[: len(wanted)] == wanted
        else:
            depth = len(header)
            is_set = header == wanted[:depth] and _holds(parsed, wanted[depth:])
        if is_set:
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
