"""Received bytes that wait for one reader; a full inbox holds the sender back.

Not for framing: the reader gets the pieces as they came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from relstore.errors import RelstoreError

FULL = 256 * 1024
"""With more bytes than this the sender is held back, until half of them are read."""


class Inbox:
    """``hold`` stops the sender, ``release`` lets it continue; both are called from the event loop."""

    def __init__(self, hold: Callable[[], None], release: Callable[[], None]) -> None:
        self._hold = hold
        self._release = release
        self._data = bytearray()
        self._news = asyncio.Event()
        self._ended = False
        self._error: RelstoreError | None = None
        self.held = False

    def feed(self, data: bytes) -> None:
        self._data += data
        self._news.set()
        if not self.held and len(self._data) > FULL:
            self.held = True
            self._hold()

    def end(self, error: RelstoreError | None = None) -> None:
        """No more will come; the reader gets ``error``, if any, after the last byte. The first end counts."""
        if not self._ended:
            self._ended = True
            self._error = error
            self._news.set()

    async def read(self, limit: int) -> bytes:
        """1 to ``limit`` bytes, or ``b""`` at the end. Raises the error that the inbox ended with."""
        while not self._data and not self._ended:
            self._news.clear()
            await self._news.wait()
        if not self._data and self._error is not None:
            raise self._error.with_traceback(None)
        with memoryview(self._data) as view:
            taken = bytes(view[:limit])
        del self._data[:limit]
        if self.held and len(self._data) <= FULL // 2:
            self.held = False
            self._release()
        return taken


STDERR_LIMIT = 8 * 1024
"""So many bytes of a command's standard error are kept for a message."""


class Tail:
    """Keeps the last ``limit`` bytes of what it is given."""

    def __init__(self, limit: int = STDERR_LIMIT) -> None:
        self._limit = limit
        self._data = bytearray()

    def add(self, data: bytes) -> None:
        self._data += data[-self._limit :]
        del self._data[: -self._limit]

    def __bytes__(self) -> bytes:
        return bytes(self._data)
