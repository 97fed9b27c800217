"""The last record of each app's chain that this machine saw on each host, so that a changed history shows.

Written whenever a host was asked. Not a cache: what is forgotten here is trusted again without question. Not
for judging what a host says (``operations.chain_check``).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from relstore.client.local_state.state_file import StateFile
from relstore.errors import FormatError, UsageError
from relstore.formats.generation import MAX_TIME
from relstore.formats.names import MAX_GENERATION, AppName, Digest

_MAX_KEPT = 10_000


@dataclass(frozen=True)
class SeenHead:
    """A record that a host had."""

    number: int
    digest: Digest
    """Names the record and all records before it."""
    at: int
    """When this machine saw it, in seconds since 1970."""


class Heads:
    """The heads, in the file at ``path``; with None nothing is remembered."""

    def __init__(self, path: Path | None) -> None:
        self._file = StateFile(path, _MAX_KEPT)

    def get(self, store: str, app: AppName) -> SeenHead | None:
        """The head that was last seen. ``store``: its ``Session.store_label``."""
        match self._file.entries.get(_key(store, app)):
            case [int(number), str(digest), int(at)] if 1 <= number <= MAX_GENERATION and 0 <= at <= MAX_TIME:
                try:
                    return SeenHead(number, Digest.parse(digest), at)
                except FormatError:
                    return None
        return None

    def apps(self) -> Iterator[tuple[str, AppName, int]]:
        """The store, the name and the last number of each app, what was seen last first."""
        for key in reversed(self._file.entries):
            name, _, store = key.partition(" at ")
            with contextlib.suppress(UsageError):
                app = AppName.parse(name)
                if head := self.get(store, app):
                    yield store, app, head.number

    def keep(self, store: str, app: AppName, number: int, digest: Digest) -> None:
        """Remember the last record of a chain."""
        self._file.put(_key(store, app), [number, digest, int(time.time())])

    def forget(self, store: str, app: AppName) -> None:
        """The app is no more, so another one of its name begins a chain of its own."""
        self._file.put(_key(store, app), None)

    def flush(self) -> None:
        """Write what is not written yet."""
        self._file.flush()


NOTHING = Heads(None)
"""For whoever remembers nothing."""


def _key(store: str, app: AppName) -> str:
    return f"{app} at {store}"
