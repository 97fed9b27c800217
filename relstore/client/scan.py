"""Reading an artifact: a file or a directory becomes a manifest and the places of its contents.

One read gives both digests, on all cores. What a build cannot hold (devices, sockets, names that are
not UTF-8) is refused with its path. Not for sending anything (``upload``).
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3

from relstore.errors import ArtifactError, FormatError
from relstore.store.manifest import Directory, Entry, File, Manifest, ObjectRef, Symlink
from relstore.store.names import Digest

_CHUNK_BYTES = 1024 * 1024
_BATCH = 64
_EXECUTE = 0o100


@dataclass(frozen=True)
class Scan:
    """An artifact, read: its ``manifest`` and its encoding, the build's id, and where each content is."""

    manifest: Manifest
    raw: bytes
    build: Digest
    sources: dict[Digest, Path]


def scan(artifact: Path) -> Scan:
    """Read ``artifact`` (followed when it is a symlink itself). Raises ArtifactError."""
    try:
        mode = artifact.stat().st_mode
        if stat.S_ISDIR(mode):
            found = list(_walk(str(artifact), ""))
        elif stat.S_ISREG(mode):
            found = [_Found(str(artifact), artifact.name, "file")]
        else:
            raise ArtifactError(f"{artifact} is neither a file nor a directory")
        if not found:
            raise ArtifactError(
                f"{artifact} is empty", hint="Was it built? `build` in relstore.toml runs first."
            )
        entries, sources = _read_all(found)
        manifest = Manifest.from_entries(entries)
        raw = manifest.encode()
    except FileNotFoundError as error:
        raise ArtifactError(
            f"{error.filename} does not exist", hint="Name what to push: relstore push PATH"
        ) from None
    except OSError as error:
        raise ArtifactError(f"{error.filename}: {error.strerror}") from None
    except FormatError as error:
        raise ArtifactError(f"{artifact} cannot be pushed: {error.what}") from None
    return Scan(manifest, raw, Digest(blake3(raw).hexdigest()), sources)


@dataclass(frozen=True)
class _Found:
    place: str
    path: str
    kind: str


def _walk(directory: str, prefix: str) -> Iterator[_Found]:
    with os.scandir(directory) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            path = prefix + entry.name
            if entry.is_symlink():
                yield _Found(entry.path, path, "symlink")
            elif entry.is_dir(follow_symlinks=False):
                yield _Found(entry.path, path, "directory")
                yield from _walk(entry.path, path + "/")
            elif entry.is_file(follow_symlinks=False):
                yield _Found(entry.path, path, "file")
            else:
                raise ArtifactError(
                    f"{entry.path} is a device, a socket or a FIFO, which a build cannot hold",
                    hint="Leave it out of the artifact.",
                )


def _read_all(found: list[_Found]) -> tuple[list[Entry], dict[Digest, Path]]:
    entries: list[Entry] = []
    sources: dict[Digest, Path] = {}
    files: list[_Found] = []
    for one in found:
        if one.kind == "directory":
            entries.append(Directory(one.path))
        elif one.kind == "symlink":
            entries.append(Symlink(one.path, os.readlink(one.place)))
        else:
            files.append(one)
    batches = [files[start : start + _BATCH] for start in range(0, len(files), _BATCH)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done in pool.map(_read_batch, batches):
            for one, ref in done:
                entries.append(File(one.path, ref))
                sources.setdefault(ref.blake3, Path(one.place))
    return entries, sources


def _read_batch(batch: list[_Found]) -> list[tuple[_Found, ObjectRef]]:
    return [(one, read_file(one.place)) for one in batch]


def read_file(place: str) -> ObjectRef:
    """Both digests, the size and the executable bit of a file, from one read. Raises OSError."""
    name, check, size = blake3(), hashlib.sha256(), 0
    buffer = bytearray(_CHUNK_BYTES)
    view = memoryview(buffer)
    with open(place, "rb", buffering=0) as file:
        mode = os.fstat(file.fileno()).st_mode
        while count := file.readinto(buffer):
            name.update(view[:count])
            check.update(view[:count])
            size += count
    return ObjectRef(Digest(name.hexdigest()), check.digest(), size, bool(mode & _EXECUTE))
