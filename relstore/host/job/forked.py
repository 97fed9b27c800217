"""The process of a job, made by a fork of the helper: nothing is started, and nothing is imported again.

It is made into what nohup and a second interpreter would make: a session of its own, in which a hangup does
nothing, the log for its output, and no descriptor of the connection. All that a job may need was imported
before, since the helper's own file may be closed here. Only a process with one thread may be forked: another
thread could hold a lock, which nobody would release in the child. Not for choosing this way (``start``).
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
from collections.abc import Callable, Collection
from typing import NoReturn

NAME = "relstore-job"
"""What `ps` and `top` call the process; its command line stays that of the session."""


def can_fork() -> bool:
    """Whether this process has one thread alone, and a collector that can be told what to leave alone."""
    if not hasattr(gc, "freeze"):  # PyPy
        return False
    try:
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return False


def fork(work: Callable[[], int], log: int, keep: Collection[int]) -> int:
    """The id of a new process that does ``work``; of the descriptors it has only ``log`` and ``keep``.

    Raises OSError.
    """
    # A hangup that comes before the child minds it waits.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGHUP,))
    try:
        pid = os.fork()
        if pid == 0:
            _become(work, log, keep, before)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return pid


def _become(work: Callable[[], int], log: int, keep: Collection[int], mask: Collection[int]) -> NoReturn:
    code = 1
    try:
        # What the helper left for the collector may close descriptors, whose numbers mean others here.
        gc.freeze()
        os.setsid()
        # A handler, not SIG_IGN: what the job starts would inherit that, and a service reloads by SIGHUP.
        signal.signal(signal.SIGHUP, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.chdir("/")
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        for fd in _open_descriptors():
            if fd > 2 and fd not in keep:
                with contextlib.suppress(OSError):
                    os.close(fd)
        with contextlib.suppress(OSError), open("/proc/self/comm", "w", encoding="ascii") as name:
            name.write(NAME)
        code = work()
    except BaseException as error:  # noqa: BLE001 - the log has it, and nothing may return to the session's code
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        os._exit(code)


def _open_descriptors() -> list[int]:
    return [int(name) for name in os.listdir("/proc/self/fd")]
