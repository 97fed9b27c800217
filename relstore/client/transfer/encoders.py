"""Encodes contents for the wire: pieces in, bytes out, as they come.

Not for deciding which codec is used (``cost_model``).
"""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from relstore.client.coding import Coding
from relstore.client.zstd_library import zstd_module
from relstore.formats.codecs import RAW, XZ, ZSTD

PIECE_BYTES = 256 * 1024
"""About as much as goes into one message."""

MAX_WINDOW_LOG = 31
_PLAIN_WINDOW_LOG = 23
"""8 MiB, which a host has to hold in memory for a content without a base."""


def encode(coding: Coding, pieces: Iterable[bytes], size: int, base: bytes | None = None) -> Iterator[bytes]:
    """The stream of ``pieces``, ``size`` bytes in all, based on ``base`` where the codec takes one."""
    codec, level = coding
    if codec == RAW:
        yield from pieces
        return
    compressor: Any
    if codec == ZSTD:
        compressor = _zstd(level, size, base)
    elif codec == XZ:
        compressor = lzma.LZMACompressor(lzma.FORMAT_XZ, preset=level)
    else:
        compressor = zlib.compressobj(level)
    held: list[bytes] = []
    count = 0
    for piece in pieces:
        data = compressor.compress(piece)
        if data:
            held.append(data)
            count += len(data)
        if count >= PIECE_BYTES:
            yield b"".join(held)
            held, count = [], 0
    held.append(compressor.flush())
    yield b"".join(held)


def window_log(size: int) -> int:
    """The exponent of the smallest window that spans ``size`` bytes of base and content."""
    return min(max(size.bit_length(), 10), MAX_WINDOW_LOG)


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
