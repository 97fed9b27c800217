"""What arrives: the contents of one build, staged and verified as they come, resumable.

Nothing here is under a name that anybody trusts; ``publish`` gives the names. Each content is one
file in ``staging/<lease>/``, and a broken upload leaves it there for the next one of the same build
to go on with, after which it is verified from its first byte.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from relstore.errors import DamagedError, ProtocolError
from relstore.formats.manifest import Manifest, ObjectRef, contents
from relstore.formats.names import Digest
from relstore.store import leases, room
from relstore.store.directory import Dir
from relstore.store.durable import write_all
from relstore.store.objects import mode_of
from relstore.store.reflink import can_clone
from relstore.store.store import Store
from relstore.store.tree import Proved


class Missing(NamedTuple):
    """A content that the host lacks: its place among ``contents`` and how much is staged already."""

    content: int
    offset: int


def lacking(
    there: Callable[[ObjectRef], bool], wanted: Sequence[ObjectRef], staged: Dir | None
) -> list[Missing]:
    """What is not ``there`` of ``wanted``, with how much of each is in ``staged``. Changes nothing."""
    return [
        Missing(index, _staged_bytes(staged, ref) if staged is not None else 0)
        for index, ref in enumerate(wanted)
        if not there(ref)
    ]


def _staged_bytes(staged: Dir, ref: ObjectRef) -> int:
    status = staged.lstat(ref.blake3)
    # A whole part was not verified by this upload; its last byte is asked for again, so that it is.
    if status is not None and stat.S_ISREG(status.st_mode) and status.st_size <= ref.size:
        return min(status.st_size, ref.size - 1)
    return 0


class _Part(NamedTuple):
    content: int
    fd: int
    digest: hashlib._Hash


class Upload:
    """One upload under way. ``begin`` it, ``put`` bytes, then ``publish`` and ``close`` it."""

    def __init__(
        self, store: Store, build: Digest, raw: bytes, manifest: Manifest, lease: leases.Lease
    ) -> None:
        self.store = store
        self.build = build
        self.raw_manifest = raw
        self.manifest = manifest
        self.contents = contents(manifest)
        self._lease = lease
        self.directory = store.staging.make_or_open(lease.name)
        self._part: _Part | None = None
        self._position = 0
        self.received: set[int] = set()
        """The indexes of the contents that are staged whole and verified."""
        self.proved = Proved()
        """The files whose bytes were right: as they arrived, or when they were read to be used again."""

    @classmethod
    def begin(cls, store: Store, build: Digest, raw: bytes, manifest: Manifest) -> Upload:
        """Take the lease; from here on the collector leaves alone what the build uses."""
        with store.shared():
            lease = leases.take(store.leases, build, raw)
            try:
                return cls(store, build, raw, manifest, lease)
            except BaseException:
                lease.release()
                raise

    def missing(self) -> list[Missing]:
        """What must be put, after the disk was found to have room for it. Raises NoSpaceError."""
        missing = lacking(self.store.objects.has_any, self.contents, self.directory)
        self.require_room(missing)
        return missing

    def require_room(self, missing: Sequence[Missing]) -> None:
        """Raises NoSpaceError unless the disk has room for what is missing, and for the tree."""
        files = sum(1 for _ in self.manifest.entries) + len(missing)
        needed = sum(self.contents[item.content].size - item.offset for item in missing)
        copies = self.manifest.copied_size
        if copies and not can_clone(self.directory):
            needed += copies
        room.require(self.store.root, needed, files)

    def offset(self, index: int) -> int:
        """How much of a content is staged: where it goes on."""
        return _staged_bytes(self.directory, self.contents[index])

    def put(self, index: int, offset: int, data: bytes | memoryview) -> None:
        """Append ``data`` to a content; its last byte has it verified. Raises ProtocolError, DamagedError.

        Contents come one after the other, each from the ``offset`` that ``missing`` gave.
        """
        if not 0 <= index < len(self.contents) or index in self.received:
            raise ProtocolError(f"content {index} is not wanted")
        ref = self.contents[index]
        part = self._part
        if part is None or part.content != index:
            part = self._open_part(index, offset)
        if offset != self._position or offset + len(data) > ref.size:
            raise ProtocolError(f"content {index} was sent at byte {offset}, not at {self._position}")
        write_all(part.fd, data)
        part.digest.update(data)
        self._position += len(data)
        if self._position == ref.size:
            self._finish_part(part, ref)

    def discard(self, index: int) -> None:
        """Forget a content, so that it is sent anew."""
        if self._part is not None and self._part.content == index:
            os.close(self._part.fd)
            self._part = None
        self.received.discard(index)
        self.directory.remove_tree(self.contents[index].blake3)

    def close(self, *, done: bool) -> None:
        """Let go of the lease. ``done`` also removes what is staged, which is otherwise kept to resume.

        Nothing of it can fail: what cannot be removed is left to the collector.
        """
        if self._part is not None:
            os.close(self._part.fd)
            self._part = None
        with suppress(OSError):
            if done or not self.directory.all_names():
                self.store.staging.remove_tree(self._lease.name)
        self.directory.close()
        self._lease.release()

    def _open_part(self, index: int, offset: int) -> _Part:
        if self._part is not None:
            raise ProtocolError(f"content {index} began before content {self._part.content} was whole")
        ref = self.contents[index]
        fd = self._staged(ref)
        if fd is not None:
            self._part = self._go_on(index, offset, fd)
        elif offset:
            raise ProtocolError(f"content {index} was sent at byte {offset}, not at 0")
        else:
            self._part = _Part(index, self.directory.create_file(ref.blake3), hashlib.sha256())
        self._position = offset
        return self._part

    def _staged(self, ref: ObjectRef) -> int | None:
        """What is staged of a content, to read and write. What cannot be of ours is removed."""
        status = self.directory.lstat(ref.blake3)
        if status is None:
            return None
        fd = self._open_ours(ref) if stat.S_ISREG(status.st_mode) else None
        if fd is None:
            self.directory.remove_tree(ref.blake3)
        return fd

    def _open_ours(self, ref: ObjectRef) -> int | None:
        # By descriptor: whatever is under the name a moment later, only what was checked is changed.
        reading = self.directory.open_file(ref.blake3)
        try:
            status = os.fstat(reading)
            if status.st_uid != os.geteuid() or status.st_nlink != 1 or status.st_size > ref.size:
                return None
            os.fchmod(reading, 0o600)  # a part that was whole is read-only already
            writing = self.directory.open_to_write(ref.blake3)
            if os.path.sameopenfile(reading, writing):
                return writing
            os.close(writing)
            return None
        finally:
            os.close(reading)

    def _go_on(self, index: int, offset: int, fd: int) -> _Part:
        """A part that is there already, cut off at ``offset`` and read again up to it."""
        staged = os.fstat(fd).st_size
        if not 0 <= offset <= staged:
            os.close(fd)
            raise ProtocolError(f"content {index} was sent at byte {offset}, not at {staged}")
        os.ftruncate(fd, offset)
        digest = hashlib.sha256()
        while True:
            chunk = os.read(fd, 1 << 20)
            if not chunk:
                return _Part(index, fd, digest)
            digest.update(chunk)

    def _finish_part(self, part: _Part, ref: ObjectRef) -> None:
        if part.digest.digest() != ref.sha256:
            self.discard(part.content)
            raise DamagedError(
                f"the content {ref.blake3.short} did not arrive as it was named",
            )
        os.fchmod(part.fd, mode_of(ref.executable))
        self.proved.add(os.fstat(part.fd), ref.sha256)
        self.store.durability.file_written(part.fd)
        os.close(part.fd)
        self._part = None
        self.received.add(part.content)
