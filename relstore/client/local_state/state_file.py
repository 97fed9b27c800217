"""A small JSON file that remembers something. Reading and writing it never fail: nothing depends on it.

A command on many hosts reads it once, and writes it at most once a second and at its end.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_MAX_BYTES = 4 * 1024 * 1024
_PAUSE_S = 1.0
"""Seconds between two writings."""


class StateFile:
    """The entries of one file, of which the newest ``limit`` are kept; with None as ``path``, nothing is."""

    def __init__(self, path: Path | None, limit: int) -> None:
        self._path = path
        self._limit = limit
        self._entries: dict[str, Any] | None = None
        self._changed: dict[str, Any] = {}
        self._written = float("-inf")

    @property
    def entries(self) -> dict[str, Any]:
        """What the file had when it was read first, and what was put there since."""
        if self._entries is None:
            self._entries = {} if self._path is None else load(self._path)
        return self._entries

    def put(self, key: str, value: Any) -> None:
        """Remember it as the newest entry. It is written now, or at the latest by ``flush``."""
        if self._path is None:
            return
        for entries in (self.entries, self._changed):
            entries.pop(key, None)
            entries[key] = value
        if time.monotonic() - self._written >= _PAUSE_S:
            self.flush()

    def flush(self) -> None:
        """Write what is not written yet, beside what other processes wrote meanwhile."""
        if self._path is None or not self._changed:
            return
        entries = load(self._path)
        for key in self._changed:
            entries.pop(key, None)
        entries |= self._changed
        save(self._path, dict(list(entries.items())[-self._limit :]))
        self._changed.clear()
        self._written = time.monotonic()


def load(path: Path) -> dict[str, Any]:
    """The object in the file; an empty one when there is none, or it cannot be read."""
    try:
        with open(path, encoding="utf-8") as file:
            value = json.loads(file.read(_MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def save(path: Path, value: dict[str, Any]) -> None:
    """Replace what was in the file, by rename."""
    with contextlib.suppress(OSError), replacing(path) as new:
        new.write_text(json.dumps(value), encoding="utf-8")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new, empty file, which replaces ``path`` when the block ends without an error. Raises OSError."""
    make_private(path.parent)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".new-", delete=False) as file:
        try:
            yield Path(file.name)
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise


def make_private(directory: Path) -> None:
    """Make what is missing of a path, for this account alone whatever the umask. Raises OSError."""
    if not directory.is_dir():
        make_private(directory.parent)
        directory.mkdir(mode=0o700, exist_ok=True)
