"""What the last scan of an artifact found, so that the next one need not read what did not change.

A file counts as unchanged when its path, device, inode, size and both of its times are as they were: the rule
of git's index, and with its care for "racy" files: one that was written within a moment of the scan might be
written again within the same tick of the clock, and so is read again. Whatever is wrong with a kept scan, its
files are read again. Not for contents (``cache``), nor ever trusted by a host, which proves what it is sent.

https://git-scm.com/docs/racy-git
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from typing import NamedTuple

from blake3 import blake3

from relstore.client.local_state.cache import Cache

RACY_NS = 2 * 10**9
"""A file that was changed less than this before it was read is not remembered. The coarsest clock of a file
system in use ticks every two seconds (FAT)."""

_MAGIC = b"relstore scan 1\n"
_COLUMNS = Struct("<QQQqq32s32s")
_COUNT = Struct("<Q")


class Stamp(NamedTuple):
    """What tells one state of a file from another. Times in nanoseconds."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def from_stat(cls, found: os.stat_result) -> Stamp:
        return cls(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)

    def racy(self, read_at_ns: int) -> bool:
        """Whether it could have been changed after it was read at that time, and look the same."""
        return max(self.mtime_ns, self.ctime_ns) + RACY_NS > read_at_ns


class Seen(NamedTuple):
    """A file as it was read: its stamp, and its BLAKE3 and SHA-256, 32 bytes each."""

    stamp: Stamp
    blake3: bytes
    sha256: bytes


@dataclass(frozen=True)
class ScanCache:
    """The kept scans in ``cache``, one for each artifact."""

    cache: Cache

    def get(self, artifact: Path) -> dict[str, Seen]:
        """By path inside the artifact; empty when nothing usable is kept."""
        data = self.cache.get_scan(_key(artifact))
        return _decode(data) if data is not None else {}

    def keep(self, artifact: Path, seen: Mapping[str, Seen]) -> None:
        """Instead of what was kept of it."""
        self.cache.add_scan(_key(artifact), _encode(seen))

    def forget(self, artifact: Path) -> None:
        """Read everything of it the next time."""
        self.keep(artifact, {})


def _key(artifact: Path) -> str:
    return blake3(os.fsencode(artifact.resolve())).hexdigest()


def _encode(seen: Mapping[str, Seen]) -> bytes:
    columns = b"".join(_COLUMNS.pack(*one.stamp, one.blake3, one.sha256) for one in seen.values())
    return _MAGIC + _COUNT.pack(len(seen)) + columns + "\0".join(seen).encode()


def _decode(data: bytes) -> dict[str, Seen]:
    """``data`` was proved to be what was written, maybe by another version of relstore."""
    start = len(_MAGIC) + _COUNT.size
    if not data.startswith(_MAGIC) or len(data) < start:
        return {}
    (count,) = _COUNT.unpack_from(data, len(_MAGIC))
    end = start + count * _COLUMNS.size
    if not count or end > len(data):
        return {}
    paths = data[end:].decode().split("\0")
    records = _COLUMNS.iter_unpack(data[start:end])
    return {
        path: Seen(Stamp(*stamp), name, check)
        for path, (*stamp, name, check) in zip(paths, records, strict=True)
    }
