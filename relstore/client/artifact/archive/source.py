"""The bytes of an archive as they come, decompressed within bounds. Not for what they mean (``tar``)."""

from __future__ import annotations

import gzip
import zlib
from typing import Any, BinaryIO, Protocol, cast

from relstore.client.zstd_library import zstd_module
from relstore.errors import FormatError

_FREE_BYTES = 64 * 1024 * 1024
_MAX_RATIO = 250
"""What a file of the same letter reaches with gzip is 1000; what is worth deploying, hardly 100."""


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class ArchiveInput:
    """A file or a pipe, whose first bytes can be looked at; it counts what was read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._head = b""
        self.count = 0

    def peek(self, size: int) -> bytes:
        """The next bytes, fewer only at the end."""
        while len(self._head) < size and (piece := self._file.read(size - len(self._head))):
            self._head += piece
        return self._head[:size]

    def read(self, size: int = -1) -> bytes:
        if size < 0:
            raise ValueError("an archive is read in pieces")
        if self._head:
            piece, self._head = self._head[:size], self._head[size:]
        else:
            piece = self._file.read(size)
        self.count += len(piece)
        return piece


class Decompressed:
    """What a compressed source comes to. Raises FormatError for damage, and for a bomb."""

    def __init__(self, source: ArchiveInput, decompressor: Any, errors: tuple[type[Exception], ...]) -> None:
        self._source = source
        self._decompressor = decompressor
        self._errors = errors
        self._count = 0

    def read(self, size: int, /) -> bytes:
        try:
            piece: bytes = self._decompressor.read(size)
        except EOFError:
            raise FormatError("it is cut short") from None
        except self._errors as error:
            raise FormatError(f"its compression is damaged ({error})") from None
        self._count += len(piece)
        check_ratio(self._count, self._source.count)
        return piece


def check_ratio(unpacked: int, packed: int) -> None:
    """Raises FormatError for a bomb."""
    if unpacked > _FREE_BYTES + _MAX_RATIO * packed:
        raise FormatError(f"it unpacks to more than {_MAX_RATIO} times its size")


def from_gzip(source: ArchiveInput) -> Decompressed:
    """All members of a gzip file, as one."""
    # BadGzipFile is an OSError, but one that names no file.
    return Decompressed(source, gzip.GzipFile(fileobj=cast(Any, source)), (gzip.BadGzipFile, zlib.error))


def from_zstd(source: ArchiveInput) -> Decompressed:
    """All frames of a zstd file, as one."""
    zstd = zstd_module()
    return Decompressed(source, zstd.ZstdFile(source), (zstd.ZstdError,))
