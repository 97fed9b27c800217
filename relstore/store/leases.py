"""Leases: what a running upload relies on, kept from the collector while its process lives.

A lease is a file that its holder keeps flocked and that holds the manifest of what is uploaded. The
kernel drops the lock with the process, so a lease never outlives its upload; the collector takes
away the files that nobody holds. Not for roots that last (generations, pins).
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from relstore.formats.manifest import MAX_BYTES
from relstore.formats.names import Digest, random_suffix
from relstore.store import locks
from relstore.store.directory import Dir
from relstore.store.durable import sync_directory, write_all


class Lease:
    """A held lease. Its name is also that of its staging directory."""

    def __init__(self, leases: Dir, name: str, fd: int) -> None:
        self._leases = leases
        self.name = name
        self._fd = fd

    def release(self) -> None:
        """Let go: the file first, so that nobody finds it unheld."""
        self._leases.unlink(self.name)
        os.close(self._fd)


def take(leases: Dir, build: Digest, manifest: bytes) -> Lease:
    """A durable lease on all that ``manifest`` names. The store's lock must be held, shared or not.

    The first uploader of a build gets the build's own name and so the staging that a broken upload
    of the same build left; another one at the same time gets a name of its own.
    """
    name: str = build
    fd = locks.open_lock(leases, name)
    if not locks.try_lock(fd, exclusive=True):
        os.close(fd)
        name = f"{build}.{random_suffix()}"
        fd = locks.open_lock(leases, name)
        locks.try_lock(fd, exclusive=True)
    os.ftruncate(fd, 0)
    write_all(fd, manifest)
    os.fsync(fd)
    sync_directory(leases)
    return Lease(leases, name, fd)


def sort_out(leases: Dir) -> Iterator[tuple[str, bytes | None]]:
    """Each lease file with the manifest that it protects, or None where nobody holds it.

    The store's lock must be held alone, so that no lease is half made.
    """
    for name in leases.names():
        fd = locks.open_lock(leases, name)
        try:
            held = not locks.try_lock(fd, exclusive=True)
        finally:
            os.close(fd)
        yield name, leases.read(name, MAX_BYTES) if held else None
