"""What a command prints, passed on while it runs, however much it is and whoever goes on printing.

A command that starts a daemon leaves it holding the pipe. Nobody waits for that, and the daemon must not be
ended by a pipe without a reader: ``cat`` goes on reading what it prints, into nothing. Not for how much of it
is kept (``host.job.log``).
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import time
from typing import Protocol

_CHUNK = 64 * 1024
_POLL_S = 0.02
_LAST_CHUNKS = 16
"""How much is still read once the command has ended: as much as a pipe can hold, and no more."""


class OutputSink(Protocol):
    """Where the output of commands goes."""

    def write(self, data: bytes) -> None:
        """Some of what the command printed. Never raises OSError."""

    def end(self) -> None:
        """The command has ended."""

    def say(self, line: str) -> None:
        """A remark of relstore's own. Never raises OSError."""


def pass_on(process: subprocess.Popen[bytes], fd: int, output: OutputSink, seconds: float) -> bool:
    """Pass on what comes from the pipe ``fd`` until ``process`` has ended; False when it did not in time."""
    deadline = time.monotonic() + seconds
    while process.poll() is None:
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        if _is_ready(fd, min(left, _POLL_S)) and not _read(fd, output):
            # It closed its streams and goes on.
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(left)
            return process.returncode is not None
    return True


def let_go(fd: int, output: OutputSink) -> None:
    """Take what an ended process still had to say, and leave the pipe to whom it left behind."""
    ended = False
    for _ in range(_LAST_CHUNKS):
        if not _is_ready(fd, 0):
            break
        if not _read(fd, output):
            ended = True
            break
    output.end()
    if not ended:
        _drain(fd)
    os.close(fd)


def _drain(fd: int) -> None:
    try:
        drain = subprocess.Popen(
            ["cat"],
            stdin=fd,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
    except OSError:
        # Better a pipe that is read no more than one whose writer is killed: it stays open in the job.
        os.dup(fd)
        return
    # It is not waited for: it ends when the last writer does.
    drain.returncode = 0


def _is_ready(fd: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def _read(fd: int, output: OutputSink) -> bool:
    """One chunk of it; False at the end."""
    data = os.read(fd, _CHUNK)
    if data:
        output.write(data)
    return bool(data)
