"""Reading an artifact: turns a file or a directory into a manifest and the paths of its contents.

One read gives both digests, on all cores; files that have not changed since the last scan are not read
(``scan_cache``). What a build cannot hold (devices, sockets, names that are not UTF-8) is refused with its
path. Not for sending anything (``transfer.upload``).
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from blake3 import blake3

from relstore.client.local_state.scan_cache import KnownFile, ScanCache, Stamp
from relstore.errors import ArtifactError, FormatError
from relstore.formats.manifest import Directory, Entry, File, Manifest, ObjectRef, Symlink
from relstore.formats.names import Digest

_CHUNK_BYTES = 1024 * 1024
_SMALL_BYTES = 64 * 1024
"""Smaller files are read by one thread, since two slow each other down (50,000 files: 2.2 s, not 1.2 s)."""

_EXECUTE = 0o100

_WORTH_BYTES = 1024 * 1024
_WORTH_FILES = 256
"""A scan that read less than either is not worth remembering."""


@dataclass(frozen=True)
class Scan:
    """A scanned artifact: its ``manifest`` and that encoded, the build's id, and where each content is."""

    artifact: Path
    manifest: Manifest
    raw: bytes
    build: Digest
    sources: dict[Digest, str]
    cache: ScanCache | None = None

    def check_unchanged(self, contents: Iterable[ObjectRef]) -> None:
        """Read these again; when one has changed, forget what was remembered about the artifact.

        Raises ArtifactError.
        """
        for content in contents:
            source = self.sources[content.blake3]
            try:
                if read_file(source).file.blake3 == content.blake3.raw:
                    continue
            except OSError as error:
                raise ArtifactError(f"{source}: {error.strerror}", path=source) from None
            if self.cache:
                self.cache.forget(self.artifact)
            raise changed(source)


def changed(source: str) -> ArtifactError:
    """The error for a file that has changed since it was scanned."""
    return ArtifactError(
        f"{source} changed while it was being pushed",
        path=source,
        state="Nothing was changed on the host.",
        hint="Push again when the build has finished.",
    )


def scan(artifact: Path, cache: ScanCache | None = None) -> Scan:
    """Read ``artifact`` (followed when it is a symlink itself). Raises ArtifactError."""
    try:
        items = list(_find(artifact))
        if not items:
            raise ArtifactError(
                f"{artifact} is empty",
                path=str(artifact),
                hint="Was it built? `build` in relstore.toml runs first.",
            )
        done = _read_all(items, cache.get(artifact) if cache else {})
        manifest = Manifest.from_entries(done.entries)
        raw = manifest.encode()
    except FileNotFoundError as error:
        raise ArtifactError(
            f"{error.filename} does not exist",
            path=os.fsdecode(error.filename),
            hint="Name what to push: relstore push PATH",
        ) from None
    except OSError as error:
        raise ArtifactError(f"{error.filename}: {error.strerror}", path=os.fsdecode(error.filename)) from None
    except FormatError as error:
        raise ArtifactError(f"{artifact} cannot be pushed: {error.what}", path=str(artifact)) from None
    if cache and done.worth_keeping:
        cache.keep(artifact, done.settled)
    return Scan(artifact, manifest, raw, Digest(blake3(raw).hexdigest()), done.sources, cache)


class _Item(NamedTuple):
    source: str
    """Where it is on this machine."""
    path: str
    """Where it is in the build."""
    stat: os.stat_result


def _find(artifact: Path) -> Iterator[_Item]:
    status = artifact.stat()
    if stat.S_ISDIR(status.st_mode):
        yield from _walk(str(artifact), "")
    elif stat.S_ISREG(status.st_mode):
        yield _Item(str(artifact), artifact.name, status)
    else:
        raise ArtifactError(f"{artifact} is neither a file nor a directory", path=str(artifact))


def _walk(directory: str, prefix: str) -> Iterator[_Item]:
    with os.scandir(directory) as entries:
        for entry in entries:
            item = _Item(entry.path, prefix + entry.name, entry.stat(follow_symlinks=False))
            yield item
            if stat.S_ISDIR(item.stat.st_mode):
                yield from _walk(entry.path, item.path + "/")


@dataclass
class _Done:
    """What a scan has gathered: files that were read, and files that were known."""

    entries: list[Entry] = field(default_factory=list)
    sources: dict[Digest, str] = field(default_factory=dict)
    settled: dict[str, KnownFile] = field(default_factory=dict)
    """The files that may be remembered."""
    bytes_read: int = 0
    files_read: int = 0
    """Both count only settled files."""

    @property
    def worth_keeping(self) -> bool:
        return self.bytes_read >= _WORTH_BYTES or self.files_read >= _WORTH_FILES

    def add_file(self, item: _Item, known: KnownFile, mode: int) -> None:
        content = ObjectRef(
            Digest.from_bytes(known.blake3), known.sha256, known.stamp.size, bool(mode & _EXECUTE)
        )
        self.entries.append(File(item.path, content))
        self.sources.setdefault(content.blake3, item.source)

    def add_read(self, item: _Item, read: Read) -> None:
        self.add_file(item, read.file, read.mode)
        if read.settled:
            self.settled[item.path] = read.file
            self.bytes_read += read.file.stamp.size
            self.files_read += 1


def _read_all(items: list[_Item], known: dict[str, KnownFile]) -> _Done:
    done = _Done()
    unread: list[_Item] = []
    for item in items:
        mode = item.stat.st_mode
        if stat.S_ISDIR(mode):
            done.entries.append(Directory(item.path))
        elif stat.S_ISLNK(mode):
            done.entries.append(Symlink(item.path, os.readlink(item.source)))
        elif not stat.S_ISREG(mode):
            raise ArtifactError(
                f"{item.source} is a device, a socket or a FIFO, which a build cannot hold",
                path=item.source,
                hint="Leave it out of the artifact.",
            )
        elif (file := known.get(item.path)) and file.stamp == Stamp.from_stat(item.stat):
            done.add_file(item, file, mode)
            done.settled[item.path] = file
        else:
            unread.append(item)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for batch, results in pool.map(_read_batch, _batches(unread)):
            for item, result in zip(batch, results, strict=True):
                done.add_read(item, result)
    return done


def _batches(items: list[_Item]) -> list[list[_Item]]:
    small = [item for item in items if item.stat.st_size <= _SMALL_BYTES]
    large = [[item] for item in items if item.stat.st_size > _SMALL_BYTES]
    return [*large, small] if small else large


def _read_batch(batch: list[_Item]) -> tuple[list[_Item], list[Read]]:
    return batch, [read_file(item.source) for item in batch]


class Read(NamedTuple):
    """A file that was read."""

    file: KnownFile
    mode: int
    settled: bool
    """Whether its stamp distinguishes this content from any later one."""


def read_file(source: str) -> Read:
    """Both digests and the size of a file, from one read. Raises OSError."""
    name, check, size = blake3(), hashlib.sha256(), 0
    read_at = time.time_ns()
    with open(source, "rb", buffering=0) as file:
        before = os.fstat(file.fileno())
        buffer = bytearray(min(_CHUNK_BYTES, before.st_size + 1))
        view = memoryview(buffer)
        while count := file.readinto(buffer):
            name.update(view[:count])
            check.update(view[:count])
            size += count
        after = os.fstat(file.fileno())
    stamp = Stamp.from_stat(before)._replace(size=size)
    settled = stamp == Stamp.from_stat(after) and not stamp.racy(read_at)
    return Read(KnownFile(stamp, name.digest(), check.digest()), before.st_mode, settled)
