"""Patches: the golden files are undone, and none, however made, does more than fail."""

from __future__ import annotations

import lzma
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relstore.errors import FormatError
from relstore.formats import patch
from relstore.formats.codecs import PATCH_LZMA, PATCH_ZLIB, PATCH_ZSTD, PATCHES
from relstore.formats.patch import (
    HEAD_BYTES,
    MAX_BASE_BYTES,
    MAX_COVERS,
    MAX_LARGE_BASE_BYTES,
    SEGMENT_BYTES,
    Head,
    SegmentHead,
)
from relstore.formats.patch_layout import MAX_LAYOUT_BYTES, Anchor, MemoryLayout, Region
from relstore.host.upload import decoders
from relstore.host.upload.patch_columns import decompress
from relstore.host.upload.patch_decoder import PIECE_BYTES, PatchDecoder
from tests.support.elf_programs import elf_release
from tests.support.moved_programs import release

BASE_RELEASE, CONTENT_RELEASE = 3, 4
GOLDEN = {codec: Path(__file__).parents[2] / "golden" / f"{codec}-1.bin" for codec in PATCHES}
GOLDEN_ELF = {codec: Path(__file__).parents[2] / "golden" / f"{codec}-2.bin" for codec in PATCHES}
ZSTD_BEGIN = bytes.fromhex("28b52ffd0038")  # a frame with a window of 128 KiB
ZSTD_BLOCK = bytes.fromhex("02001000")  # a block that repeats the byte 0 so often
ZSTD_END = bytes.fromhex("010000")
BASE, CONTENT = release(BASE_RELEASE), release(CONTENT_RELEASE)
ELF_BASE, ELF_CONTENT = elf_release(BASE_RELEASE), elf_release(CONTENT_RELEASE)
BOMBS = {
    PATCH_LZMA: lambda data: lzma.compress(data, lzma.FORMAT_RAW, filters=[patch.lzma_filter(lzma, 1)]),
    PATCH_ZLIB: zlib.compress,
    PATCH_ZSTD: lambda data: ZSTD_BEGIN + ZSTD_BLOCK * (len(data) >> 17) + ZSTD_END,
}


def undone(
    codec: str, data: bytes, size: int = len(CONTENT), step: int = 1 << 20, base: bytes = BASE
) -> bytes:
    decoder = PatchDecoder(codec, memoryview(base), size)
    found = b""
    for start in range(0, len(data), step):
        for piece in decoder.decode(data[start : start + step]):
            assert len(piece) <= PIECE_BYTES
            found += piece
            assert len(found) <= size
    if not decoder.finished:
        raise FormatError("it ended early")
    return found


@pytest.mark.parametrize("step", [1, 37, 1 << 20])
@pytest.mark.parametrize("codec", PATCHES)
def test_the_golden_files(codec: str, step: int) -> None:
    if codec not in decoders.available():
        pytest.skip(f"this Python cannot undo {codec}")
    assert undone(codec, GOLDEN[codec].read_bytes(), step=step) == CONTENT


@pytest.mark.parametrize("step", [1, 37, 1 << 20])
@pytest.mark.parametrize("codec", PATCHES)
def test_the_golden_files_with_a_layout(codec: str, step: int) -> None:
    if codec not in decoders.available():
        pytest.skip(f"this Python cannot undo {codec}")
    made = undone(codec, GOLDEN_ELF[codec].read_bytes(), len(ELF_CONTENT), step, base=ELF_BASE)
    assert made == ELF_CONTENT


def head(covers: int = 0, *columns: bytes, magic: bytes = b"", start: int = 0, layout: bytes = b"") -> bytes:
    packed = [zlib.compress(column) if column else b"" for column in columns] or [b""] * 3
    raw = Head(start, covers, (*map(len, packed), len(layout))).pack()
    return (magic or raw[: len(patch.MAGIC)]) + raw[len(patch.MAGIC) :] + b"".join(packed) + layout


def segment(size: int, fields: int, values: int, *columns: bytes) -> bytes:
    packed = [zlib.compress(column) if column else b"" for column in columns] or [b""] * 5
    return SegmentHead(size, fields, values, tuple(map(len, packed))).pack() + b"".join(packed)


def numbers(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}i", *values)


FOUR = segment(4, 0, 0, b"four", b"", b"", b"", b"")
WHOLE = head(1, numbers(0), numbers(4), numbers(0))
LAYOUT = MemoryLayout(0, 4096, (Region(0, 4, 0),), (Region(0, 4, 64),), (Anchor(0, 0),)).pack()
AT_HOME = head(1, numbers(0), numbers(4), numbers(0), layout=LAYOUT)

HOSTILE = {
    "another format": head(magic=b"RSPATCH\x03") + FOUR,
    "no layout where there should be one": head(magic=patch.MAGIC_WITH_LAYOUT) + FOUR,
    "a layout where there should be none": head(magic=patch.MAGIC, layout=LAYOUT) + FOUR,
    "a layout that is garbage": head(layout=b"\xff" * 40) + FOUR,
    "a layout that is too large": head(layout=bytes(MAX_LAYOUT_BYTES + 1)) + FOUR,
    "a layout that is cut off": head(layout=LAYOUT[:-1]) + FOUR,
    "an anchor that is not there": AT_HOME + segment(4, 1, 0, b"", b"\0", b"\0", b"\x04", b""),
    "too many covers": head(MAX_COVERS + 1),
    "covers that are not there": head(5, b"", b"", b"") + FOUR,
    "fewer covers than announced": head(2, numbers(0), numbers(4), numbers(0)) + FOUR,
    "columns larger than they can be": Head(0, 1, (1 << 31, 0, 0, 0)).pack(),
    "a cover before the base": head(1, numbers(0), numbers(4), numbers(-1)) + FOUR,
    "a cover behind the base": head(1, numbers(0), numbers(4), numbers(len(BASE) - 3)) + FOUR,
    "a cover of nothing": head(1, numbers(0), numbers(0), numbers(0)) + FOUR,
    "a cover that moves too far": head(1, numbers(-(1 << 31)), numbers(4), numbers(-(1 << 31))) + FOUR,
    "a segment of nothing": head() + segment(0, 0, 0),
    "a segment larger than it may be": head() + segment(SEGMENT_BYTES + 1, 0, 0),
    "a segment larger than the content": head() + segment(5, 0, 0, b"fives", b"", b"", b"", b""),
    "more fields than bytes": head() + segment(4, 5, 0, b"four", b"", b"", b"", b""),
    "more values than fields": head() + segment(4, 1, 2, b"four", b"\0", b"\0", b"\0", bytes(8)),
    "extra bytes that are not there": head() + segment(4, 0, 0, b"fo", b"", b"", b"", b""),
    "a column that is garbage": head() + SegmentHead(4, 0, 0, (9, 0, 0, 0, 0)).pack() + b"\xff" * 9,
    "a field behind the segment": head() + segment(4, 1, 1, b"four", b"\x04", b"\0", b"\0", numbers(1)),
    "a value that is not there": head() + segment(4, 1, 0, b"four", b"\0", b"\0", b"\0", b""),
    "a moved field in no cover": head() + segment(4, 1, 0, b"four", b"\0", b"\0", b"\x01", b""),
    "more than the content": head() + FOUR + FOUR,
    "nothing": b"",
    "half a head": head()[: HEAD_BYTES - 1],
    "no segment": head(),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_nobody_should_send(data: bytes) -> None:
    with pytest.raises(FormatError):
        undone(PATCH_ZLIB, data, size=4)


def test_a_small_one_that_is_right() -> None:
    assert undone(PATCH_ZLIB, head() + FOUR, size=4) == b"four"
    moved = segment(4, 1, 0, b"", b"\0", b"\0", b"\x01", b"")
    assert undone(PATCH_ZLIB, WHOLE + moved, size=4) == BASE[:4]


@given(st.data(), st.booleans())
@settings(max_examples=300, deadline=None)
def test_changed_anywhere_it_fails_or_is_as_long_as_announced(data: st.DataObject, in_memory: bool) -> None:
    golden = (GOLDEN_ELF if in_memory else GOLDEN)[PATCH_ZLIB].read_bytes()
    base, content = (ELF_BASE, ELF_CONTENT) if in_memory else (BASE, CONTENT)
    at = data.draw(st.integers(0, len(golden) - 1))
    changed = (
        golden[:at]
        + data.draw(st.binary(min_size=0, max_size=8))
        + golden[at + data.draw(st.integers(0, 8)) :]
    )
    try:
        found = undone(PATCH_ZLIB, changed, len(content), base=base)
    except FormatError:
        return
    assert len(found) == len(content)


@given(st.binary(max_size=200), st.integers(0, 40), st.binary(min_size=1, max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_layout_fails_or_makes_what_was_announced(layout: bytes, at: int, kinds: bytes) -> None:
    """Also one that is nearly right, with fields of all kinds."""
    for one in (layout, LAYOUT[:at] + layout[:4] + LAYOUT[at + 4 :]):
        begin = head(1, numbers(0), numbers(4 * len(kinds)), numbers(7), layout=one)
        count, plain = len(kinds), kinds.count(0)
        fields = segment(4 * count, count, plain, b"", bytes(count), bytes(count), kinds, bytes(4 * plain))
        try:
            found = undone(PATCH_ZLIB, begin + fields, 4 * count)
        except FormatError:
            continue
        assert len(found) == 4 * count


class _Huge:
    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice) -> bytes:
        return bytes(part.stop - part.start)


@pytest.mark.parametrize(
    ("codec", "most"),
    [(PATCH_ZLIB, MAX_BASE_BYTES), (PATCH_LZMA, MAX_BASE_BYTES), (PATCH_ZSTD, MAX_LARGE_BASE_BYTES)],
)
def test_a_base_that_is_too_large(codec: str, most: int) -> None:
    """A host that offers patch-zstd takes larger ones; those before it did not."""
    PatchDecoder(codec, _Huge(most), 4)
    with pytest.raises(FormatError, match="too large"):
        PatchDecoder(codec, _Huge(most + 1), 4)


@pytest.mark.parametrize("codec", PATCHES)
def test_a_column_that_is_a_bomb_gives_what_was_announced(codec: str) -> None:
    if codec not in decoders.available():
        pytest.skip(f"this Python cannot undo {codec}")
    assert decompress(codec, BOMBS[codec](bytes(1 << 26)), 100) == bytes(100)


@pytest.mark.parametrize("codec", PATCHES)
@pytest.mark.parametrize("data", [b"", b"garbage", b"\x28\xb5\x2f\xfd"])
def test_a_column_that_is_none(codec: str, data: bytes) -> None:
    if codec not in decoders.available():
        pytest.skip(f"this Python cannot undo {codec}")
    with pytest.raises(FormatError):
        decompress(codec, data, 100)
