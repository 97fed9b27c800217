"""Running a command of the person on this machine, with a time limit, an input, and output within bounds.

Not for which command that is (``local_hooks``), nor for commands on a host (``host.service.commands``).
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

MAX_SHOWN_BYTES = 64 * 1024
_PIECE_BYTES = 64 * 1024
_LINE_BYTES = 4096
_LOOK_EVERY_S = 0.1


def run_hook(
    words: Sequence[str],
    variables: Mapping[str, str],
    directory: Path,
    said: bytes,
    seconds: int,
    show: Callable[[str], None],
) -> str:
    """``""`` when it ended with code 0, else what went wrong.

    After ``seconds``, and when this is interrupted, its whole process group is killed. What it leaves running
    after a good end stays. ``said``: its standard input; ``show`` gets each line that it prints.
    """
    name = f"`{' '.join(words)}`"[:200]
    try:
        process = subprocess.Popen(
            list(words),
            env=dict(variables),
            cwd=directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            bufsize=0,
        )
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in a variable
        return f"{name} cannot be run: {getattr(error, 'strerror', None) or error}"
    lines = _Lines(show)
    try:
        in_time = _converse(process, said, lines, time.monotonic() + seconds)
    except BaseException:
        _kill(process)
        raise
    finally:
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
        lines.end()
    if not in_time:
        _kill(process)
        return f"{name} did not end within {seconds} s and was killed"
    code = process.wait()
    if code < 0:
        return f"{name} was killed by signal {-code}"
    return f"{name} ended with exit code {code}" if code else ""


def _converse(process: subprocess.Popen[bytes], said: bytes, lines: _Lines, deadline: float) -> bool:
    """Feed it and show what it prints, until it has ended; False when that took too long."""
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("a process without the pipes that were asked for")
    left = memoryview(said)
    with selectors.DefaultSelector() as selector:
        for stream, event in ((process.stdin, selectors.EVENT_WRITE), (process.stdout, selectors.EVENT_READ)):
            os.set_blocking(stream.fileno(), False)
            selector.register(stream, event)
        while True:
            ended = process.poll() is not None
            if not ended and time.monotonic() >= deadline:
                return False
            for key, event in selector.select(0 if ended else _LOOK_EVERY_S):
                if event == selectors.EVENT_READ:
                    piece = os.read(key.fd, _PIECE_BYTES)
                    lines.add(piece)
                    if not piece:
                        selector.unregister(process.stdout)
                    continue
                try:
                    left = left[os.write(key.fd, left[:_PIECE_BYTES]) :]
                except BrokenPipeError:  # it does not care
                    left = left[:0]
                if not left:
                    selector.unregister(process.stdin)
                    process.stdin.close()
            if ended:
                return True


class _Lines:
    """Output as lines, of which only so much is shown."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._rest = b""
        self._left = MAX_SHOWN_BYTES

    def add(self, piece: bytes) -> None:
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            self._line(line)
        while len(self._rest) > _LINE_BYTES:
            self._line(self._rest[:_LINE_BYTES])
            self._rest = self._rest[_LINE_BYTES:]

    def end(self) -> None:
        if self._rest:
            self._line(self._rest)
            self._rest = b""

    def _line(self, line: bytes) -> None:
        if self._left <= 0:
            return
        self._left -= len(line) + 1
        self._show(line.decode("utf-8", "replace") if self._left > 0 else "… (more is not shown)")


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
