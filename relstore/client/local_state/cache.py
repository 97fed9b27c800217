"""The client's cache: the contents that it pushed, by name, so that the next release can be sent as a delta.

Each file is one content under its BLAKE3, proved whenever it is used; beside them are patches and scans of
artifacts (``scan_cache``). When the cache outgrows its limit, the least recently used files go first. Many
processes may share it: files appear by rename, and one that is removed while it is read stays readable. When
the cache cannot be read or written, things are only slower. Not for link speeds (``link_speeds``).
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
from relstore.client.local_state.state_file import replacing
from relstore.formats.names import Digest
from relstore.formats.patch import VERSION as PATCH_VERSION

DEFAULT_LIMIT_BYTES = 2 * 1024**3
MIN_BYTES = 16 * 1024
"""Smaller contents are not used as bases of deltas, and are kept many to a file (``small_contents``)."""

_PROOF_BYTES = 32
LARGEST_SHARE = 2
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
        """Whether the content seems to be there; its bytes are not read."""
        return self.size(name) == size

    def size(self, name: Digest) -> int:
        """Bytes of a content, 0 when it is not in the cache."""
        with contextlib.suppress(OSError):
            return self.content_path(name).stat().st_size
        return 0

    def get(self, name: Digest) -> bytes | None:
        """The content, proved; None when it is missing, or damaged, in which case it is removed."""
        return _read_proved(self.content_path(name), lambda data: (name.raw, data))

    def get_patch(self, base: Digest, content: Digest, coding: Coding) -> bytes | None:
        """The patch that makes ``content`` from ``base``, proved; None when it is not there."""
        return self._proved(self._patch_path(base, content, coding))

    def add_patch(self, base: Digest, content: Digest, coding: Coding, data: bytes) -> None:
        """Keep a patch. Never raises OSError."""
        self._keep_proved(self._patch_path(base, content, coding), data)

    def get_scan(self, key: str) -> bytes | None:
        """What ``scan_cache`` keeps about an artifact, proved; None when it is not there."""
        return self._proved(self._scan_path(key))

    def add_scan(self, key: str, data: bytes) -> None:
        """Keep a scan. Never raises OSError."""
        self._keep_proved(self._scan_path(key), data)

    def add(self, name: Digest, source: str | Path, size: int) -> None:
        """Keep a copy of ``source``; it is proved when it is used. Never raises OSError."""
        if size < MIN_BYTES or size * LARGEST_SHARE > self.limit:
            return
        path = self.content_path(name)
        with contextlib.suppress(OSError):
            if self.has(name, size):
                os.utime(path)
                return
            with replacing(path) as new:
                shutil.copyfile(source, new)

    def add_manifest(self, build: Digest, raw: bytes) -> None:
        """Keep the manifest of a build, which is the content that the build is named by. As ``add``."""
        if len(raw) * LARGEST_SHARE > self.limit:
            return
        path = self.content_path(build)
        with contextlib.suppress(OSError):
            if self.has(build, len(raw)):
                os.utime(path)
                return
            with replacing(path) as new:
                new.write_bytes(raw)

    def trim(self) -> int:
        """Remove the least recently used files until the limit is kept. Returns the bytes freed."""
        return self._remove_down_to(self.limit)

    def clear(self) -> int:
        """Remove everything. Returns the bytes freed."""
        return self._remove_down_to(0)

    def kept(self) -> list[Kept]:
        """Every file, the least recently used first."""
        return sorted(self._walk(), key=lambda kept: kept.used)

    def _proved(self, path: Path) -> bytes | None:
        return _read_proved(path, lambda data: (data[:_PROOF_BYTES], data[_PROOF_BYTES:]))

    def _keep_proved(self, path: Path, data: bytes) -> None:
        with contextlib.suppress(OSError), replacing(path) as new:
            new.write_bytes(blake3(data).digest() + data)

    def _remove_down_to(self, limit: int) -> int:
        kept = self.kept()
        total, freed = sum(file.size for file in kept), 0
        for file in kept:
            if total - freed <= limit:
                break
            with contextlib.suppress(OSError):
                file.path.unlink()
                freed += file.size
        return freed

    def _walk(self) -> Iterator[Kept]:
        with contextlib.suppress(OSError):
            for path in self.directory.glob("*/??/*"):
                with contextlib.suppress(OSError):
                    status = path.stat()
                    yield Kept(path, status.st_size, status.st_mtime)

    def content_path(self, name: Digest) -> Path:
        """The file of a content, whether or not it is there."""
        return self.directory / "objects" / name[:2] / name

    def _patch_path(self, base: Digest, content: Digest, coding: Coding) -> Path:
        name = f"{content}-{base}-{coding.codec}-{coding.level}-{PATCH_VERSION}"
        return self.directory / "patches" / name[:2] / name

    def _scan_path(self, key: str) -> Path:
        return self.directory / "scans" / key[:2] / key


def _read_proved(path: Path, split: Callable[[bytes], tuple[bytes, bytes]]) -> bytes | None:
    """The data of a file that ``split`` divides into BLAKE3 and data; one that does not match is removed."""
    try:
        proof, data = split(path.read_bytes())
    except OSError:
        return None
    sound = blake3(data, max_threads=blake3.AUTO).digest() == proof
    with contextlib.suppress(OSError):
        if sound:
            os.utime(path)
        else:
            path.unlink()
    return data if sound else None
