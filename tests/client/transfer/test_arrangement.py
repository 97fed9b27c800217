"""Patches between ELF programs: smaller than without their layout, and right whatever the programs are."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relstore.client.coding import Coding
from relstore.client.transfer.delta import arrangement
from relstore.client.transfer.delta.__main__ import with_layout
from relstore.client.transfer.delta.arrangement import arranged, cut, overlaid
from relstore.client.transfer.delta.elf import program_of
from relstore.client.transfer.delta.matcher import Matcher, in_memory
from relstore.client.transfer.delta.patch import write
from relstore.formats.codecs import PATCH_LZMA, PATCH_ZLIB, PATCH_ZSTD, PATCHES
from relstore.formats.patch import (
    MAGIC,
    MAGIC_WITH_LAYOUT,
    SEGMENT_BYTES,
    SEGMENT_HEAD_BYTES,
    SegmentHead,
)
from relstore.formats.patch_layout import MemoryLayout, Region
from relstore.host.upload.patch_decoder import PatchDecoder
from tests.host.upload.test_patch_decoder import ELF_BASE, ELF_CONTENT, GOLDEN_ELF
from tests.support.elf_programs import CODE_LIFT, HEADERS, elf_release
from tests.support.matcher import needs_matcher

pytestmark = needs_matcher

PREVIOUS, NEXT = elf_release(1), elf_release(2)
HEAD_BYTES = 64 + 56 * HEADERS


def made(
    old: bytes,
    new: bytes,
    codec: str = PATCH_LZMA,
    start: int = 0,
    *,
    layout: bool = True,
    step: int = SEGMENT_BYTES,
) -> list[bytes]:
    before, content = in_memory(old), in_memory(new)
    with Matcher(before) as matching:
        covers, found = matching.find(content), None
        if layout:
            covers, found = arranged(matching, before, content, covers)
        return list(write(matching, content, covers, Coding(codec, 1), start, step, layout=found))


def undone(codec: str, parts: Sequence[bytes], old: bytes, size: int) -> bytes:
    decoder = PatchDecoder(codec, memoryview(old), size)
    result = b"".join(piece for part in parts for piece in decoder.decode(part))
    assert decoder.finished or not size
    return result


def test_most_addresses_follow_from_the_layout() -> None:
    without, better = made(PREVIOUS, NEXT, layout=False), made(PREVIOUS, NEXT)
    assert without[0].startswith(MAGIC)
    assert better[0].startswith(MAGIC_WITH_LAYOUT)
    assert sum(map(len, better)) < sum(map(len, without))
    plain, left = (
        sum(SegmentHead.parse(part[:SEGMENT_HEAD_BYTES]).values for part in parts[1:])
        for parts in (without, better)
    )
    assert plain > 4_000
    assert left < plain / 10


def test_a_patch_for_a_fast_link_has_no_layout() -> None:
    """There, time counts and not bytes."""
    assert not with_layout(Coding(PATCH_ZSTD, 3))
    assert with_layout(Coding(PATCH_ZSTD, 19))
    assert with_layout(Coding(PATCH_LZMA, 1))


@pytest.mark.parametrize("codec", PATCHES)
@pytest.mark.parametrize(
    ("old", "new"),
    [(PREVIOUS, NEXT), (NEXT, PREVIOUS), (PREVIOUS, PREVIOUS), (NEXT, NEXT + b"symbols" * 1_000)],
    ids=["next", "previous", "same", "more behind it"],
)
def test_what_is_written_is_undone(old: bytes, new: bytes, codec: str) -> None:
    assert undone(codec, made(old, new, codec), old, len(new)) == new


@pytest.mark.parametrize("start", [1, HEAD_BYTES + 100, len(NEXT) - 1])
def test_from_the_middle_of_a_content(start: int) -> None:
    assert undone(PATCH_LZMA, made(PREVIOUS, NEXT, start=start), PREVIOUS, len(NEXT) - start) == NEXT[start:]


def test_in_many_segments() -> None:
    parts = made(PREVIOUS, NEXT, PATCH_ZLIB, step=997)
    assert undone(PATCH_ZLIB, parts, PREVIOUS, len(NEXT)) == NEXT


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (PREVIOUS, elf_release(2, machine=183)),
        (PREVIOUS, b"no program"),
        (b"", NEXT),
        (PREVIOUS, b""),
        (PREVIOUS[:64], NEXT),
        (PREVIOUS[: HEAD_BYTES - 1], NEXT),
    ],
    ids=["another processor", "text", "nothing", "to nothing", "a header", "half a header"],
)
def test_no_two_programs_have_no_layout(old: bytes, new: bytes) -> None:
    parts = made(old, new)
    assert parts[0].startswith(MAGIC)
    assert undone(PATCH_LZMA, parts, old, len(new)) == new


def test_more_covers_than_a_patch_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrangement, "MAX_COVERS", 3)
    assert made(PREVIOUS, NEXT)[0].startswith(MAGIC)


WORDS = [0, 1, 0x1000, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1]


@given(
    st.lists(st.tuples(st.integers(0, HEAD_BYTES // 8 - 1), st.sampled_from(WORDS)), max_size=4),
    st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_headers_that_lie(changes: list[tuple[int, int]], in_old: bool) -> None:
    program = bytearray(PREVIOUS if in_old else NEXT)
    for word, value in changes:
        struct.pack_into("<Q", program, 8 * word, value)
    old, new = (bytes(program), NEXT) if in_old else (PREVIOUS, bytes(program))
    assert undone(PATCH_ZLIB, made(old, new, PATCH_ZLIB), old, len(new)) == new


@given(
    st.lists(st.tuples(st.integers(HEAD_BYTES // 8, len(NEXT) // 8 - 1), st.sampled_from(WORDS)), max_size=40)
)
@settings(max_examples=100, deadline=None)
def test_tables_that_lie(changes: list[tuple[int, int]]) -> None:
    program = bytearray(NEXT)
    for word, value in changes:
        struct.pack_into("<Q", program, 8 * word, value)
    new = bytes(program)
    assert undone(PATCH_ZLIB, made(PREVIOUS, new, PATCH_ZLIB), PREVIOUS, len(new)) == new
    assert undone(PATCH_ZLIB, made(new, PREVIOUS, PATCH_ZLIB), new, len(PREVIOUS)) == PREVIOUS


@given(st.binary(max_size=200), st.integers(0, len(NEXT)), st.integers(0, len(NEXT)))
@settings(max_examples=60, deadline=None)
def test_bytes_that_are_in_the_way(some: bytes, at: int, end: int) -> None:
    new = NEXT[:at] + some + NEXT[end:]
    assert undone(PATCH_ZLIB, made(PREVIOUS, new, PATCH_ZLIB), PREVIOUS, len(new)) == new


def test_what_is_known_of_a_program() -> None:
    program = program_of(in_memory(NEXT))
    assert program is not None
    assert (program.machine, len(program.regions)) == (62, 3)
    assert program.regions[1].address - program.regions[1].offset == CODE_LIFT
    assert program.end > sum(program.regions[-1][1:])
    assert program.relocations is not None
    assert program.functions is not None
    assert (program.relocations.rows, program.functions.rows) == (700, 300)


@pytest.mark.parametrize("end", range(0, HEAD_BYTES + 100, 7))
def test_a_program_that_is_cut_off(end: int) -> None:
    assert program_of(in_memory(NEXT[:end])) is None


def test_covers_are_cut_where_regions_are() -> None:
    layout = MemoryLayout(
        0, 400, (Region(0, 100, 0), Region(100, 100, 200)), (Region(0, 150, 0), Region(160, 40, 300)), ()
    )
    assert list(cut([(0, 90, 0), (90, 200, 0)], layout)) == [
        (0, 90, 0),
        (90, 100, 0),
        (100, 150, 0),
        (150, 160, 0),
        (160, 200, 0),
    ]
    assert list(cut([(50, 70, 40)], layout)) == [(50, 60, 40), (60, 70, 40)]


@pytest.mark.parametrize(
    ("better", "made_of_it"),
    [
        ([], [(0, 100, 1), (100, 200, 2)]),
        ([(0, 200, 5)], [(0, 200, 5)]),
        ([(40, 60, 5)], [(0, 40, 1), (40, 60, 5), (60, 100, 1), (100, 200, 2)]),
        ([(90, 110, 5)], [(0, 90, 1), (90, 110, 5), (110, 200, 2)]),
        ([(10, 95, 5)], [(10, 95, 5), (100, 200, 2)]),
        ([(300, 310, 5), (40, 60, 6)], [(0, 40, 1), (40, 60, 6), (60, 100, 1), (100, 200, 2), (300, 310, 5)]),
        ([(40, 60, 5), (50, 70, 6)], [(0, 40, 1), (40, 60, 5), (60, 100, 1), (100, 200, 2)]),
    ],
)
def test_better_covers_win(
    better: list[tuple[int, int, int]], made_of_it: list[tuple[int, int, int]]
) -> None:
    assert overlaid([(0, 100, 1), (100, 200, 2)], better) == made_of_it


@pytest.mark.parametrize("codec", PATCHES)
def test_the_golden_file_is_what_is_made_today(codec: str) -> None:
    """The covers may change, and compressors differ; but what is in memory is written as it was."""
    parts, golden = made(ELF_BASE, ELF_CONTENT, codec), GOLDEN_ELF[codec].read_bytes()
    assert undone(codec, parts, ELF_BASE, len(ELF_CONTENT)) == ELF_CONTENT
    assert golden.startswith(MAGIC_WITH_LAYOUT)
    assert 0.9 * len(golden) < sum(map(len, parts)) < 1.1 * len(golden)
