"""What a content is like: how it compresses, and how alike it is to its base, by pieces from all over it.

A program is not the same everywhere: code, tables and texts lie apart. What was made of an earlier release is
estimated by the matcher itself, with an index of fewer positions over the whole base. The speeds are those of
this machine at the moment. Not for deciding what follows from it (``cost_model``).
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

from relstore import protocol
from relstore.client.artifact.scan import Scan
from relstore.client.coding import Coding
from relstore.client.local_state.cache import Cache
from relstore.client.transfer import streams
from relstore.client.transfer.cost_model import PatchSample, Sample
from relstore.client.transfer.encoders import encode
from relstore.client.transfer.streams import Payload
from relstore.client.zstd_library import zstd_module
from relstore.formats.codecs import ZSTD
from relstore.formats.manifest import ObjectRef
from relstore.protocol import Base

_PLACES, _FEWER = 64, 16
"""How many pieces the matcher gets, and how many the compressor, which takes longer for each."""

_PIECE_BYTES = 64 * 1024
_TIMES = 3
_NEAR = 8
"""So many times the length of a piece of the base is searched for it by the compressor. What moved further
between two releases is not found. That is rare, and then a small share."""

_CODING = Coding(ZSTD, 3)
_BITS = 6
_KINDS = 3

T = TypeVar("T")
_SHORTEST_S, _LITTLE = 1e-6, 1e-4


class _Patched(NamedTuple):
    sample: PatchSample
    correction: float
    """What differs in all pieces, relative to those that the compressor gets."""


class _Piece(NamedTuple):
    data: bytes
    low: int
    """Where in the content it begins."""


def take_sample(
    cache: Cache,
    payload: Payload,
    base: Base | None,
    refs: Sequence[ObjectRef],
    scan: Scan,
    *,
    patch: bool = False,
) -> Sample:
    """Some of the payload, compressed alone and with what lies around the same places of ``base``.

    ``patch``: whether to find out what a patch would cost. Raises ArtifactError.
    """
    pieces = _pieces(payload, refs, scan)
    some = _fewer(pieces)
    data = b"".join(piece.data for piece in some)
    zstd_module()  # the time to load it says nothing about the machine's speed
    seconds = []
    count = 0
    for _ in range(_TIMES):  # with cold caches the first run is slower
        began = time.thread_time()
        count = _size(data)
        seconds.append(max(time.thread_time() - began, _SHORTEST_S))
    sample = Sample(min(count / max(len(data), 1), 1.0), len(data) / min(seconds))
    if base is None or not data:
        return sample
    size = refs[payload.segments[0].content].size
    on_base = sum(_on_base(cache, base, piece, size) for piece in some) / len(data)
    patched = _patched(cache, base, pieces) if patch else None
    if patched is not None:
        sample = sample._replace(patch=patched.sample)
        on_base *= patched.correction
    return sample._replace(on_base=min(on_base, sample.ratio))


def _fewer(pieces: Sequence[T]) -> Sequence[T]:
    return pieces[:: max(-(-len(pieces) // _FEWER), 1)]


def _pieces(payload: Payload, refs: Sequence[ObjectRef], scan: Scan) -> list[_Piece]:
    """Pieces at equal distances; of a short content, all of it."""
    first = payload.segments[0]
    if len(payload.segments) > 1:
        data = bytearray()
        for read in streams.pieces(payload, refs, scan):
            data += read
            if len(data) >= _FEWER * _PIECE_BYTES:
                break
        return [_Piece(bytes(data), 0)]
    count = min(_PLACES, -(-first.length // _PIECE_BYTES))
    pieces = []
    for number in range(count):
        low = (
            first.length * number // count
            if count < _PLACES
            else (first.length - _PIECE_BYTES) * number // (count - 1)
        )
        high = first.length * (number + 1) // count if count < _PLACES else low + _PIECE_BYTES
        part = Payload((protocol.Segment(first.content, first.offset + low, high - low),), ())
        pieces.append(_Piece(b"".join(streams.pieces(part, refs, scan)), first.offset + low))
    return pieces


def _on_base(cache: Cache, base: Base, piece: _Piece, size: int) -> int:
    """Bytes of a piece compressed on what lies around its place in the base, which is not proved here."""
    alone, length = _size(piece.data), _NEAR * len(piece.data)
    place = (piece.low + len(piece.data) / 2) / size
    begin = max(min(int(place * base.size) - length // 2, base.size - length), 0)
    try:
        with open(cache.content_path(base.blake3), "rb") as file:
            file.seek(begin)
            near = file.read(length)
    except OSError:
        return alone
    return min(alone, _size(piece.data, near)) if near else alone


def _patched(cache: Cache, base: Base, pieces: Sequence[_Piece]) -> _Patched | None:
    """What a patch of the pieces is like; None when the base cannot be read, or there is no memory."""
    # Only what has a base needs it.
    matcher = importlib.import_module("relstore.client.transfer.delta.matcher")
    parts = [(matcher.in_memory(piece.data), piece.low) for piece in pieces]
    count = sum(len(piece.data) for piece in pieces)
    try:
        # Files of the cache appear by rename and never change, so one can be read where it is mapped.
        with matcher.mapped(cache.content_path(base.blake3)) as old:
            began = time.thread_time()
            with matcher.Matcher(old, _BITS) as matching:
                indexed = time.thread_time()
                covers = matcher.Covers.of([matching.find(part, low) for part, low in parts])
            found = time.thread_time()
            moved = matching.moved(covers)
            made = [matching.columns(part, low, covers, moved) for part, low in parts]
    except (OSError, matcher.MatcherError):
        return None
    ratio = _packed(made) / count
    some = _packed(_fewer(made)) / sum(len(piece.data) for piece in _fewer(pieces))
    sample = PatchSample(
        ratio=ratio,
        plain=sum(len(column) for columns in made for column in columns) / count,
        fields=sum(len(columns[_KINDS]) for columns in made) / count,
        covers=len(covers) / count,
        indexing=max(indexed - began, _SHORTEST_S) / max(base.size, 1),
        finding=max(found - indexed, _SHORTEST_S) / count,
    )
    return _Patched(sample, max(ratio, _LITTLE) / max(some, _LITTLE))


def _packed(made: Sequence[Any]) -> int:
    """Bytes of the columns of several parts, as if they were one segment."""
    columns = [b"".join(column) for column in zip(*made, strict=True)]
    return sum(_size(column) for column in columns if column)


def _size(data: bytes, base: bytes | None = None) -> int:
    return sum(map(len, encode(_CODING, [data], len(data), base)))
