"""A stream in chunks; several hosts can share one. Not for making one (``stream_maker``)."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import tempfile
import threading
from collections.abc import Iterable, Iterator
from typing import IO, NamedTuple

from relstore.errors import RelstoreError

_CHUNK_BYTES = 64 * 1024


class Chunk(NamedTuple):
    """A part of a stream. ``size``: how many bytes of the artifact were read for it."""

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
        """The bytes since the last call."""
        count, self._count = self._count, 0
        return count


def plain(pieces: Iterable[bytes]) -> Iterator[Chunk]:
    """Pieces as they are, small ones joined: each chunk costs a switch of threads and a frame."""
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


class _Place(NamedTuple):
    """Where in the file a chunk is."""

    start: int
    length: int
    size: int


class Shared:
    """Chunks that are made once and read many times, by several threads, each at its own pace.

    Whichever thread comes first makes the next chunk. All are kept until ``close``, in a nameless file as far
    as this machine has room for it, otherwise in memory.
    """

    def __init__(self, chunks: Iterator[Chunk]) -> None:
        self._chunks = chunks
        self._file = _temporary_file()
        self._index: list[_Place | Chunk] = []
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
        """Make all chunks now, in a thread, before anybody asks for them."""
        self._ahead = threading.Thread(target=self._make_all, daemon=True)
        self._ahead.start()

    def close(self) -> None:
        """Call it when nobody reads any more."""
        with self._changed:
            self._over = True
            self._changed.wait_for(lambda: not self._making)
            self._file.close()
        if self._ahead is not None:
            self._ahead.join()

    def _make_all(self) -> None:
        with contextlib.suppress(RelstoreError):  # readers get it
            for _ in self:
                pass

    def _get(self, number: int) -> Chunk | None:
        with self._changed:
            self._changed.wait_for(lambda: number < len(self._index) or not self._making)
            if number < len(self._index) and not self._file.closed:
                place = self._index[number]
                if isinstance(place, Chunk):
                    return place
                self._file.seek(place.start)
                return Chunk(self._file.read(place.length), place.size)
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
        try:
            self._file.seek(self._end)
            if self._file.write(chunk.data) < len(chunk.data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            self._index.append(chunk)
            return
        self._index.append(_Place(self._end, len(chunk.data), chunk.size))
        self._end += len(chunk.data)


def _temporary_file() -> IO[bytes]:
    try:
        return tempfile.TemporaryFile(prefix="relstore-", buffering=0)
    except OSError:  # no directory for temporary files can be written to
        return io.BytesIO()
