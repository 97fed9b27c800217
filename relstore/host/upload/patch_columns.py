"""Decompresses the columns of patches. Not for what the columns mean (``patch_decoder``)."""

from __future__ import annotations

import importlib
import zlib
from typing import Any

from relstore.errors import FormatError
from relstore.formats.codecs import PATCH_ZLIB, PATCH_ZSTD
from relstore.formats.patch import lzma_filter
from relstore.host.upload.libzstd import ZstdDecoder


def decompress(codec: str, data: bytes, size: int) -> bytes:
    """The column, which must have exactly ``size`` bytes; hardly more are ever made. Raises FormatError."""
    if not size:
        return b""
    column = _by_zstd(data, size) if codec == PATCH_ZSTD else _by_standard(codec, data, size)
    if len(column) != size:
        raise FormatError("a column of a patch is too short")
    return column


def _by_zstd(data: bytes, size: int) -> bytes:
    decoder = ZstdDecoder(None, size)
    column = bytearray()
    try:
        for piece in decoder.decode(data):
            column += piece
            if len(column) >= size:
                break
    finally:
        decoder.close()
    return bytes(column[:size])


def _by_standard(codec: str, data: bytes, size: int) -> bytes:
    inner: Any
    errors: type[Exception]
    if codec == PATCH_ZLIB:
        inner, errors = zlib.decompressobj(), zlib.error
    else:
        lzma = importlib.import_module("lzma")
        inner = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[lzma_filter(lzma, 1)])
        errors = lzma.LZMAError
    try:
        return bytes(inner.decompress(data, size))
    except errors as error:
        raise FormatError(f"a column of a patch cannot be decompressed: {error}") from None
