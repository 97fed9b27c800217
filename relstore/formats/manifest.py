"""The manifest: the canonical list of a build's entries, whose BLAKE3 is the build id.

Decoding refuses everything that encoding would not write, so that one build has one name and a name
has one build. The format is written up in ``docs/formats/manifest.md``. Not for reading or writing
the files that it describes (``client.artifact.scan``, ``store.builds``).
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from typing import Any, NamedTuple

from relstore.errors import FormatError
from relstore.formats import manifest_reader, pack, paths
from relstore.formats.entries import (
    DIRECTORY,
    EMPTY_BLAKE3,
    EMPTY_SHA256,
    KIND_OF_FILE,
    MAGIC,
    MAX_BYTES,
    MAX_ENTRIES,
    MAX_FILE_BYTES,
    SYMLINK,
    VERSION,
    VERSION_WITH_COPIES,
    Directory,
    Entry,
    File,
    ObjectRef,
    Symlink,
)
from relstore.formats.names import Digest

__all__ = [
    "EMPTY_BLAKE3",
    "EMPTY_SHA256",
    "MAX_BYTES",
    "MAX_ENTRIES",
    "MAX_FILE_BYTES",
    "Directory",
    "Entry",
    "File",
    "Manifest",
    "ObjectRef",
    "Symlink",
    "contents",
]


class Manifest(NamedTuple):
    """The entries of a build, sorted by the bytes of their paths; every parent is an entry too."""

    entries: Sequence[Entry]

    @classmethod
    def from_entries(cls, entries: Sequence[Entry]) -> Manifest:
        """Sorted and checked. Raises FormatError."""
        manifest = cls(sorted(entries, key=lambda entry: paths.check_path(entry.path)))
        _check(manifest.entries)
        return manifest

    @classmethod
    def parse(cls, raw: bytes) -> Manifest:
        """The manifest whose one encoding is ``raw``. Raises FormatError."""
        return cls(manifest_reader.read(raw))

    def encode(self) -> bytes:
        """The bytes whose BLAKE3 is the build id."""
        header = [MAGIC, _version(self.entries), len(self.entries)]
        raw = pack.encode_stream([header, *map(_encode_entry, self.entries)])
        if len(raw) > MAX_BYTES:
            raise FormatError(f"a manifest of {len(raw)} bytes; at most {MAX_BYTES}")
        return raw

    def files(self) -> Iterator[File]:
        return (entry for entry in self.entries if isinstance(entry, File))

    def objects(self) -> list[ObjectRef]:
        """Each content that the build needs once, in the order of first use; empty files need none."""
        unique = {
            (file.content.blake3, file.content.executable): file.content
            for file in self.files()
            if file.content.size
        }
        return list(unique.values())

    @property
    def copied_size(self) -> int:
        """The sum of the sizes of the files that are copies."""
        return sum(file.content.size for file in self.files() if file.copied)

    @property
    def size(self) -> int:
        """The sum of the sizes of all files."""
        return sum(file.content.size for file in self.files())

    def way_out(self, allowed: Container[str] = ()) -> Symlink | None:
        """The first symlink that leads out of the build by its own target; None where none does.

        ``allowed``: the paths of symlinks that may.
        """
        targets = {entry.path: entry.target for entry in self.entries if isinstance(entry, Symlink)}
        for path in targets:
            out = paths.way_out(path, targets)
            if out is not None and out not in allowed:
                return Symlink(out, targets[out])
        return None


def _version(entries: Sequence[Entry]) -> int:
    """The lowest that has what the entries need, so that a build has one encoding."""
    copies = any(isinstance(entry, File) and entry.copied for entry in entries)
    return VERSION_WITH_COPIES if copies else VERSION


def _check(entries: Sequence[Entry]) -> None:
    if not 1 <= len(entries) <= MAX_ENTRIES:
        raise FormatError(f"a manifest of {len(entries)} entries; 1 to {MAX_ENTRIES}")
    directories = {""}
    contents = {EMPTY_BLAKE3: (0, EMPTY_SHA256)}
    last = b""
    for entry in entries:
        raw = paths.check_path(entry.path)
        if raw == last:
            raise FormatError(f"{entry.path!r} is listed twice")
        if raw < last:
            raise FormatError(f"{entry.path!r} is out of order")
        last = raw
        if paths.parent(entry.path) not in directories:
            raise FormatError(f"{entry.path!r} is not in a directory of the build")
        if isinstance(entry, Directory):
            directories.add(entry.path)
        elif isinstance(entry, Symlink):
            paths.check_target(entry.target)
        else:
            ref = entry.content
            if not 0 <= ref.size <= MAX_FILE_BYTES:
                raise FormatError(f"{entry.path!r} has {ref.size} bytes; at most {MAX_FILE_BYTES}")
            if (ref.size == 0) != (ref.blake3 == EMPTY_BLAKE3):
                raise FormatError(
                    f"{entry.path!r}: its size and its digest do not agree on whether it is empty"
                )
            if entry.copied and not ref.size:
                raise FormatError(f"{entry.path!r} is empty, and so it is always a file of its own")
            claim = (ref.size, ref.sha256)
            if contents.setdefault(ref.blake3, claim) != claim:
                raise FormatError(f"{entry.path!r} gives the same object a different size or SHA-256")


def _encode_entry(entry: Entry) -> list[Any]:
    if isinstance(entry, Directory):
        return [entry.path, DIRECTORY]
    if isinstance(entry, Symlink):
        return [entry.path, SYMLINK, entry.target]
    ref = entry.content
    kind = KIND_OF_FILE[ref.executable, entry.copied]
    return [entry.path, kind, ref.size, ref.blake3.raw, ref.sha256]


def contents(manifest: Manifest) -> list[ObjectRef]:
    """What an upload of the build sends: each distinct content once, in the order of first use."""
    unique: dict[Digest, ObjectRef] = {}
    for ref in manifest.objects():
        unique.setdefault(ref.blake3, ref)
    return list(unique.values())
