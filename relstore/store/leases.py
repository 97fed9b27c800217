"""Leases: what a running upload relies on, kept from the collector while its process lives.

A lease is a file that its holder keeps flocked and that holds the manifest of what is uploaded. The
kernel drops the lock with the process, so a lease never outlives its upload; the collector takes
away the files that nobody holds. Not for roots that last (generations, pins).
"""

from __future__ import annotations

import contextlib
import os
import re

from relstore.errors import StoreError
from relstore.formats.manifest import MAX_BYTES
from relstore.formats.names import Digest, random_suffix
from relstore.store import locks
from relstore.store.directory import Dir
from relstore.store.durable import sync_directory, write_all

_NAME = re.compile(r"[0-9a-f]{64}(\.[0-9a-f]{8})?\Z")


class Lease:
    """A held lease. Its name is also that of its staging directory."""

    def __init__(self, leases: Dir, name: str, fd: int) -> None:
        self._leases = leases
        self.name = name
        self._fd = fd

    def release(self) -> None:
        """Let go: the file first, so that nobody finds it unheld. One that stays is left to the collector."""
        with contextlib.suppress(OSError):
            self._leases.unlink(self.name)
        os.close(self._fd)


def take(leases: Dir, build: Digest, manifest: bytes) -> Lease:
    """A durable lease on all that ``manifest`` names. The store's lock must be held, shared or not.

    The first uploader of a build gets the build's own name and so the staging that a broken upload
    of the same build left; another one at the same time gets a name of its own.
    """
    name: str = build
    fd = _try_name(leases, name)
    while fd is None:
        name = f"{build}.{random_suffix()}"
        fd = _try_name(leases, name)
    lease = Lease(leases, name, fd)
    try:
        os.ftruncate(fd, 0)
        write_all(fd, manifest)
        os.fsync(fd)
        sync_directory(leases)
    except OSError:
        lease.release()
        raise
    return lease


def _try_name(leases: Dir, name: str) -> int | None:
    """The descriptor of the lease file ``name``, locked; None when another upload holds it."""
    while True:
        fd = locks.open_lock(leases, name)
        if not locks.try_lock(fd, exclusive=True):
            os.close(fd)
            return None
        # Its holder may have removed the file after it was opened here and before it was locked.
        if locks.is_named(leases, name, fd):
            return fd
        os.close(fd)


def held(leases: Dir) -> dict[str, bytes]:
    """The leases that uploads hold, by name, with the manifests that they protect.

    The store's lock must be held alone, so that no lease is half made; one may end at any moment.
    """
    manifests = {}
    for name in leases.names():
        if is_held(leases, name):
            manifest = leases.read_or_none(name, MAX_BYTES)
            if manifest is not None:
                manifests[name] = manifest
    return manifests


def is_held(leases: Dir, name: str) -> bool:
    """Whether a running upload holds the lease ``name``."""
    if not _NAME.match(name):
        return False
    try:
        fd = leases.open_file(name)
    except (FileNotFoundError, PermissionError, StoreError):
        return False  # its upload has just ended, or it is nothing that an upload made
    try:
        return not locks.try_lock(fd, exclusive=False)
    finally:
        os.close(fd)
