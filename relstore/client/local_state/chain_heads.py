"""The last record of each app's chain that this machine saw on each host, so that a changed history shows.

Written whenever a host was asked. Not a cache: what is forgotten here is trusted again without question. Not
for judging what a host says (``operations.chain_check``).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from relstore.client.local_state import state_file
from relstore.errors import FormatError
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


@dataclass(frozen=True)
class Heads:
    """The heads, in one file; with None nothing is remembered."""

    path: Path | None

    def get(self, store: str, app: AppName) -> SeenHead | None:
        """The head that was last seen. ``store``: its ``Session.store_label``."""
        if self.path is None:
            return None
        match state_file.load(self.path).get(_key(store, app)):
            case [int(number), str(digest), int(at)] if 1 <= number <= MAX_GENERATION:
                try:
                    return SeenHead(number, Digest.parse(digest), at)
                except FormatError:
                    return None
        return None

    def keep(self, store: str, app: AppName, number: int, digest: Digest) -> None:
        """Remember the last record of a chain."""
        if self.path is None:
            return
        heads = state_file.load(self.path)
        heads.pop(_key(store, app), None)
        heads[_key(store, app)] = [number, digest, int(time.time())]
        state_file.save(self.path, dict(list(heads.items())[-_MAX_KEPT:]))


NOTHING = Heads(None)
"""For whoever remembers nothing."""


def _key(store: str, app: AppName) -> str:
    return f"{app} at {store}"
