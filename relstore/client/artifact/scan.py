"""Reading an artifact: turns a file or a directory into a manifest and the paths of its contents.

One read gives both digests, on all cores; files that have not changed since the last scan are not read
(``scan_cache``). What a build cannot hold (devices, sockets, names that are not UTF-8) is refused with its
path. Not for sending anything (``transfer.upload``).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from blake3 import blake3

from relstore.client.artifact import copies, unfit
from relstore.client.artifact.data_links import with_links
from relstore.client.artifact.read_file import Read, changed, read_file, unreadable
from relstore.client.ignore_patterns import IgnorePatterns
from relstore.client.local_state.scan_cache import KnownFile, ScanCache, Stamp
from relstore.errors import ArtifactError, FormatError
from relstore.formats.data_link import DataLink
from relstore.formats.manifest import Directory, Entry, File, Manifest, ObjectRef, Symlink
from relstore.formats.names import Digest
from relstore.formats.paths import MAX_DEPTH, MAX_PATH_BYTES

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
    lasts: bool = True
    """Whether the artifact is still there after the push."""

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
                raise unreadable(self.artifact, error) from None
            if self.cache:
                self.cache.forget(self.artifact)
            raise changed(source)


class Selection(NamedTuple):
    """What of a directory is pushed, and with what."""

    exclude: IgnorePatterns | None = None
    """What is left out."""
    allow_private: IgnorePatterns | None = None
    """What may be pushed although it looks private."""
    allow_all: bool = False
    """Whether everything may."""
    links: Sequence[DataLink] = ()
    """To data outside, which are added."""
    unpacked_from: Path | None = None
    """What the directory was unpacked from, only for this scan; messages name that."""


EVERYTHING = Selection(allow_all=True)


def scan(
    artifact: Path,
    cache: ScanCache | None = None,
    copy: Sequence[str] = (),
    selection: Selection = EVERYTHING,
) -> Scan:
    """Read ``artifact`` (followed when it is a symlink itself). Raises ArtifactError.

    ``copy``: patterns of the files that become copies of their own. Raises UsageError for one without a file.
    """
    shown = selection.unpacked_from or artifact
    try:
        checked = not selection.allow_all and artifact.is_dir()  # a single file was named on purpose
        items = list(_find(artifact, selection.exclude))
        if not items:
            raise ArtifactError(
                f"{shown} is empty" + (", but for what `exclude` leaves out" if selection.exclude else ""),
                path=str(artifact),
                hint="Was it built? `build` in relstore.toml runs first.",
            )
        if checked:
            unfit.check_names(shown, (item.path for item in items), selection.allow_private)
        done = _read_all(items, cache.get(artifact) if cache else {})
        if checked:
            unfit.check_private(shown, done.private_keys, selection.allow_private)
        entries = with_links(copies.mark(done.entries, copy), selection.links)
        manifest = Manifest.from_entries(entries)
        raw = manifest.encode()
    except OSError as error:
        raise unreadable(artifact, error) from None
    except FormatError as error:
        raise ArtifactError(
            f"{shown} cannot be pushed: {error.what}",
            path=str(artifact),
            hint="Rename it, or leave it out of the artifact.",
        ) from None
    if cache and done.worth_keeping:
        cache.keep(artifact, done.settled)
    build, lasts = Digest(blake3(raw).hexdigest()), selection.unpacked_from is None
    return Scan(artifact, manifest, raw, build, done.sources, cache, lasts)


class _Item(NamedTuple):
    source: str
    """Where it is on this machine."""
    path: str
    """Where it is in the build."""
    stat: os.stat_result


def _find(artifact: Path, exclude: IgnorePatterns | None) -> Iterator[_Item]:
    status = artifact.stat()
    if stat.S_ISDIR(status.st_mode):
        yield from _walk(str(artifact), exclude)
    elif stat.S_ISREG(status.st_mode):
        yield _Item(os.path.realpath(artifact), artifact.name, status)
    else:
        raise ArtifactError(
            f"{artifact} is neither a file nor a directory",
            path=str(artifact),
            hint="Name a file or a directory: relstore push PATH",
        )


def _walk(top: str, exclude: IgnorePatterns | None) -> Iterator[_Item]:
    # A stack of its own: a tree may be deeper than Python's.
    waiting = [(top, "")]
    while waiting:
        directory, prefix = waiting.pop()
        with os.scandir(directory) as entries:
            for entry in entries:
                path = prefix + entry.name
                if exclude and exclude.match(path, is_directory=entry.is_dir(follow_symlinks=False)):
                    continue
                item = _Item(entry.path, path, entry.stat(follow_symlinks=False))
                _check_name(item)
                yield item
                if stat.S_ISDIR(item.stat.st_mode):
                    waiting.append((entry.path, item.path + "/"))


def _check_name(item: _Item) -> None:
    """What the manifest would refuse too; refused here, a tree without an end is not walked to it."""
    try:
        raw = item.path.encode()
    except UnicodeEncodeError:
        shown = os.fsencode(item.path).decode("utf-8", "backslashreplace")
        raise ArtifactError(
            f"the name {shown} is not UTF-8, which a build cannot hold",
            path=item.source,
            hint="Rename it (`convmv` renames whole trees), or leave it out of the artifact.",
        ) from None
    if item.path.count("/") >= MAX_DEPTH or len(raw) > MAX_PATH_BYTES:
        raise ArtifactError(
            f"{item.path[:80]}… is too deep: a path in a build has at most {MAX_DEPTH} parts and "
            f"{MAX_PATH_BYTES} bytes",
            path=item.source,
            hint="Does something in the artifact copy itself? Otherwise push the deep part as an archive.",
        )


@dataclass
class _Done:
    """What a scan has gathered: files that were read, and files that were known."""

    entries: list[Entry] = field(default_factory=list)
    sources: dict[Digest, str] = field(default_factory=dict)
    settled: dict[str, KnownFile] = field(default_factory=dict)
    """The files that may be remembered."""
    private_keys: list[str] = field(default_factory=list)
    """The paths of files that are; they are not remembered, so they are always found again."""
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
        if read.is_private_key:
            self.private_keys.append(item.path)
        elif read.settled:
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
