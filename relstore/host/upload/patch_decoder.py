"""Applies add-block deltas with the standard library alone; ``formats.patch`` has the format.

A segment is drafted from the base, following the covers, and from extra bytes; then its fields are corrected.
Memory holds one segment with its columns, the covers, and the moves of the base's grains. Nothing in a patch
is trusted: at worst it makes wrong bytes, which the content's digest reveals. Not for making patches
(``client.transfer.delta``).
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator
from typing import NamedTuple, Optional, Union

from relstore.errors import FormatError
from relstore.formats.patch import (
    FIELD_BYTES,
    GRAIN_BITS,
    HEAD_BYTES,
    PLAIN,
    SEGMENT_HEAD_BYTES,
    Head,
    SegmentHead,
    max_base_bytes,
)
from relstore.host.upload.base_file import PatchBase
from relstore.host.upload.patch_columns import decompress

PIECE_BYTES = 256 * 1024

_WORD = 2**32


class _Covers(NamedTuple):
    """Ranges of the content in order, each copied from the base at its own position plus a move."""

    starts: array[int]
    ends: array[int]
    moves: array[int]


class _Cut(NamedTuple):
    """The part of a cover that lies in a segment, counted from the start of the segment."""

    start: int
    end: int
    source: int
    """Where it begins in the base."""
    move: int


class PatchDecoder:
    """Applies one patch of ``codec`` to ``base``, which makes ``size`` bytes."""

    def __init__(self, codec: str, base: PatchBase, size: int) -> None:
        """Raises FormatError for a base that is too large."""
        if len(base) > max_base_bytes(codec):
            raise FormatError("the base is too large for a patch")
        self._codec, self._left = codec, size
        self._base: PatchBase = base
        self._held = bytearray()
        self._head: Optional[Head] = None
        self._at = self._next = 0
        self._covers = _Covers(array("q"), array("q"), array("q"))
        self._moved = array("i")

    @property
    def finished(self) -> bool:
        """Whether all bytes were made."""
        return self._head is not None and self._left == 0 and not self._held

    def decode(self, data: bytes) -> Iterator[bytes]:
        """The output for ``data``, at most PIECE_BYTES at a time. Raises FormatError."""
        self._held += data
        while (part := self._part()) is not None:
            begin, columns = part
            if isinstance(begin, Head):
                self._begin(begin, columns)
            else:
                made = memoryview(self._make(begin, columns))
                for start in range(0, begin.size, PIECE_BYTES):
                    yield bytes(made[start : min(start + PIECE_BYTES, begin.size)])

    def close(self) -> None:
        """Free the memory."""
        self._held = bytearray()
        self._base = b""

    def _part(self) -> Optional[tuple[Union[Head, SegmentHead], list[bytes]]]:
        """The next head or segment with its columns, once it has arrived completely."""
        if self._head is not None and not self._left:
            if self._held:
                raise FormatError("bytes after the end of a patch")
            return None
        kind: type[Union[Head, SegmentHead]]
        kind, at = (Head, HEAD_BYTES) if self._head is None else (SegmentHead, SEGMENT_HEAD_BYTES)
        if len(self._held) < at:
            return None
        begin = kind.parse(bytes(self._held[:at]))
        whole = at + sum(begin.sizes)
        if len(self._held) < whole:
            return None
        columns = []
        for size in begin.sizes:
            columns.append(bytes(self._held[at : at + size]))
            at += size
        del self._held[:whole]
        return begin, columns

    def _begin(self, head: Head, columns: list[bytes]) -> None:
        skips, lengths, turns = (
            _numbers(code, decompress(self._codec, column, 4 * head.covers))
            for code, column in zip("IIi", columns)
        )
        at = move = 0
        for skip, length, turn in zip(skips, lengths, turns):
            start, move = at + skip, move + turn
            at = start + length
            if not length or start + move < 0 or at + move > len(self._base) or abs(move) >= _MAX_MOVE:
                raise FormatError("a cover of a patch is outside its base")
            self._covers.starts.append(start)
            self._covers.ends.append(at)
            self._covers.moves.append(move)
        self._moved = _moved(self._covers, len(self._base))
        self._head, self._at = head, head.start

    def _make(self, segment: SegmentHead, columns: list[bytes]) -> bytearray:
        """The bytes of a segment, and a few more."""
        if segment.size > self._left:
            raise FormatError("a patch makes more bytes than its content has")
        cuts = self._cuts(self._at + segment.size)
        fields = segment.fields
        extra_bytes = segment.size - sum(cut.end - cut.start for cut in cuts)
        sizes = (extra_bytes, fields, fields, fields, FIELD_BYTES * segment.values)
        extra, low, high, kinds, values = (
            decompress(self._codec, column, size) for column, size in zip(columns, sizes)
        )
        draft = self._draft(cuts, extra)
        try:
            self._correct(draft, cuts, zip(low, high, kinds), iter(_numbers("I", values)))
        except (struct.error, StopIteration):
            raise FormatError("a field of a patch is outside its segment") from None
        self._at += segment.size
        self._left -= segment.size
        return draft

    def _cuts(self, end: int) -> list[_Cut]:
        """The parts of the covers between the present position and ``end``."""
        cuts, begin = [], self._at
        starts, ends, moves = self._covers
        while self._next < len(starts) and starts[self._next] < end:
            start, stop = max(starts[self._next], begin), min(ends[self._next], end)
            move = moves[self._next]
            if start < stop:
                cuts.append(_Cut(start - begin, stop - begin, start + move, move))
            if ends[self._next] > end:
                break
            self._next += 1
        return cuts

    def _draft(self, cuts: list[_Cut], extra: bytes) -> bytearray:
        draft, at, used = bytearray(), 0, 0
        for start, end, source, _ in cuts:
            taken = used + start - at
            draft += extra[used:taken]
            draft += self._base[source : source + end - start]
            at, used = end, taken
        draft += extra[used:]
        draft += bytes(FIELD_BYTES - 1)  # the last field may extend beyond the end
        return draft

    def _correct(
        self,
        draft: bytearray,
        cuts: list[_Cut],
        fields: Iterator[tuple[int, int, int]],
        values: Iterator[int],
    ) -> None:
        """This loop takes most of the time: about a microsecond for each field."""
        moved, reach, begin = self._moved, len(self._base), self._at
        unpack, pack = struct.Struct("<i").unpack_from, struct.Struct("<I").pack_into
        ahead = iter(cuts)
        at = end = move = 0
        for low, high, kind in fields:
            at += low + (high << 8)
            (value,) = unpack(draft, at)
            if kind == PLAIN:
                value += next(values)
            else:
                while at >= end:
                    _, end, _, move = next(ahead)
                target = begin + at + move + FIELD_BYTES + value
                if 0 <= target < reach:
                    value += moved[target >> GRAIN_BITS] + move
            pack(draft, at, value % _WORD)
            at += FIELD_BYTES


_MAX_MOVE = 1 << 31


def _numbers(code: str, data: bytes) -> array[int]:
    numbers = array(code)
    numbers.frombytes(data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _moved(covers: _Covers, size: int) -> array[int]:
    """How far each grain of the base moves: as far as the last cover that starts at or before it."""
    sources = [start + move for start, move in zip(covers.starts, covers.moves)]
    order = sorted(range(len(sources)), key=sources.__getitem__)
    grains = (size >> GRAIN_BITS) + 1
    at = [-(-sources[index] >> GRAIN_BITS) for index in order]
    at.append(grains)
    moved = array("i", [0]) * min(at[0], grains)
    for number, index in enumerate(order):
        moved += array("i", [-covers.moves[index]]) * (at[number + 1] - at[number])
    return moved
