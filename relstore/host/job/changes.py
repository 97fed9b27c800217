"""Waiting until something in a job's directory changes, whichever process changes it.

The kernel tells of it at once by a signal (F_NOTIFY of fcntl(2)), which works without threads and without a
process to wait for. It is blocked and waited for, so that no handler runs. Where the kernel or this Python
does not know that, a short sleep takes its place. Not for what changed (``watch``, ``start``).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import struct
import time
from types import TracebackType
from typing import Optional

from relstore.store.directory import Dir

_SIGNAL = signal.SIGURG
"""One that does nothing where nobody waits for it."""
_F_SETOWN_EX, _F_OWNER_TID = 15, 0
"""Of fcntl(2), which Python does not name."""
_FIRST_S = 0.005
_LAST_S = 0.1
"""Also how soon a process is found dead, of which no file tells."""


class Changes:
    """Of one directory, for a block. ``expect``, look, ``wait``: what changes in between is not missed."""

    def __init__(self, directory: Dir) -> None:
        self._directory = directory
        self._fd: Optional[int] = None
        self._sleep = _FIRST_S

    def __enter__(self) -> Changes:
        self._before = signal.pthread_sigmask(signal.SIG_BLOCK, (_SIGNAL,))
        with contextlib.suppress(OSError, AttributeError):
            signal.sigtimedwait((_SIGNAL,), 0)  # PyPy does not know it
            self._fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=self._directory.fd)
            fcntl.fcntl(self._fd, fcntl.F_SETSIG, _SIGNAL)
            # To the main thread, which waits and has the process's id: another would take it, and drop it.
            fcntl.fcntl(self._fd, _F_SETOWN_EX, struct.pack("ii", _F_OWNER_TID, os.getpid()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._fd is not None:
            os.close(self._fd)
            signal.sigtimedwait((_SIGNAL,), 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, self._before)

    def expect(self) -> None:
        """From here on a change ends the next ``wait``."""
        if self._fd is not None:
            try:
                fcntl.fcntl(self._fd, fcntl.F_NOTIFY, fcntl.DN_MODIFY | fcntl.DN_RENAME)
            except (OSError, AttributeError):
                os.close(self._fd)
                self._fd = None

    def wait(self) -> None:
        """Return when something changed, or after a moment."""
        if self._fd is not None:
            signal.sigtimedwait((_SIGNAL,), _LAST_S)
            return
        time.sleep(self._sleep)
        self._sleep = min(self._sleep * 1.5, _LAST_S)
