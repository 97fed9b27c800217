"""Which files of an artifact become copies of their own in the tree: those that patterns match. Pure.

A pattern is a path of the artifact in which ``*``, ``?`` and ``[…]`` stand for parts of a name, and ``**``
for any number of directories. Not for making copies, which the host does (``store.tree``).
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Sequence

from relstore.errors import UsageError
from relstore.formats.manifest import Directory, Entry, File

_ANY = "**"

Part = Callable[[str], object]


def mark(entries: Sequence[Entry], patterns: Sequence[str]) -> list[Entry]:
    """The entries, with the files that a pattern matches as copies. Raises UsageError where it matches none.

    An empty file is always a file of its own, so it stays as it is.
    """
    marked = list(entries)
    for pattern in patterns:
        matches = _matcher(pattern)
        hits = [index for index, entry in enumerate(marked) if matches(entry.path)]
        files = [index for index in hits if isinstance(marked[index], File)]
        if not files:
            raise _no_file(pattern, [marked[index] for index in hits])
        for index in files:
            entry = marked[index]
            if isinstance(entry, File) and entry.content.size:
                marked[index] = entry._replace(copied=True)
    return marked


def _no_file(pattern: str, others: Sequence[Entry]) -> UsageError:
    if not others:
        hint = "Patterns are paths in the artifact, for example bin/web or lib/**/*.so."
    elif isinstance(others[0], Directory):
        hint = f"{others[0].path} is a directory. {others[0].path}/** matches the files in it."
    else:
        hint = f"{others[0].path} is a symlink. Name the file that it points to."
    return UsageError(
        f"`copy` has {pattern!r}, which matches no file of the artifact",
        state="Nothing was sent.",
        hint=hint,
    )


def _matcher(pattern: str) -> Callable[[str], bool]:
    """Whether a path matches, part by part, in time that grows with both lengths only."""
    names = pattern.split("/")
    if names[-1] == _ANY:
        names.append("*")  # what is in a directory, not the directory itself
    parts: list[Part | None] = [None if name == _ANY else _part(name) for name in names]

    def skip(states: set[int]) -> set[int]:
        """With the places that ``**`` leads to without a directory."""
        reached = set(states)
        for place, part in enumerate(parts):
            if place in reached and part is None:
                reached.add(place + 1)
        return reached

    def matches(path: str) -> bool:
        states = skip({0})
        for name in path.split("/"):
            after = set()
            for place in states - {len(parts)}:
                part = parts[place]
                if part is None:
                    after.add(place)
                elif part(name):
                    after.add(place + 1)
            states = skip(after)
        return len(parts) in states

    return matches


def _part(name: str) -> Part:
    return re.compile(fnmatch.translate(name)).match
