"""The codecs, as the client makes them: pieces of contents in, bytes for the wire out, as they come.

zstd is Python's own from 3.14 on, else ``backports.zstd``, the same module for the versions before.
Loaded only when something is sent. Not for which codec is used (``cost_model``).
"""

from __future__ import annotations

import importlib
import lzma
import sys
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from relstore.client.coding import RAW, XZ, ZSTD, Coding

PIECE_BYTES = 256 * 1024
"""About what goes into one message."""

MAX_WINDOW_LOG = 31
_PLAIN_WINDOW_LOG = 23
"""8 MiB: what a host has to hold of a whole content."""


def encode(coding: Coding, pieces: Iterable[bytes], size: int, base: bytes | None = None) -> Iterator[bytes]:
    """The stream of ``pieces``, ``size`` bytes in all, on top of ``base`` where the codec takes one."""
    codec, level = coding
    if codec == RAW:
        yield from pieces
        return
    inner: Any
    if codec == ZSTD:
        inner = _zstd(level, size, base)
    elif codec == XZ:
        inner = lzma.LZMACompressor(lzma.FORMAT_XZ, preset=level)
    else:
        inner = zlib.compressobj(level)
    held: list[bytes] = []
    count = 0
    for piece in pieces:
        data = inner.compress(piece)
        if data:
            held.append(data)
            count += len(data)
        if count >= PIECE_BYTES:
            yield b"".join(held)
            held, count = [], 0
    held.append(inner.flush())
    yield b"".join(held)


def window_log(size: int) -> int:
    """The window, as a power of two, that reaches over ``size`` bytes of base and content."""
    return min(max(size.bit_length(), 10), MAX_WINDOW_LOG)


def zstd_module() -> Any:
    """``compression.zstd`` or its backport."""
    return importlib.import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")


def _zstd(level: int, size: int, base: bytes | None) -> Any:
    zstd = zstd_module()
    parameter = zstd.CompressionParameter
    options = {parameter.compression_level: level}
    prefix = None
    if base is None:
        reach = min(_PLAIN_WINDOW_LOG, max(size.bit_length(), 10))
        if level > 9:
            options[parameter.window_log] = reach
    else:
        # Matches far back in the base are what a delta is made of; only long-distance matching finds them.
        options[parameter.window_log] = window_log(len(base) + size)
        options[parameter.enable_long_distance_matching] = 1
        prefix = zstd.ZstdDict(base, is_raw=True).as_prefix
    compressor = zstd.ZstdCompressor(options=options, zstd_dict=prefix)
    compressor.set_pledged_input_size(size)
    return compressor
