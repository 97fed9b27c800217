"""The client's cache: the contents that it pushed, by name, so that the next release can be sent as a delta.

Each file is one content under its BLAKE3, proved whenever it is used; beside them are patches that were
made, and what was found in artifacts (``scan_cache``). What was used least recently goes first when the cache
grows over its limit. Many processes may share it: files come by rename, and one that goes while it is read
stays readable. It is only ever a help: where it cannot be read or written, things are slower, nothing else.
Not for the link speeds that are learned (``link_speeds``).
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from blake3 import blake3

from relstore.client.coding import Coding
from relstore.client.local_state.state_file import taking_the_place_of
from relstore.formats.names import Digest

DEFAULT_LIMIT_BYTES = 2 * 1024**3
MIN_BYTES = 16 * 1024
"""Smaller contents are no bases for deltas."""

_PROOF_BYTES = 32
_LARGEST_SHARE = 2
"""A content larger than the limit divided by this is not kept."""


class Kept(NamedTuple):
    """A file of the cache."""

    path: Path
    size: int
    used: float
    """When it was last used, seconds since 1970."""


@dataclass(frozen=True)
class Cache:
    """The cache below ``directory``, of at most ``limit`` bytes."""

    directory: Path
    limit: int = DEFAULT_LIMIT_BYTES

    def has(self, name: Digest, size: int) -> bool:
        """Whether it seems to be there; its bytes are not read."""
        return self.size(name) == size

    def size(self, name: Digest) -> int:
        """Bytes of a content, 0 when it is not there."""
        with contextlib.suppress(OSError):
            return self.place(name).stat().st_size
        return 0

    def get(self, name: Digest) -> bytes | None:
        """The content, proved; None when it is not there or damaged, upon which it is removed."""
        return _read_proved(self.place(name), lambda data: (name.raw, data))

    def get_patch(self, base: Digest, content: Digest, coding: Coding) -> bytes | None:
        """The patch that makes ``content`` from ``base``, proved; None when it is not there."""
        return self._proved(self._patch(base, content, coding))

    def add_patch(self, base: Digest, content: Digest, coding: Coding, data: bytes) -> None:
        """Keep a patch. Never raises OSError."""
        self._keep_proved(self._patch(base, content, coding), data)

    def get_scan(self, key: str) -> bytes | None:
        """What ``scan_cache`` keeps of an artifact, proved; None when it is not there."""
        return self._proved(self._scan(key))

    def add_scan(self, key: str, data: bytes) -> None:
        """Keep it. Never raises OSError."""
        self._keep_proved(self._scan(key), data)

    def add(self, name: Digest, source: str | Path, size: int) -> None:
        """Keep a copy of ``source``, which is proved when it is used. Never raises OSError."""
        if size < MIN_BYTES or size * _LARGEST_SHARE > self.limit:
            return
        place = self.place(name)
        with contextlib.suppress(OSError):
            if self.has(name, size):
                os.utime(place)
                return
            with taking_the_place_of(place) as path:
                shutil.copyfile(source, path)

    def trim(self) -> int:
        """Remove what was used least recently until the rest is within the limit. The bytes freed."""
        return self._remove_down_to(self.limit)

    def clear(self) -> int:
        """Remove everything. The bytes freed."""
        return self._remove_down_to(0)

    def kept(self) -> list[Kept]:
        """Everything that is there, the least recently used first."""
        return sorted(self._walk(), key=lambda one: one.used)

    def _proved(self, place: Path) -> bytes | None:
        return _read_proved(place, lambda data: (data[:_PROOF_BYTES], data[_PROOF_BYTES:]))

    def _keep_proved(self, place: Path, data: bytes) -> None:
        with contextlib.suppress(OSError), taking_the_place_of(place) as path:
            path.write_bytes(blake3(data).digest() + data)

    def _remove_down_to(self, limit: int) -> int:
        kept = self.kept()
        total, freed = sum(one.size for one in kept), 0
        for one in kept:
            if total - freed <= limit:
                break
            with contextlib.suppress(OSError):
                one.path.unlink()
                freed += one.size
        return freed

    def _walk(self) -> Iterator[Kept]:
        for path in self.directory.glob("*/??/*"):
            with contextlib.suppress(OSError):
                found = path.stat()
                yield Kept(path, found.st_size, found.st_mtime)

    def place(self, name: Digest) -> Path:
        """Where a content is, or would be."""
        return self.directory / "objects" / name[:2] / name

    def _patch(self, base: Digest, content: Digest, coding: Coding) -> Path:
        name = f"{content}-{base}-{coding.codec}-{coding.level}"
        return self.directory / "patches" / name[:2] / name

    def _scan(self, key: str) -> Path:
        return self.directory / "scans" / key[:2] / key


def _read_proved(place: Path, split: Callable[[bytes], tuple[bytes, bytes]]) -> bytes | None:
    """The second part of the file, of which the first is the BLAKE3; a file where it is not is removed."""
    try:
        proof, data = split(place.read_bytes())
    except OSError:
        return None
    sound = blake3(data, max_threads=blake3.AUTO).digest() == proof
    with contextlib.suppress(OSError):
        if sound:
            os.utime(place)
        else:
            place.unlink()
    return data if sound else None
