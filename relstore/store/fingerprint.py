"""What stat(2) tells of every entry of a build, in one digest: whether it is as it was, without reading it.

Two fingerprints are equal only if every directory has the same names, and every name the same kind and mode,
device, inode, size and both times. No program can set the time of a change (ctime), so a file that was
written to, replaced or given other rights since has another fingerprint, unless that happened within one tick
of the file system's clock: whoever takes the first one waits for the next tick (``next_tick``). Not for
whether the bytes were right when it was taken (``publish``).
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Sequence
from struct import Struct

from relstore.errors import StoreError
from relstore.formats.names import random_suffix
from relstore.formats.paths import MAX_DEPTH
from relstore.store.directory import TEMPORARY, Dir

DIGEST_BYTES = 32
_STATUS = Struct("<QQQQqq")
_PARTS = ("manifest", "tree")
"""What is compared in the directory of the build itself. A rename of that directory changes neither."""
_TICK_S = 0.05
"""How long a clock may take to move on. That of Linux takes 1 to 10 ms; a coarser one is not waited for."""


class Fingerprint:
    """One that is being taken: directory by directory, each before those in it, in the order of names."""

    def __init__(self, tick: int | None = None) -> None:
        """``tick``: what ``next_tick`` gave, before which all that is seen must have been made."""
        self._digest = hashlib.sha256()
        self._tick = tick
        self.is_racy = False
        """Whether something was changed since that tick, and could change again and look the same."""

    def add(self, names: Sequence[str], statuses: Sequence[os.stat_result]) -> None:
        """All names of the next directory, sorted by their bytes, and what each is."""
        pack = _STATUS.pack
        if self._tick is not None and any(one.st_ctime_ns >= self._tick for one in statuses):
            self.is_racy = True
        self._digest.update(
            b"".join(
                [
                    pack(one.st_mode, one.st_dev, one.st_ino, one.st_size, one.st_mtime_ns, one.st_ctime_ns)
                    for one in statuses
                ]
            )
        )
        self._digest.update(b"%d\0%s\0" % (len(names), os.fsencode("\0".join(names))))

    def digest(self) -> bytes:
        """Of DIGEST_BYTES."""
        return self._digest.digest()


def take(build: Dir) -> bytes:
    """The fingerprint of a build whose open directory is ``build``. Raises OSError, StoreError."""
    taken = Fingerprint()
    add_parts(taken, build)
    with build.sub("tree") as tree:
        _add_tree(taken, tree, 0)
    return taken.digest()


def _add_tree(taken: Fingerprint, directory: Dir, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise StoreError(f"{directory.path} is deeper than a build can be")
    names = sorted(directory.all_names())
    here = directory.fd
    statuses = [os.stat(name, dir_fd=here, follow_symlinks=False) for name in names]
    taken.add(names, statuses)
    for name, status in zip(names, statuses):
        if stat.S_ISDIR(status.st_mode):
            with directory.sub(name) as inner:
                _add_tree(taken, inner, depth + 1)


def add_parts(taken: Fingerprint, build: Dir) -> None:
    """Begin with what is in the directory of the build itself. Raises OSError."""
    taken.add(_PARTS, [os.stat(name, dir_fd=build.fd, follow_symlinks=False) for name in _PARTS])


def next_tick(directory: Dir) -> int | None:
    """Wait until a change in the file system of ``directory`` gets a later time than all before this call.

    That time, as a ctime in nanoseconds; None where it takes too long, or the clock goes back. Raises
    OSError.
    """
    name = TEMPORARY + random_suffix()
    fd = directory.create_file(name)
    try:
        first = os.fstat(fd).st_ctime_ns
        deadline = time.monotonic() + _TICK_S
        while True:
            os.fchmod(fd, 0o600)  # a change, which says what time it is there
            now = os.fstat(fd).st_ctime_ns
            if now > first:
                return now
            if now < first or time.monotonic() > deadline:
                return None
            time.sleep(0.001)
    finally:
        os.close(fd)
        directory.unlink(name)
