"""Clones: copies that share their blocks with the original, where the file system can make them.

btrfs, XFS, bcachefs and OCFS2 can (ioctl_ficlone(2)). Not for copying bytes on the others (``objects``).
"""

from __future__ import annotations

import fcntl
import os

from relstore.formats.names import random_suffix
from relstore.store.directory import TEMPORARY, Dir

_FICLONE = 0x40049409
"""Where the number is another one (MIPS, PowerPC, SPARC), the call fails, and bytes are copied."""


def clone(source: int, target: int) -> bool:
    """Make the file ``target`` a clone of ``source``; whether that could be done. Else it is as it was."""
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        return False
    return True


def can_clone(directory: Dir) -> bool:
    """Whether copies made in ``directory`` take no room. Raises OSError."""
    names = [TEMPORARY + random_suffix() for _ in range(2)]
    fds = []
    try:
        for name in names:
            fds.append(directory.create_file(name))
            directory.unlink(name)
        os.write(fds[0], b"x")
        return clone(*fds)
    finally:
        for fd in fds:
            os.close(fd)
