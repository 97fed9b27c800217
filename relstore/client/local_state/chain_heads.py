"""The last record of each app's chain that this machine saw at each host, so that a changed past shows.

Written whenever a host was asked; not a cache, since what is forgotten here is trusted anew. Not for judging
what a host says (``operations.chain_check``).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from relstore.client.local_state import state_file as small_file
from relstore.errors import FormatError
from relstore.formats.names import MAX_GENERATION, AppName, Digest

_MAX_KEPT = 10_000


@dataclass(frozen=True)
class Seen:
    """A record that a host had."""

    number: int
    digest: Digest
    """Names the record and all before it."""
    at: int
    """When it was seen, seconds since 1970."""


@dataclass(frozen=True)
class Heads:
    """What was seen, in one file; None remembers nothing."""

    path: Path | None

    def get(self, place: str, app: AppName) -> Seen | None:
        """``place``: the host and the store's path."""
        if self.path is None:
            return None
        match small_file.load(self.path).get(_key(place, app)):
            case [int(number), str(digest), int(at)] if 1 <= number <= MAX_GENERATION:
                try:
                    return Seen(number, Digest.parse(digest), at)
                except FormatError:
                    return None
        return None

    def keep(self, place: str, app: AppName, number: int, digest: Digest) -> None:
        """Remember the last record there is."""
        if self.path is None:
            return
        found = small_file.load(self.path)
        found.pop(_key(place, app), None)
        found[_key(place, app)] = [number, digest, int(time.time())]
        small_file.save(self.path, dict(list(found.items())[-_MAX_KEPT:]))


NOTHING = Heads(None)
"""Where nothing is to be remembered."""


def _key(place: str, app: AppName) -> str:
    return f"{app} at {place}"
