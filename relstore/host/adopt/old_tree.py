"""Reading one release of the other tool: its entries with both digests, and what keeps it from being taken.

Nothing is changed. The files may belong to a running service, so a file that somebody writes to meanwhile is
told, and the import proves every byte once more (``intake``). Not for which releases there are (``find``).
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from relstore.errors import FormatError, UnfitReleaseError
from relstore.formats.blake3 import Hasher
from relstore.formats.blake3 import digest as blake3_digest
from relstore.formats.manifest import Directory, Entry, File, Manifest, ObjectRef, Symlink
from relstore.formats.names import Digest
from relstore.formats.paths import check_path, check_target
from relstore.host.adopt.layout import OldRelease
from relstore.store.directory import Dir

FRESH_S = 120
"""A file that changed within this time may be one that the service writes to."""
_PIECE_BYTES = 1 << 20

Progress = Callable[[int], None]
"""Called with the bytes that were read."""


class OldTree(NamedTuple):
    """The entries of a release, and where each content is below its top."""

    manifest: Manifest
    raw: bytes
    """The manifest, encoded."""
    build: Digest
    """The name that the release gets in the store."""
    sources: dict[Digest, tuple[str, ...]]
    """By content, the names that lead to a file with it; one name for a release that is a single file."""


def read(release: OldRelease, program: str, exclude: Sequence[str], read_bytes: Progress) -> OldTree:
    """Read ``release``. ``program``: the name that its file gets, where it is one file.

    ``exclude``: paths in the release to leave out, with all that is below them.
    Raises UnfitReleaseError, with the list of what no build can hold; OSError.
    """
    reading = _Reading(frozenset(path.strip("/") for path in exclude), read_bytes)
    try:
        if program:
            reading.single(release, program)
        else:
            with Dir.open_path(release.path) as top:
                reading.directory(top, ())
        if reading.problems:
            raise UnfitReleaseError.of(release.name, reading.problems)
        manifest = Manifest.from_entries(reading.entries)
        raw = manifest.encode()
        return OldTree(manifest, raw, Digest.from_bytes(blake3_digest(raw)), reading.sources)
    except FormatError as error:
        raise UnfitReleaseError.of(release.name, [error.what]) from None


class _Reading:
    def __init__(self, exclude: frozenset[str], read_bytes: Progress) -> None:
        self._exclude = exclude
        self._read_bytes = read_bytes
        self._fresh_since = time.time() - FRESH_S
        self.entries: list[Entry] = []
        self.sources: dict[Digest, tuple[str, ...]] = {}
        self.problems: list[str] = []

    def single(self, release: OldRelease, program: str) -> None:
        directory, name = os.path.split(release.path)
        with Dir.open_path(directory) as above:
            self._file(above, name, program, (name,), release.blake2b)

    def directory(self, top: Dir, names: tuple[str, ...]) -> None:
        for name in sorted(top.all_names()):
            path = "/".join((*names, name))
            if path in self._exclude:
                continue
            try:
                check_path(path)
            except FormatError as error:
                self.problems.append(error.what)
                continue
            status = top.lstat(name)
            if status is None:
                self.problems.append(f"{path} vanished")
            elif stat.S_ISDIR(status.st_mode):
                self.entries.append(Directory(path))
                with top.sub(name) as inner:
                    self.directory(inner, (*names, name))
            elif stat.S_ISLNK(status.st_mode):
                self._symlink(top, name, path)
            elif stat.S_ISREG(status.st_mode):
                self._file(top, name, path, (*names, name))
            else:
                self.problems.append(f"{path} is a socket, a device or a FIFO")

    def _symlink(self, directory: Dir, name: str, path: str) -> None:
        target = directory.readlink(name) or ""
        try:
            check_target(target)
        except FormatError as error:
            self.problems.append(f"{path}: {error.what}")
            return
        self.entries.append(Symlink(path, target))

    def _file(self, directory: Dir, name: str, path: str, names: tuple[str, ...], blake2b: str = "") -> None:
        try:
            fd = directory.open_file(name)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.ENOENT):
                raise
            self.problems.append(f"{path} cannot be read: {error.strerror}")
            return
        try:
            before = os.fstat(fd)
            ref, is_whole = _digests(fd, blake2b)
            after = os.fstat(fd)
        finally:
            os.close(fd)
        self._read_bytes(before.st_size)
        if not is_whole:
            self.problems.append(f"{path} is not whole: its BLAKE2b is not the one in its name")
        elif _version(before) != _version(after):
            self.problems.append(f"{path} changed while it was read")
        elif not blake2b and before.st_mtime > self._fresh_since:
            self.problems.append(f"{path} was changed within the last {FRESH_S // 60} minutes")
        else:
            self.entries.append(File(path, ref))
            self.sources.setdefault(ref.blake3, names)


def _digests(fd: int, blake2b: str) -> tuple[ObjectRef, bool]:
    """What the open file holds, and whether it has the given BLAKE2b, if there is one.

    It is read, not mapped: a file that its service cuts off meanwhile would kill who has it mapped.
    """
    blake3, sha256, expected = Hasher(), hashlib.sha256(), hashlib.blake2b()
    size = 0
    while True:
        piece = os.read(fd, _PIECE_BYTES)
        if not piece:
            break
        size += len(piece)
        blake3.update(piece)
        sha256.update(piece)
        if blake2b:
            expected.update(piece)
    executable = bool(os.fstat(fd).st_mode & 0o100)
    ref = ObjectRef(Digest.from_bytes(blake3.digest()), sha256.digest(), size, executable)
    return ref, not blake2b or expected.hexdigest() == blake2b


def _version(status: os.stat_result) -> tuple[int, ...]:
    """What a write to the file changes."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
