"""A little room set aside in the store, let go when the disk is full and something must be written still.

A switch back, a recovery and a collection need a few blocks and inodes before they free any; what they write
is small, and so is the reserve. It is best effort throughout: a store without one works as well, until the
disk is full. Not for refusing what is too large (``room``).
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import Callable, TypeVar

from relstore.formats.names import random_suffix
from relstore.store import durable, room
from relstore.store.directory import TEMPORARY, Dir

NAME = "reserve"
FILES = 32
"""Each one is an inode too."""
FILE_BYTES = 64 * 1024
_LITTLE = 512 * 1024
"""Where so much cannot be had, the disk is full."""
_FULL = (errno.ENOSPC, errno.EDQUOT)

T = TypeVar("T")


def fill(root: Dir) -> None:
    """Set the reserve aside, or what is missing of it, where there is room enough beside it."""
    with contextlib.suppress(OSError):
        have_bytes, have_inodes = room.free(root)
        if have_bytes < FILES * FILE_BYTES + room.RESERVE_BYTES:
            return
        if have_inodes is not None and have_inodes < FILES + room.RESERVE_INODES:
            return
        with contextlib.suppress(FileExistsError):
            root.make(NAME).close()
        with root.sub(NAME) as reserve:
            present = set(reserve.names())
            for number in range(FILES):
                if str(number) not in present:
                    _allocate(reserve, str(number), FILE_BYTES)


def release(root: Dir) -> bool:
    """Let go of the reserve; whether there was anything of it."""
    released = False
    with contextlib.suppress(OSError), root.sub(NAME) as reserve:
        for name in reserve.all_names():
            reserve.unlink(name)
            released = True
        # ext4 gives blocks to others only once their release is on disk.
        os.fsync(reserve.fd)
    return released


def release_if_full(root: Dir) -> bool:
    """Let go of the reserve where the disk, or the quota, has next to nothing left; whether that is so."""
    full = _is_full(root)
    if full:
        release(root)
    return full


def with_reserve(root: Dir, action: Callable[[], T]) -> T:
    """``action``, once more without the reserve where the disk was full. Raises what it raises."""
    try:
        return action()
    except OSError as error:
        if error.errno not in _FULL or not release(root):
            raise
    return action()


def _is_full(root: Dir) -> bool:
    try:
        _, have_inodes = room.free(root)
        if have_inodes is not None and have_inodes < FILES:
            return True
        # A quota shows only when something is written.
        probe = TEMPORARY + random_suffix()
        _allocate(root, probe, _LITTLE)
        root.unlink(probe)
    except OSError as error:
        return error.errno in _FULL
    return False


def _allocate(directory: Dir, name: str, size: int) -> None:
    """A file that has its blocks already. Raises OSError, and leaves nothing then."""
    fd = directory.create_file(name)
    try:
        durable.allocate(fd, size)
    except OSError:
        directory.unlink(name)
        raise
    finally:
        os.close(fd)
