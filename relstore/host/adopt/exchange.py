"""renameat2(2) with RENAME_EXCHANGE: two names of a directory change places at once.

Python does not offer it. It needs ctypes, which python3-minimal does not have, and a file system that can do
it (ext4, XFS, btrfs, tmpfs; not NFS).
"""

from __future__ import annotations

import errno
import os

from relstore.errors import RefusedError

_RENAME_EXCHANGE = 2
_CANNOT = (errno.EINVAL, errno.ENOSYS)


def exchange(directory: int, first: str, second: str) -> None:
    """Exchange two names in the open ``directory``. Raises OSError, RefusedError where it cannot be done."""
    try:
        import ctypes

        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (ImportError, OSError, AttributeError):
        raise _impossible("this host's Python cannot call renameat2 (it has no ctypes)") from None
    if renameat2(directory, os.fsencode(first), directory, os.fsencode(second), _RENAME_EXCHANGE) != 0:
        code = ctypes.get_errno()
        if code in _CANNOT:
            raise _impossible("this file system cannot exchange two names at once")
        raise OSError(code, os.strerror(code), second)


def _impossible(why: str) -> RefusedError:
    return RefusedError(
        f"the directory cannot be replaced without a moment in which it is missing: {why}",
        state="What is live was not touched. What was imported stays in the store.",
    )
