"""The shelf of objects: file contents by name, read-only, in two variants (plain and executable).

An object is on the shelf only under the name of its content; ``publish`` puts it there after its
bytes are verified and on disk. Not for what arrives (``upload``) nor for trees (``builds``).
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterator

from relstore.errors import NotFoundError, StoreError
from relstore.formats.manifest import ObjectRef
from relstore.formats.names import Digest, random_suffix
from relstore.store.directory import TEMPORARY, Dir
from relstore.store.durable import Durability, write_all
from relstore.store.reflink import clone

CHUNK_BYTES = 1024 * 1024
_SHARD = re.compile(r"[0-9a-f]{2}\Z")
PLAIN_MODE = 0o444
EXECUTABLE_MODE = 0o555
_OPEN_OBJECT = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_NOT_ITS_NAME = "the object's bytes are not what its name says"


def object_name(blake3: Digest, executable: bool) -> str:
    """The name inside the shard ``blake3[:2]``."""
    return blake3 + (".x" if executable else "")


def mode_of(executable: bool) -> int:
    return EXECUTABLE_MODE if executable else PLAIN_MODE


def _variants(ref: ObjectRef) -> tuple[ObjectRef, ObjectRef]:
    return ref, _other(ref)


def _other(ref: ObjectRef) -> ObjectRef:
    return ref._replace(executable=not ref.executable)


def _is_whole(status: os.stat_result, ref: ObjectRef) -> bool:
    """Whether a file has the kind, the size and the mode of an object."""
    return status.st_mode == stat.S_IFREG | mode_of(ref.executable) and status.st_size == ref.size


def sha256_of(fd: int) -> bytes:
    """The SHA-256 of a file from its beginning, in constant memory."""
    digest = hashlib.sha256()
    size = os.fstat(fd).st_size
    if size < CHUNK_BYTES:
        data = os.pread(fd, size + 1, 0)
        if len(data) == size:  # and no byte more
            return hashlib.sha256(data).digest()
    buffer = bytearray(CHUNK_BYTES)
    view = memoryview(buffer)
    os.lseek(fd, 0, os.SEEK_SET)
    with open(fd, "rb", buffering=0, closefd=False) as file:
        while True:
            count = file.readinto(buffer)
            if not count:
                return digest.digest()
            digest.update(view[:count])


class Objects:
    """``objects/`` of a store. Keeps each shard that it touched open until ``close``."""

    def __init__(self, directory: Dir, durability: Durability) -> None:
        self._directory = directory
        self._durability = durability
        self._shards: dict[str, Dir] = {}
        self._changed: set[str] = set()

    def close(self) -> None:
        for shard in self._shards.values():
            shard.close()
        self._shards.clear()
        self._directory.close()

    def has(self, ref: ObjectRef) -> bool:
        """Whether it is on the shelf with the right kind, size and mode; its bytes are not read."""
        name = object_name(ref.blake3, ref.executable)
        try:
            status = os.stat(name, dir_fd=self._shard(ref.blake3).fd, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return _is_whole(status, ref)

    def has_any(self, ref: ObjectRef) -> bool:
        """Whether either variant is on the shelf, as ``has`` tells."""
        return self.has(ref) or self.has(_other(ref))

    def open(self, ref: ObjectRef) -> int:
        """A descriptor of its file, whichever variant is there, unproved. Raises NotFoundError."""
        for variant in _variants(ref):
            if self.has(variant):
                return self._shard(ref.blake3).open_file(object_name(ref.blake3, variant.executable))
        raise NotFoundError(f"the object {ref.blake3.short} is not in the store")

    def open_each(self, ref: ObjectRef) -> Iterator[int]:
        """A descriptor of each of its files, whatever their modes, unproved. The caller closes them."""
        for variant in _variants(ref):
            with contextlib.suppress(OSError, StoreError):
                yield self._shard(ref.blake3).open_file(object_name(ref.blake3, variant.executable))

    def is_sound(self, ref: ObjectRef) -> bool:
        """Whether it is on the shelf and its bytes have the SHA-256 that the manifest gives."""
        return self.prove(ref) is not None

    def prove(self, ref: ObjectRef) -> os.stat_result | None:
        """Read it, as ``is_sound``; what it is, from before the first byte was read, or None."""
        name = object_name(ref.blake3, ref.executable)
        try:
            fd = os.open(name, _OPEN_OBJECT, dir_fd=self._shard(ref.blake3).fd)
        except OSError:
            if self.has(ref):
                raise
            return None
        try:
            status = os.fstat(fd)
            return status if _is_whole(status, ref) and sha256_of(fd) == ref.sha256 else None
        finally:
            os.close(fd)

    def is_any_sound(self, ref: ObjectRef) -> bool:
        """Whether either variant is, as ``is_sound`` tells."""
        return any(map(self.is_sound, _variants(ref)))

    def shelve(self, source: Dir, name: str, ref: ObjectRef) -> None:
        """Rename a verified, durable file of the right mode onto the shelf, over what is there."""
        source.rename(name, self._shard(ref.blake3), object_name(ref.blake3, ref.executable))
        self._changed.add(ref.blake3[:2])

    def copy_variant(self, ref: ObjectRef, scratch: Dir) -> str | None:
        """Write the other variant's bytes into ``scratch`` as ``ref``'s own file; its name there.

        None when there is no other variant, or its bytes are not what they should be. The file is
        durable at the next barrier.
        """
        other = ref._replace(executable=not ref.executable)
        if not self.has(other):
            return None
        fd = self._shard(other.blake3).open_file(object_name(other.blake3, other.executable))
        try:
            return copy_file(fd, scratch, ref, self._durability)
        finally:
            os.close(fd)

    def link_into(self, ref: ObjectRef, directory: Dir, name: str) -> None:
        """Make ``name`` in ``directory`` a hard link to the object."""
        shard = self._shard(ref.blake3)
        own = object_name(ref.blake3, ref.executable)
        try:
            shard.link(own, directory, name)
        except OSError as error:
            if error.errno != errno.EMLINK:
                raise
            # The file system's limit of links (65,000 on ext4): a second copy takes over the name.
            self._renew(ref, shard, own)
            shard.link(own, directory, name)

    def copy_into(self, ref: ObjectRef, directory: Dir, name: str) -> None:
        """Make ``name`` in ``directory`` a copy of the object with the same time, whole or not at all.

        It is verified, and durable at the next barrier.
        """
        own = object_name(ref.blake3, ref.executable)
        fd = self._shard(ref.blake3).open_file(own)
        try:
            status = os.fstat(fd)
            copied = copy_file(fd, directory, ref, self._durability)
        finally:
            os.close(fd)
        if copied is None:
            raise OSError(errno.EIO, _NOT_ITS_NAME, own)
        times = (status.st_atime_ns, status.st_mtime_ns)
        os.utime(copied, ns=times, dir_fd=directory.fd, follow_symlinks=False)
        directory.rename(copied, directory, name)

    def sync(self) -> None:
        """The names made since the last call are durable at the next barrier."""
        for name in self._changed:
            self._durability.directory_filled(self._shards[name])
        self._changed.clear()

    def refs(self) -> Iterator[tuple[str, str]]:
        """The (shard, name) of everything on the shelf, temporary names too."""
        for shard in self.shards():
            with self._directory.sub(shard) as directory:
                for name in directory.all_names():
                    yield shard, name

    def shards(self) -> list[str]:
        """The names of the directories that objects are in, sorted."""
        return [
            name
            for name in self._directory.names()
            if _SHARD.match(name) and self._directory.is_directory(name)
        ]

    def shard(self, name: str) -> Dir:
        """The open directory of a shard by its two digits."""
        if name not in self._shards:
            self._shards[name] = self._directory.make_or_open(name)
        return self._shards[name]

    def _shard(self, blake3: Digest) -> Dir:
        return self.shard(blake3[:2])

    def _renew(self, ref: ObjectRef, shard: Dir, own: str) -> None:
        fd = shard.open_file(own)
        try:
            copied = copy_file(fd, shard, ref, self._durability)
        finally:
            os.close(fd)
        if copied is None:
            raise OSError(errno.EIO, _NOT_ITS_NAME, own)
        self._durability.barrier(shard)
        shard.rename(copied, shard, own)
        self._changed.add(ref.blake3[:2])


def _copy_bytes(fd: int, target: int) -> bytes:
    """The SHA-256 of what was copied."""
    digest = hashlib.sha256()
    os.lseek(fd, 0, os.SEEK_SET)
    while True:
        chunk = os.read(fd, CHUNK_BYTES)
        if not chunk:
            return digest.digest()
        digest.update(chunk)
        write_all(target, chunk)


def copy_file(fd: int, scratch: Dir, ref: ObjectRef, durability: Durability) -> str | None:
    """Copy an open file into ``scratch`` with ``ref``'s mode, verifying it. A clone, where that is possible.

    Its temporary name there, or None (and nothing left) when its bytes are not ``ref``'s.
    """
    name = TEMPORARY + random_suffix()
    target = scratch.create_file(name)
    good = False
    try:
        sha256 = sha256_of(target) if clone(fd, target) else _copy_bytes(fd, target)
        os.fchmod(target, mode_of(ref.executable))
        durability.file_written(target)
        good = sha256 == ref.sha256
    finally:
        os.close(target)
        if not good:
            with contextlib.suppress(OSError):
                scratch.unlink(name)
    return name if good else None
