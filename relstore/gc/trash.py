"""The trash: where what is to go waits, so that taking it from the store is one rename, however large it is.

Not for deciding what goes (``plan``, ``leftovers``).
"""

from __future__ import annotations

import errno
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from relstore.formats.names import random_suffix
from relstore.store.directory import Dir
from relstore.store.store import Store

_MAX_NAME = 200


@contextmanager
def alone(store: Store) -> Iterator[None]:
    """One collection at a time. The lock is on the directory: a full disk could not hold a file for it."""
    fcntl.flock(store.trash.fd, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(store.trash.fd, fcntl.LOCK_UN)


def put(store: Store, directory: Dir, name: str) -> None:
    """Move ``name`` there; nothing when it is gone. The store's lock must be held alone."""
    new = f"{name[:_MAX_NAME]}.{random_suffix()}"
    with suppress(FileNotFoundError):
        try:
            directory.rename(name, store.trash, new)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            # Not even the trash can grow. What it holds makes room in it, and on the disk.
            empty(store)
            directory.rename(name, store.trash, new)


def empty(store: Store) -> None:
    """Remove all that is there, also what an interrupted sweep left."""
    for name in store.trash.all_names():
        store.trash.remove_tree(name)
