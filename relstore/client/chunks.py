"""A stream on its way, in chunks; one that is made once may be had by several hosts. Not for making one."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Chunk(NamedTuple):
    """A part of a stream. ``size``: the bytes of the artifact that were read for it."""

    data: bytes
    size: int


class Counted:
    """Pieces of the artifact, counted as they are read."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces
        self._count = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self._count += len(piece)
            yield piece

    def take(self) -> int:
        """The bytes since the last time."""
        count, self._count = self._count, 0
        return count


def plain(pieces: Iterable[bytes]) -> Iterator[Chunk]:
    """Pieces as they are."""
    for piece in pieces:
        yield Chunk(piece, len(piece))


class Shared:
    """Chunks that are made once and may be had many times, by several threads, each at its own pace.

    Whoever comes first makes the next chunk. They are kept in a file without a name until ``close``.
    """

    def __init__(self, chunks: Iterator[Chunk]) -> None:
        self._chunks: Iterator[Chunk] | None = chunks
        self._lock = threading.Lock()
        self._file = tempfile.TemporaryFile(prefix="relstore-")  # noqa: SIM115 - close() does
        self._index: list[tuple[int, int, int]] = []
        self._end = 0

    def __iter__(self) -> Iterator[Chunk]:
        number = 0
        while (chunk := self._get(number)) is not None:
            yield chunk
            number += 1

    def close(self) -> None:
        """No more will be asked for."""
        with self._lock:
            self._chunks = None
            self._index = []
            self._file.close()

    def _get(self, number: int) -> Chunk | None:
        with self._lock:
            if number < len(self._index):
                start, length, size = self._index[number]
                self._file.seek(start)
                return Chunk(self._file.read(length), size)
            chunk = next(self._chunks, None) if self._chunks is not None else None
            if chunk is None:
                return None
            self._file.seek(self._end)
            self._file.write(chunk.data)
            self._index.append((self._end, len(chunk.data), chunk.size))
            self._end += len(chunk.data)
            return chunk
