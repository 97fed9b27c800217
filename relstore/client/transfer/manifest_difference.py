"""A manifest as its difference to an earlier one that both sides have: for one changed file of a hundred, a
hundredth of it.

The difference is a zstd frame with the earlier manifest as its prefix. Which one the host has is a guess, or
what it said is current; it says when it cannot undo the difference, and gets the whole manifest then. Not for
contents (``stream_plan``), nor for when a manifest is sent (``operations.stage``).
"""

from __future__ import annotations

import threading
from typing import NamedTuple

from relstore.client.artifact.scan import Scan
from relstore.client.coding import Coding
from relstore.client.transfer.encoders import encode
from relstore.client.transfer.send_options import SendOptions
from relstore.formats.codecs import ZSTD
from relstore.formats.entries import MAX_DIFFERENCE_BYTES
from relstore.formats.names import AppName, Digest

WORTH_BYTES = 14 * 1024
"""A smaller manifest is sent as it is: TCP sends about this much at once, without waiting for an answer."""

_CODING = Coding(ZSTD, 3)


class ManifestDifference(NamedTuple):
    """What makes the scanned manifest from the manifest of the build ``base``."""

    base: Digest
    data: bytes


class ManifestDifferences:
    """The differences that one push needs, each made once for all hosts."""

    def __init__(self, options: SendOptions, app: AppName, scan: Scan) -> None:
        self._cache = options.cache
        self._scan = scan
        self._is_wanted = options.delta is not False and WORTH_BYTES <= len(scan.raw) <= MAX_DIFFERENCE_BYTES
        self._lock = threading.Lock()
        self._made: dict[Digest, ManifestDifference | None] = {}
        self.likely = options.recent.build(app) if self._is_wanted else None
        """The build that this machine pushed last, which the hosts most likely have."""

    def to(self, base: Digest | None) -> ManifestDifference | None:
        """The difference to a build's manifest; None where this machine lacks that, or it is of no use."""
        if not self._is_wanted or base is None or base == self._scan.build:
            return None
        with self._lock:
            if base not in self._made:
                self._made[base] = self._make(base)
            return self._made[base]

    def _make(self, base: Digest) -> ManifestDifference | None:
        former = self._cache.get(base)
        raw = self._scan.raw
        if former is None or len(former) > MAX_DIFFERENCE_BYTES:
            return None
        data = b"".join(encode(_CODING, [raw], len(raw), former))
        return ManifestDifference(base, data) if len(data) < len(raw) // 2 else None
