"""A stream on its way, in chunks; one that is made once may be had by several hosts. Not for making one."""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from relstore.errors import RelstoreError

_CHUNK_BYTES = 64 * 1024


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
    """Pieces as they are, the small ones together: each chunk costs a turn of a thread and a frame."""
    small: list[bytes] = []
    size = 0
    for piece in pieces:
        small.append(piece)
        size += len(piece)
        if size >= _CHUNK_BYTES:
            yield Chunk(b"".join(small), size)
            small, size = [], 0
    if small:
        yield Chunk(b"".join(small), size)


class Shared:
    """Chunks that are made once and may be had many times, by several threads, each at its own pace.

    Whoever comes first makes the next chunk. They are kept in a file without a name until ``close``.
    """

    def __init__(self, chunks: Iterator[Chunk]) -> None:
        self._chunks = chunks
        self._file = tempfile.TemporaryFile(prefix="relstore-")  # noqa: SIM115 - close() does
        self._index: list[tuple[int, int, int]] = []
        self._end = 0
        self._failed: RelstoreError | None = None
        self._over = False
        self._making = False
        self._changed = threading.Condition()
        self._ahead: threading.Thread | None = None

    def __iter__(self) -> Iterator[Chunk]:
        number = 0
        while (chunk := self._get(number)) is not None:
            yield chunk
            number += 1

    def run_ahead(self) -> None:
        """Make them all now, in a thread, whether or not they are asked for."""
        self._ahead = threading.Thread(target=self._make_all, daemon=True)
        self._ahead.start()

    def close(self) -> None:
        """No more will be asked for."""
        with self._changed:
            self._over = True
            self._changed.wait_for(lambda: not self._making)
            self._file.close()
        if self._ahead is not None:
            self._ahead.join()

    def _make_all(self) -> None:
        with contextlib.suppress(RelstoreError):  # who asks is told
            for _ in self:
                pass

    def _get(self, number: int) -> Chunk | None:
        with self._changed:
            self._changed.wait_for(lambda: number < len(self._index) or not self._making)
            if number < len(self._index) and not self._file.closed:
                start, length, size = self._index[number]
                self._file.seek(start)
                return Chunk(self._file.read(length), size)
            if self._failed is not None:
                raise self._failed
            if self._over:
                return None
            self._making = True
        chunk = None
        try:
            chunk = next(self._chunks, None)
        except RelstoreError as error:
            self._failed = error
            raise
        finally:
            with self._changed:
                self._making = False
                self._over = self._over or chunk is None
                if chunk is not None and not self._over:
                    self._keep(chunk)
                self._changed.notify_all()
        return chunk

    def _keep(self, chunk: Chunk) -> None:
        self._file.seek(self._end)
        self._file.write(chunk.data)
        self._index.append((self._end, len(chunk.data), chunk.size))
        self._end += len(chunk.data)
