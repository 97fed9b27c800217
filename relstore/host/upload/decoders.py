"""What undoes the codecs that contents may arrive in: streamed, bounded, each only where this Python has it.

The names are the protocol's. A decoder never gives more than PIECE_BYTES at a time, so that whoever
takes its output can stop a bomb as soon as it is larger than announced. Not for where the output
goes (``receiving``).
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Optional, Protocol

from relstore.errors import FormatError, ProtocolError
from relstore.formats.codecs import PATCH_LZMA, PATCH_ZLIB, PATCHES, RAW, XZ, ZLIB, ZSTD
from relstore.host.upload import libzstd
from relstore.host.upload import patch_decoder as patching
from relstore.host.upload.libzstd import PIECE_BYTES

_STANDARD = (
    (PATCH_LZMA, ("lzma", "mmap")),
    (PATCH_ZLIB, ("zlib", "mmap")),
    (XZ, ("lzma",)),
    (ZLIB, ("zlib",)),
)
"""What needs which modules."""

_XZ_MEMORY = 32 * 1024 * 1024
"""Bytes; level 6 needs 9 MiB to be undone."""


class Decoder(Protocol):
    """One stream, undone."""

    @property
    def finished(self) -> bool:
        """Whether the stream has come to its own end."""

    def decode(self, data: bytes) -> Iterator[bytes]:
        """What comes out for ``data``. Raises FormatError."""

    def close(self) -> None:
        """Free what it holds."""


@lru_cache(maxsize=1)
def available() -> tuple[str, ...]:
    """The codecs that can be undone here, the best first."""
    found = [ZSTD] if libzstd.usable() else []
    for name, modules in _STANDARD:
        with contextlib.suppress(ImportError):  # python3-minimal has neither lzma nor mmap
            for module in modules:
                importlib.import_module(module)
            found.append(name)
    return (*found, RAW)


def decoder(codec: str, base: Optional[memoryview], size: int) -> Decoder:
    """A decoder for a stream of ``size`` bytes when undone. Raises ProtocolError for one that is not here."""
    if codec not in available():
        raise ProtocolError(f"this host cannot undo the codec {codec[:40]!r}")
    if codec == ZSTD:
        return libzstd.Decoder(base, size)
    if codec in PATCHES:
        if base is None:
            raise ProtocolError(f"the codec {codec} needs a base")
        return patching.Decoder(codec, base, size)
    if base is not None:
        raise ProtocolError(f"the codec {codec} takes no base")
    return _Raw(size) if codec == RAW else _Standard(codec)


class _Raw:
    def __init__(self, size: int) -> None:
        self._left = size

    @property
    def finished(self) -> bool:
        return self._left <= 0

    def decode(self, data: bytes) -> Iterator[bytes]:
        self._left -= len(data)
        for start in range(0, len(data), PIECE_BYTES):
            yield data[start : start + PIECE_BYTES]

    def close(self) -> None:
        pass


class _Standard:
    """zlib and xz, whose decompressors differ in what they call the input that is left."""

    def __init__(self, codec: str) -> None:
        self._codec = codec
        self._inner: Any
        self._errors: tuple[type[Exception], ...]
        if codec == XZ:
            lzma = importlib.import_module("lzma")
            self._inner = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)
            self._errors = (lzma.LZMAError,)
        else:
            zlib = importlib.import_module("zlib")
            self._inner = zlib.decompressobj()
            self._errors = (zlib.error,)

    @property
    def finished(self) -> bool:
        return bool(self._inner.eof)

    def decode(self, data: bytes) -> Iterator[bytes]:
        while True:
            if self._inner.eof:
                raise FormatError(f"bytes after the end of a stream of {self._codec}")
            try:
                piece = self._inner.decompress(data, PIECE_BYTES)
            except self._errors as error:
                raise FormatError(f"not a stream of {self._codec} that may be sent: {error}") from None
            if piece:
                yield piece
            if self._inner.unused_data:
                raise FormatError(f"bytes after the end of a stream of {self._codec}")
            if self._codec == XZ:
                data, more = b"", not self._inner.eof and not self._inner.needs_input
            else:
                data = self._inner.unconsumed_tail
                # With its output full, zlib may hold more without having input left.
                more = not self._inner.eof and (bool(data) or len(piece) == PIECE_BYTES)
            if not more:
                return

    def close(self) -> None:
        self._inner = None
