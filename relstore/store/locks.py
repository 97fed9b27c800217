"""flock(2): locks that the kernel drops with the process that held them, so none is ever stale.

Shared and exclusive, on a file of the store that only its account may open, so that nobody else can hold one
for ever. Every wait has an end, and then says who was waited for. Not for the long-lived, deliberate ``hold``
of an app.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from relstore.errors import BusyError
from relstore.formats.names import as_text
from relstore.store.directory import Dir

MODE = 0o600
"""Of a file that is locked: whoever may open it can lock it."""

WAIT_S = 600.0
"""How long one is waited for at most. The longest work under one is to publish a very large tree."""

_POLL_S = 0.02


def open_lock(directory: Dir, name: str) -> int:
    """A descriptor on the lock file ``name``, made where it is missing."""
    return directory.open_to_write(name, os.O_CREAT, MODE)


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


def wait_for(fd: int, path: str, *, exclusive: bool) -> None:
    """Take the lock, waiting at most ``WAIT_S``. ``path``: what it is called in the BusyError."""
    if not lock_within(fd, exclusive=exclusive, seconds=WAIT_S):
        raise BusyError(
            f"{path} has been locked for {WAIT_S:.0f} s by {holder(fd)}",
            state="Nothing was changed.",
            hint=f"Look at what it does, and try again when it has ended: fuser -v {path}",
        )


def open_locked(directory: Dir, name: str, *, exclusive: bool) -> int:
    """A descriptor on ``name`` with its lock held, while ``name`` still names that file.

    Whoever holds it may remove or replace the file before letting go. Raises BusyError.
    """
    while True:
        fd = open_lock(directory, name)
        try:
            wait_for(fd, f"{directory.path}/{name}", exclusive=exclusive)
            if is_named(directory, name, fd):
                return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def is_named(directory: Dir, name: str, fd: int) -> bool:
    """Whether ``name`` is the name of the open file ``fd``."""
    named = directory.lstat(name)
    return named is not None and os.path.samestat(named, os.fstat(fd))


def holder(fd: int, table: str = "/proc/locks") -> str:
    """Which process holds the flock on the file ``fd``, for people, as far as the kernel tells."""
    file = os.fstat(fd)
    inode = f"{os.major(file.st_dev):02x}:{os.minor(file.st_dev):02x}:{file.st_ino}"
    try:
        with open(table, encoding="ascii", errors="replace") as lines:
            for line in lines:
                words = line.split()
                # A line of one who waits has an arrow.
                if len(words) > 5 and words[1] == "FLOCK" and words[5] == inode and int(words[4]) > 0:
                    return _process(int(words[4]))
    except (OSError, ValueError):
        pass
    return "another process"


def _process(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="surrogateescape") as file:
            return f"process {pid} ({as_text(file.read().strip())})"
    except OSError:
        return f"process {pid}"


@contextmanager
def held(directory: Dir, name: str, *, exclusive: bool) -> Iterator[None]:
    """Hold the lock ``name`` for a block. Raises BusyError when it was not to be had in time."""
    fd = open_locked(directory, name, exclusive=exclusive)
    try:
        yield
    finally:
        os.close(fd)
