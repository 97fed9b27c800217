"""What a content is like: how it compresses, and how alike it is to its base, by pieces from all over it.

A program is not the same everywhere: code, tables and texts lie apart. Not for deciding what follows from it
(``cost_model``).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

from relstore import protocol
from relstore.client.artifact.scan import Scan
from relstore.client.coding import Coding
from relstore.client.local_state.cache import Cache
from relstore.client.transfer import streams
from relstore.client.transfer.cost_model import Sample
from relstore.client.transfer.encoders import encode
from relstore.client.transfer.streams import Payload
from relstore.client.zstd_library import zstd_module
from relstore.formats.codecs import ZSTD
from relstore.formats.manifest import ObjectRef
from relstore.protocol import Base

_PLACES = 16
_PIECE_BYTES = 64 * 1024
_TIMES = 3
_NEAR = 8
"""So many times the length of a piece of the base is searched for it. What moved further between two releases
is not found. That is rare, and then a small share."""
_CODING = Coding(ZSTD, 3)


class _Piece(NamedTuple):
    data: bytes
    place: float
    """Where in the content its middle lies, 0 to 1."""


def take_sample(
    cache: Cache, payload: Payload, base: Base | None, refs: Sequence[ObjectRef], scan: Scan
) -> Sample:
    """About a MiB of the payload, compressed alone and with what lies at the same places of ``base``.

    Raises ArtifactError.
    """
    pieces = _pieces(payload, refs, scan)
    data = b"".join(piece.data for piece in pieces)
    zstd_module()  # the time to load it says nothing about the machine's speed
    seconds = []
    count = 0
    for _ in range(_TIMES):  # with cold caches the first run is slower
        began = time.thread_time()
        count = _size(data)
        seconds.append(max(time.thread_time() - began, 1e-6))
    sample = Sample(min(count / max(len(data), 1), 1.0), len(data) / min(seconds))
    if base is None or not data:
        return sample
    alone = on_base = 0
    for piece in pieces:
        near = _near(cache, base, piece)
        size = _size(piece.data)
        alone += size
        on_base += min(size, _size(piece.data, near)) if near else size
    return sample._replace(likeness=min(on_base / alone, 1.0))


def _pieces(payload: Payload, refs: Sequence[ObjectRef], scan: Scan) -> list[_Piece]:
    first, most = payload.segments[0], _PLACES * _PIECE_BYTES
    if len(payload.segments) > 1 or first.length <= most:
        data = bytearray()
        for read in streams.pieces(payload, refs, scan):
            data += read
            if len(data) >= most:
                break
        return [_Piece(bytes(data), 0.5)]
    pieces = []
    for number in range(_PLACES):
        offset = first.offset + (first.length - _PIECE_BYTES) * number // (_PLACES - 1)
        part = Payload((protocol.Segment(first.content, offset, _PIECE_BYTES),), ())
        place = (offset + _PIECE_BYTES / 2) / refs[first.content].size
        pieces.append(_Piece(b"".join(streams.pieces(part, refs, scan)), place))
    return pieces


def _near(cache: Cache, base: Base, piece: _Piece) -> bytes:
    """What lies around the place of ``piece`` in the base, not proved; empty where it cannot be read."""
    length = _NEAR * len(piece.data)
    begin = max(min(int(piece.place * base.size) - length // 2, base.size - length), 0)
    try:
        with open(cache.content_path(base.blake3), "rb") as file:
            file.seek(begin)
            return file.read(length)
    except OSError:
        return b""


def _size(data: bytes, base: bytes | None = None) -> int:
    return sum(map(len, encode(_CODING, [data], len(data), base)))
