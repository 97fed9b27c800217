"""Whether what a person names means the same build at every host of a command. Pure.

Each host numbers its generations by itself, so that ``-1`` or ``42`` may be different builds at different
hosts. Not for asking the hosts (``resolved_host``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from relstore.client.target import Target
from relstore.errors import DifferentBuildsError, UsageError
from relstore.formats.generation import short_commit
from relstore.formats.names import AppName
from relstore.protocol import RowOut

_HEADERS = ("host", "generation", "build", "commit")


@dataclass(frozen=True)
class Meaning:
    """The generation that a spec means at one host."""

    target: Target
    app: AppName
    row: RowOut


def check(spec: str, meanings: Sequence[Meaning]) -> None:
    """Raises DifferentBuildsError, with a table, unless ``spec`` means one build everywhere.

    Raises UsageError where the stores have different apps.
    """
    apps = dict.fromkeys(meaning.app for meaning in meanings)
    if len(apps) > 1:
        raise UsageError(
            f"the stores of these hosts have different apps: {', '.join(apps)}", hint="Give --app NAME."
        )
    if len({meaning.row.build for meaning in meanings}) <= 1:
        return
    table = _columns([_HEADERS, *map(_cells, meanings)])
    raise DifferentBuildsError(
        f"{spec} means different builds at these hosts:{''.join(f'{chr(10)}  {line}' for line in table)}",
        state="Nothing was changed on any of them.",
        hint="Name a build, which means the same everywhere (`relstore list-generations` has the ids; "
        "`relstore switch-generation BUILD`), or let each host take its own with --each-its-own.",
    )


def _cells(meaning: Meaning) -> tuple[str, ...]:
    row = meaning.row
    return str(meaning.target), str(row.number), row.build.short, short_commit(row.commit, dirty=row.dirty)


def _columns(lines: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
