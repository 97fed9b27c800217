"""The last bytes of a stream that nobody reads to its end, in bounded memory."""

from __future__ import annotations

STDERR_LIMIT = 8 * 1024
"""Bytes of a command's standard error that are worth keeping for a message."""


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
