"""What the last scan of an artifact read, so that the next one need not read unchanged files.

A file counts as unchanged when its path, device, inode, size and both times are the same. This is the rule of
git's index, including "racy" files: one that was written just before it was read might be written again
within the same tick of the clock, so it is read again. When a kept scan is unusable, all files are read
again. Not for contents (``cache``), and never trusted by a host, which proves what it receives.

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
"""A file that was changed within this time before it was read is not remembered. The coarsest clock of a file
system in use ticks every two seconds (FAT)."""

_MAGIC = b"relstore scan 1\n"
_COLUMNS = Struct("<QQQqq32s32s")
_COUNT = Struct("<Q")


class Stamp(NamedTuple):
    """What distinguishes two states of a file. Times in nanoseconds."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def from_stat(cls, status: os.stat_result) -> Stamp:
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)

    def racy(self, read_at_ns: int) -> bool:
        """Whether the file could have changed after it was read at that time, and still look the same."""
        return max(self.mtime_ns, self.ctime_ns) + RACY_NS > read_at_ns


class KnownFile(NamedTuple):
    """A file as it was read: its stamp, and its BLAKE3 and SHA-256, 32 bytes each."""

    stamp: Stamp
    blake3: bytes
    sha256: bytes


@dataclass(frozen=True)
class ScanCache:
    """The kept scans in ``cache``, one for each artifact."""

    cache: Cache

    def get(self, artifact: Path) -> dict[str, KnownFile]:
        """The files by their path inside the artifact; empty when nothing usable is kept."""
        data = self.cache.get_scan(_key(artifact))
        return _decode(data) if data is not None else {}

    def keep(self, artifact: Path, files: Mapping[str, KnownFile]) -> None:
        """Replace what was kept of the artifact."""
        self.cache.add_scan(_key(artifact), _encode(files))

    def forget(self, artifact: Path) -> None:
        """Have the next scan read every file."""
        self.keep(artifact, {})


def _key(artifact: Path) -> str:
    return blake3(os.fsencode(os.path.realpath(artifact))).hexdigest()


def _encode(files: Mapping[str, KnownFile]) -> bytes:
    columns = b"".join(_COLUMNS.pack(*file.stamp, file.blake3, file.sha256) for file in files.values())
    return _MAGIC + _COUNT.pack(len(files)) + columns + "\0".join(files).encode()


def _decode(data: bytes) -> dict[str, KnownFile]:
    """``data`` is proved to be what was written, perhaps by another version of relstore."""
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
        path: KnownFile(Stamp(*stamp), name, check)
        for path, (*stamp, name, check) in zip(paths, records, strict=True)
    }
