"""The manifest: the canonical list of a build's entries, whose BLAKE3 is the build id.

Decoding refuses everything that encoding would not write, so that one build has one name and a name
has one build. The format is written up in ``docs/formats/manifest.md``. Not for reading or writing
the files that it describes (``client.artifact.scan``, ``store.builds``).
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from typing import Any, NamedTuple, Union

from relstore.errors import FormatError
from relstore.formats import pack, paths
from relstore.formats.names import Digest

MAGIC = "relstore-manifest"
VERSION = 1
VERSION_WITH_COPIES = 2
MAX_ENTRIES = 1_000_000
MAX_BYTES = 128 * 1024 * 1024
MAX_FILE_BYTES = 1 << 40

EMPTY_BLAKE3 = Digest("af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262")
EMPTY_SHA256 = bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")

_DIRECTORY, _FILE, _EXECUTABLE, _SYMLINK, _COPY, _EXECUTABLE_COPY = range(6)


_KIND_OF_FILE = {
    (False, False): _FILE,
    (True, False): _EXECUTABLE,
    (False, True): _COPY,
    (True, True): _EXECUTABLE_COPY,
}
"""By whether it is executable, and whether it is a copy."""
_FILE_OF_KIND = {kind: what for what, kind in _KIND_OF_FILE.items()}


class ObjectRef(NamedTuple):
    """The content of one regular file, by its name in the store and by how a host can prove it."""

    blake3: Digest
    sha256: bytes
    size: int
    executable: bool


class Directory(NamedTuple):
    path: str


class File(NamedTuple):
    path: str
    content: ObjectRef
    copied: bool = False
    """Whether it has an inode of its own, not shared with the object or with other files."""


class Symlink(NamedTuple):
    path: str
    target: str


Entry = Union[Directory, File, Symlink]


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
        values = pack.decode_stream(raw, what="manifest", limit=MAX_BYTES)
        header = next(values, None)
        if not isinstance(header, list) or len(header) != 3 or header[0] != MAGIC:
            raise FormatError("not a manifest: it does not begin like one")
        if type(header[1]) is not int or header[1] not in (VERSION, VERSION_WITH_COPIES):
            known = f"{VERSION} and {VERSION_WITH_COPIES}"
            raise FormatError(f"a manifest of version {header[1]!r}; this relstore knows {known}")
        if type(header[2]) is not int or not 1 <= header[2] <= MAX_ENTRIES:
            raise FormatError(f"a manifest of {header[2]!r} entries; 1 to {MAX_ENTRIES}")
        entries: list[Entry] = []
        for value in values:
            if len(entries) == header[2]:
                raise FormatError(f"a manifest with more than the {header[2]} entries that it announces")
            entries.append(_parse_entry(value))
        if len(entries) != header[2]:
            raise FormatError(f"a manifest with {len(entries)} entries that announces {header[2]}")
        _check(entries)
        if header[1] != _version(entries):
            raise FormatError(
                f"a manifest of version {header[1]} that should have version {_version(entries)}"
            )
        return cls(entries)

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
        return [entry.path, _DIRECTORY]
    if isinstance(entry, Symlink):
        return [entry.path, _SYMLINK, entry.target]
    ref = entry.content
    kind = _KIND_OF_FILE[ref.executable, entry.copied]
    return [entry.path, kind, ref.size, ref.blake3.raw, ref.sha256]


def _parse_entry(value: Any) -> Entry:
    """Checks the shape and the types only; ``_check`` has the rules that decoding and encoding share."""
    if not isinstance(value, list) or len(value) < 2 or not isinstance(value[0], str):
        raise FormatError("a manifest entry without a path and a kind")
    path, kind, rest = value[0], value[1], value[2:]
    types = [type(item) for item in rest]
    if type(kind) is int:
        if kind == _DIRECTORY and not rest:
            return Directory(path)
        if kind == _SYMLINK and types == [str]:
            return Symlink(path, rest[0])
        if kind in _FILE_OF_KIND and types == [int, bytes, bytes]:
            if len(rest[2]) != 32:
                raise FormatError(f"{path!r} has a SHA-256 of {len(rest[2])} bytes")
            executable, copied = _FILE_OF_KIND[kind]
            return File(path, ObjectRef(Digest.from_bytes(rest[1]), rest[2], rest[0], executable), copied)
    raise FormatError(f"{path!r} is of a kind that a build cannot hold")


def contents(manifest: Manifest) -> list[ObjectRef]:
    """What an upload of the build sends: each distinct content once, in the order of first use."""
    unique: dict[Digest, ObjectRef] = {}
    for ref in manifest.objects():
        unique.setdefault(ref.blake3, ref)
    return list(unique.values())
