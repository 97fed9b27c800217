"""A job's log: what the deployer's commands print, within bounds, and relstore's own lines among it.

The log is there to help, so it never stands in the way: what cannot be written is dropped, and of much
output the beginning and the end are kept. Not for reading what a command prints (``host.service.pump``).
"""

from __future__ import annotations

import contextlib
import os

from relstore.store.durable import write_all

LIMIT = 2 << 20
"""So long is a log at most, but for relstore's own few lines."""
_HEAD = 512 * 1024
"""So much of one command's output is written as it comes…"""
_TAIL = 128 * 1024
"""…and so much of its end, once it has ended."""
_LEAST = 1024
"""With less room than this the log is full, and not even what is left out is counted in it."""
_OURS = "relstore: "
_QUOTED_BYTES = 1500
_QUOTED_LINES = 10


class JobLog:
    """An open log, which ``fd`` appends to. Its ``write`` and ``end`` make it the output of commands."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._last = b""
        self._command: _Excerpt | None = None

    def say(self, line: str) -> None:
        """A line of relstore's own."""
        self._put(f"{_OURS}{line}\n".encode("utf-8", "replace"))

    def write(self, data: bytes) -> None:
        """Some output of a command."""
        self._last = (self._last + data)[-_QUOTED_BYTES:]
        if self._command is None:
            self._command = _Excerpt(LIMIT - self._size())
        self._put(self._command.take(data))

    def end(self) -> None:
        """The command has ended: the end of its output is written, and how much of it was left out."""
        if self._command is not None:
            self._put(self._command.rest())
        self._command = None

    def begin(self) -> None:
        """What is printed from here on counts for ``tail``."""
        self._last = b""

    def tail(self) -> str:
        """What was printed last since ``begin``, as lines to add to a reason: it says most of a failure.

        From memory, since the disk may be what failed.
        """
        lines = self._last.decode("utf-8", "replace").splitlines()
        return "".join(f"\n{line}" for line in lines[-_QUOTED_LINES:])

    def _size(self) -> int:
        try:
            return os.fstat(self._fd).st_size
        except OSError:
            return LIMIT

    def _put(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            write_all(self._fd, data)


class _Excerpt:
    """The beginning and the end of one command's output, in ``room`` bytes that others share after it."""

    def __init__(self, room: int) -> None:
        self._is_counted = room >= _LEAST
        self._head = max(0, min(_HEAD, room // 2))
        self._tail = max(0, min(_TAIL, room // 8))
        self._held = b""
        self._left_out = 0

    def take(self, data: bytes) -> bytes:
        """What of ``data`` is to be written now."""
        now, later = data[: self._head], data[self._head :]
        self._head -= len(now)
        self._held += later
        if len(self._held) > 2 * _TAIL:
            self._cut()
        return now

    def rest(self) -> bytes:
        """What is to be written at the end."""
        self._cut()
        if not (self._left_out and self._is_counted):
            return self._held
        return f"\n{_OURS}{self._left_out:,} bytes left out\n".encode() + self._held

    def _cut(self) -> None:
        excess = max(0, len(self._held) - self._tail)
        self._left_out += excess
        self._held = self._held[excess:]
