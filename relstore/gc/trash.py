"""The trash: where what is to go waits, so that taking it from the store is one rename, however large it is.

Not for deciding what goes (``plan``, ``leftovers``).
"""

from __future__ import annotations

import errno
import fcntl
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from relstore.formats.names import random_suffix
from relstore.gc.left import Left
from relstore.store import locks
from relstore.store.directory import Dir
from relstore.store.store import Store

_MAX_NAME = 200


@contextmanager
def alone(store: Store) -> Iterator[None]:
    """One collection at a time. The lock is on the directory: a full disk could not hold a file for it."""
    locks.wait_for(store.trash.fd, store.trash.path, exclusive=True)
    try:
        yield
    finally:
        fcntl.flock(store.trash.fd, fcntl.LOCK_UN)


def put(store: Store, directory: Dir, name: str) -> list[Left]:
    """Move ``name`` there; nothing when it is gone. The store's lock must be held alone.

    What had to be left.
    """
    new = f"{name[:_MAX_NAME]}.{random_suffix()}"
    status = directory.lstat(name)
    if status is None:
        return []
    try:
        if stat.S_ISDIR(status.st_mode):
            directory.make_accessible(name, status)  # else it could not be moved
        try:
            directory.rename(name, store.trash, new)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            # Not even the trash can grow. What it holds makes room in it, and on the disk.
            empty(store)
            directory.rename(name, store.trash, new)
    except FileNotFoundError:
        return []
    except OSError as error:
        return [Left.of(f"{directory.path}/{name}", error)]
    return []


def empty(store: Store) -> list[Left]:
    """Remove all that is there, also what an interrupted sweep left. What had to be left."""
    left = []
    for name in store.trash.all_names():
        try:
            store.trash.remove_tree(name)
        except OSError as error:
            left.append(Left.of(f"{store.trash.path}/{name}", error))
    return left
