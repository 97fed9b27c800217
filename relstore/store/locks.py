"""flock(2): locks that the kernel drops with the process that held them, so none is ever stale.

Shared and exclusive, on a file of the store. A holder may write who it is beside the lock, for the
message to whoever finds it held. Not for the long-lived, deliberate ``hold`` of an app.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from relstore.store.directory import Dir

_POLL_S = 0.02


def open_lock(directory: Dir, name: str) -> int:
    """A descriptor on the lock file ``name``, made where it is missing."""
    return directory.open_to_write(name, os.O_CREAT)


def try_lock(fd: int, *, exclusive: bool) -> bool:
    """Take the lock if that is possible at once."""
    try:
        fcntl.flock(fd, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def lock_within(fd: int, *, exclusive: bool, seconds: float) -> bool:
    """Take the lock, waiting ``seconds`` at most. Whether it was taken."""
    deadline = time.monotonic() + seconds
    while not try_lock(fd, exclusive=exclusive):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_S)
    return True


@contextmanager
def held(directory: Dir, name: str, *, exclusive: bool) -> Iterator[None]:
    """Hold the lock ``name`` for a block, waiting for it as long as that takes."""
    fd = open_lock(directory, name)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        yield
    finally:
        os.close(fd)
