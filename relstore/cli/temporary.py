"""A directory for what is needed only while a command runs, and which no end of it leaves behind.

SIGKILL and a power cut do. Not for what is kept (``directories``).
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

_ENDING = (signal.SIGTERM, signal.SIGHUP)
_ALL = {signal.SIGINT, *_ENDING}


class _Ended(SystemExit):
    """A signal asked for the end. A SystemExit, since asyncio lets only that through."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number


@contextmanager
def private_directory(parent: Path | None = None) -> Iterator[Path]:
    """A new directory in ``parent``, or where ``TMPDIR`` says, that only this account may enter.

    For the main thread.

    It is gone when the block has ended, also by Ctrl-C or a signal, of which the process then dies.
    """
    before = {number: signal.getsignal(number) for number in _ENDING}
    path: Path | None = None
    ended: _Ended | None = None
    try:
        for number in _ENDING:
            if before[number] is not signal.SIG_IGN:  # as under nohup
                signal.signal(number, _end)
        with _later():
            path = Path(tempfile.mkdtemp(prefix="relstore-" if parent is None else ".relstore-", dir=parent))
        yield path
    except _Ended as error:
        ended = error
    finally:
        with _later():
            if path is not None:
                shutil.rmtree(path)
        for number in _ENDING:
            signal.signal(number, before[number])
    if ended is not None:
        signal.signal(ended.number, signal.SIG_DFL)
        os.kill(os.getpid(), ended.number)


def _end(number: int, _: FrameType | None) -> None:
    for each in _ENDING:
        signal.signal(each, signal.SIG_IGN)
    raise _Ended(number)


@contextmanager
def _later() -> Iterator[None]:
    """Signals are delivered after the block."""
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, _ALL)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
