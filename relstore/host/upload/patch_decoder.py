"""Applies add-block deltas with the standard library alone; ``formats.patch`` has the format.

A segment is drafted from the base, following the covers, and from extra bytes; then its fields are corrected.
Memory holds one segment with its columns, the covers, and the moves of the base's grains. Nothing in a patch
is trusted: at worst it makes wrong bytes, which the content's digest reveals. Not for making patches
(``client.transfer.delta``).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Optional, Union

from relstore.errors import FormatError
from relstore.formats.patch import (
    ANCHORED,
    FIELD_BYTES,
    GRAIN_BITS,
    HEAD_BYTES,
    MOVED,
    PLAIN,
    SEGMENT_HEAD_BYTES,
    Head,
    SegmentHead,
    max_base_bytes,
)
from relstore.formats.patch_layout import MemoryLayout
from relstore.host.upload.base_file import PatchBase
from relstore.host.upload.patch_columns import decompress
from relstore.host.upload.patch_covers import Cut, PatchCovers, numbers

PIECE_BYTES = 256 * 1024

_WORD = 2**32


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
        self._layout: Optional[MemoryLayout] = None
        self._at = 0
        self._covers = PatchCovers([b"", b"", b""], 0, None)

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

    def _begin(self, head: Head, parts: list[bytes]) -> None:
        *columns, layout = parts
        if layout:
            self._layout = MemoryLayout.parse(layout, len(self._base))
        plain = [decompress(self._codec, column, 4 * head.covers) for column in columns]
        self._covers = PatchCovers(plain, len(self._base), self._layout)
        self._head, self._at = head, head.start

    def _make(self, segment: SegmentHead, columns: list[bytes]) -> bytearray:
        """The bytes of a segment, and a few more."""
        if segment.size > self._left:
            raise FormatError("a patch makes more bytes than its content has")
        cuts = self._covers.cuts(self._at, self._at + segment.size)
        fields = segment.fields
        extra_bytes = segment.size - sum(cut.end - cut.start for cut in cuts)
        sizes = (extra_bytes, fields, fields, fields, FIELD_BYTES * segment.values)
        extra, low, high, kinds, values = (
            decompress(self._codec, column, size) for column, size in zip(columns, sizes)
        )
        if self._layout is None:
            kinds = kinds.translate(_ANY_IS_MOVED)
        draft = self._draft(cuts, extra)
        try:
            self._correct(draft, cuts, zip(low, high, kinds), iter(numbers("I", values)))
        except (struct.error, StopIteration, IndexError):
            raise FormatError("a field of a patch is outside its segment") from None
        self._at += segment.size
        self._left -= segment.size
        return draft

    def _draft(self, cuts: list[Cut], extra: bytes) -> bytearray:
        draft, at, used = bytearray(), 0, 0
        for start, end, source, *_ in cuts:
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
        cuts: list[Cut],
        fields: Iterator[tuple[int, int, int]],
        values: Iterator[int],
    ) -> None:
        """This loop takes most of the time: about half a microsecond for each field."""
        moved, reach, anchors = self._covers.moved, self._covers.reach, self._anchors()
        unpack, pack = struct.Struct("<i").unpack_from, struct.Struct("<I").pack_into
        ahead = iter(cuts)
        at = end = lift = shift = 0
        for low, high, kind in fields:
            at += low + (high << 8)
            (value,) = unpack(draft, at)
            if kind == PLAIN:
                value += next(values)
            elif kind == MOVED:
                while at >= end:
                    _, end, _, lift, shift = next(ahead)
                target = at + lift + value
                if 0 <= target < reach:
                    value += moved[target >> GRAIN_BITS] - shift
            elif kind >= ANCHORED:
                anchor, more = anchors[kind - ANCHORED]
                target = anchor + value
                if 0 <= target < reach:
                    value += moved[target >> GRAIN_BITS] - more
            else:
                while at >= end:
                    _, end, _, lift, shift = next(ahead)
                target = at + lift - FIELD_BYTES - value
                if 0 <= target < reach:
                    value += shift - moved[target >> GRAIN_BITS]
            pack(draft, at, value % _WORD)
            at += FIELD_BYTES

    def _anchors(self) -> list[tuple[int, int]]:
        """Each anchor, counted from the lowest address, and how far it has moved."""
        layout = self._layout
        if layout is None:
            return []
        return [(anchor.base - layout.low, anchor.content - anchor.base) for anchor in layout.anchors]


_ANY_IS_MOVED = bytes([PLAIN]) + bytes([MOVED]) * 255
"""The kinds of a patch without a layout: only two."""
