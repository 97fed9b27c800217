"""Decoders of the codecs that contents may arrive in: streamed, bounded, each only where this Python has it.

The names are the protocol's. A decoder never gives more than PIECE_BYTES at a time, so that its caller can
stop a decompression bomb as soon as it is larger than announced. Not for what is done with the output
(``receiving``).
"""

from __future__ import annotations

import contextlib
import importlib
import zlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Optional, Protocol

from relstore.errors import FormatError, ProtocolError
from relstore.formats.codecs import PATCH_LZMA, PATCH_ZLIB, PATCH_ZSTD, PATCHES, RAW, XZ, ZLIB, ZSTD
from relstore.host.upload import libzstd
from relstore.host.upload.base_file import PatchBase
from relstore.host.upload.libzstd import PIECE_BYTES, ZstdDecoder
from relstore.host.upload.patch_decoder import PatchDecoder

_NEEDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (PATCH_LZMA, ("lzma",)),
    (PATCH_ZLIB, ()),
    (XZ, ("lzma",)),
    (ZLIB, ()),
)
"""The codecs, the best first, and which modules each needs that Debian's python3-minimal does not have."""

_XZ_MEMORY = 32 * 1024 * 1024
"""Bytes; decoding level 6 needs 9 MiB."""


class StreamDecoder(Protocol):
    """Decodes one stream."""

    @property
    def finished(self) -> bool:
        """Whether the stream has reached its end."""

    def decode(self, data: bytes) -> Iterator[bytes]:
        """The output for ``data``. Raises FormatError."""

    def close(self) -> None:
        """Free the memory."""


@lru_cache(maxsize=1)
def available() -> tuple[str, ...]:
    """The codecs that this host can decode, the best first."""
    codecs = [ZSTD, PATCH_ZSTD] if libzstd.usable() else []
    for codec, modules in _NEEDS:
        with contextlib.suppress(ImportError):
            for module in modules:
                importlib.import_module(module)
            codecs.append(codec)
    return (*codecs, RAW)


def decoder(codec: str, base: Optional[PatchBase], size: int) -> StreamDecoder:
    """A decoder for a stream that has ``size`` bytes decoded. Raises ProtocolError if there is none here."""
    if codec not in available():
        raise ProtocolError(f"this host cannot decode the codec {codec[:40]!r}")
    if codec == ZSTD:
        if base is not None and not isinstance(base, memoryview):
            raise ProtocolError("the codec zstd needs its base in memory")
        return ZstdDecoder(base, size)
    if codec in PATCHES:
        if base is None:
            raise ProtocolError(f"the codec {codec} needs a base")
        return PatchDecoder(codec, base, size)
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
    """zlib and xz. Their decompressors have different names for the input that is left."""

    def __init__(self, codec: str) -> None:
        self._codec = codec
        self._inner: Any
        self._errors: tuple[type[Exception], ...]
        if codec == XZ:
            lzma = importlib.import_module("lzma")
            self._inner = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)
            self._errors = (lzma.LZMAError,)
        else:
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
                raise FormatError(f"not a valid stream of {self._codec}: {error}") from None
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
