"""Add-block deltas: what the client writes, the host's own code undoes, whatever the two files are."""

from __future__ import annotations

import random
from array import array
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relstore.client.coding import Coding
from relstore.client.transfer.delta import matcher
from relstore.client.transfer.delta.matcher import Columns, Covers, Matcher, in_memory, mapped
from relstore.client.transfer.delta.patch import write
from relstore.client.transfer.encoders import encode
from relstore.formats.codecs import PATCH_LZMA, PATCH_ZLIB, PATCHES, ZSTD
from relstore.formats.patch import HEAD_BYTES, SEGMENT_BYTES, SEGMENT_HEAD_BYTES, Head, SegmentHead
from relstore.host.upload.patch_columns import decompress
from relstore.host.upload.patch_decoder import PatchDecoder
from tests.host.upload.test_patch_decoder import BASE_RELEASE, CONTENT_RELEASE, GOLDEN
from tests.support.matcher import needs_matcher
from tests.support.moved_programs import release

pytestmark = needs_matcher

noise = random.Random(7).randbytes
PREVIOUS, NEXT = release(1), release(2)


def made(
    old: bytes, new: bytes, codec: str = PATCH_LZMA, start: int = 0, step: int = SEGMENT_BYTES
) -> list[bytes]:
    content = in_memory(new)
    with Matcher(in_memory(old)) as matching:
        covers = matching.find(content)
        return list(write(matching, content, covers, Coding(codec, 1), start, step))


def found(old: bytes, new: bytes, bits: int = 0) -> list[tuple[int, int, int]]:
    with Matcher(in_memory(old), bits) as matching:
        return list(zip(*matching.find(in_memory(new)).columns(), strict=True))


def undone(codec: str, parts: Sequence[bytes], old: bytes, size: int) -> bytes:
    decoder = PatchDecoder(codec, memoryview(old), size)
    result = b"".join(piece for part in parts for piece in decoder.decode(part))
    assert decoder.finished or not size
    return result


LONG = noise(300_000)
PAIRS = {
    "the same": (PREVIOUS, PREVIOUS),
    "the next release": (PREVIOUS, NEXT),
    "the previous release": (NEXT, PREVIOUS),
    "nothing alike": (PREVIOUS, noise(50_000)),
    "less than an anchor": (b"x", b"y"),
    "seven bytes": (b"abcdefg", b"abcdefg"),
    "eight bytes": (b"abcdefgh", b"abcdefgh"),
    "no previous content": (b"", NEXT),
    "no content": (PREVIOUS, b""),
    "nothing": (b"", b""),
    "one byte of a long file": (LONG, LONG[:150_000] + b"?" + LONG[150_001:]),
    "bytes far apart": (LONG, b"a" + LONG[1:65_540] + b"b" + LONG[65_541:299_999] + b"c"),
    "cut at the start": (LONG, LONG[1:]),
    "cut at the end": (LONG, LONG[:-3]),
    "twice": (LONG, LONG + LONG),
    "zeros": (bytes(200_000), bytes(150_001)),
    "one byte again and again": (b"a" * 100_000, b"a" * 99_999 + b"b"),
    "half of every word": (b"".join(b"same" + noise(4) for _ in range(50_000)),) * 2,
    "columns of a table": tuple(
        b"".join(number.to_bytes(8, "little") + noise(8) for number in range(20_000)) for _ in range(2)
    ),
    "a long gap": (LONG, LONG[:10] + b"?" + LONG[11:200_000] + b"?" + LONG[200_001:]),
    "zeros in the middle": (LONG, LONG[:1_000] + bytes(70_000) + LONG[1_000:]),
}


@pytest.mark.parametrize("codec", PATCHES)
@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS.keys())
def test_what_is_written_is_undone(pair: tuple[bytes, bytes], codec: str) -> None:
    old, new = pair
    assert undone(codec, made(old, new, codec), old, len(new)) == new


@pytest.mark.parametrize("start", [1, 4_096, 30_001, len(NEXT) - 1])
def test_from_the_middle_of_a_content(start: int) -> None:
    assert undone(PATCH_LZMA, made(PREVIOUS, NEXT, start=start), PREVIOUS, len(NEXT) - start) == NEXT[start:]


@pytest.mark.parametrize("size", [1, 1_000, 4_099])
def test_in_many_segments(size: int) -> None:
    new = NEXT[: 1_000 * size]
    parts = made(PREVIOUS, new, PATCH_ZLIB, step=size)
    assert len(parts) > len(new) // size
    assert undone(PATCH_ZLIB, parts, PREVIOUS, len(new)) == new


@given(st.binary(max_size=300), st.binary(max_size=300), st.integers(0, 5_000), st.integers(0, 5_000))
@settings(max_examples=60)
def test_any_two_files(one: bytes, other: bytes, low: int, high: int) -> None:
    old = one + PREVIOUS[low : low + 3_000] + other
    new = other + NEXT[high : high + 3_000] + one
    assert undone(PATCH_LZMA, made(old, new), old, len(new)) == new


def test_addresses_that_moved_cost_little() -> None:
    size = sum(map(len, made(PREVIOUS, NEXT)))
    whole = sum(map(len, encode(Coding(ZSTD, 19), [NEXT], len(NEXT))))
    on_base = sum(map(len, encode(Coding(ZSTD, 19), [NEXT], len(NEXT), PREVIOUS)))
    assert size < whole / 10
    assert size < on_base / 2


EDITS = st.lists(
    st.tuples(
        st.sampled_from(["insert", "remove", "change", "move", "add"]), st.integers(0), st.binary(max_size=40)
    ),
    max_size=12,
)


def edited(data: bytes, edits: list[tuple[str, int, bytes]]) -> bytes:
    for what, number, some in edits:
        at = number % (len(data) + 1)
        if what == "insert":
            data = data[:at] + some + data[at:]
        elif what == "remove":
            data = data[:at] + data[at + 10 * len(some) :]
        elif what == "change":
            data = data[:at] + some + data[at + len(some) :]
        elif what == "move":
            data = data[at:] + data[:at]
        else:
            data = data[:at] + bytes((byte + 1) % 256 for byte in data[at : at + 200]) + data[at + 200 :]
    return data


@given(st.binary(max_size=300), st.integers(0, 5_000), EDITS, st.sampled_from(PATCHES))
@settings(max_examples=200, deadline=None)
def test_whatever_became_of_it(own: bytes, at: int, edits: list[tuple[str, int, bytes]], codec: str) -> None:
    old = own + PREVIOUS[at : at + 4_000]
    new = edited(old, edits)
    assert undone(codec, made(old, new, codec), old, len(new)) == new


@given(st.binary(max_size=64), st.binary(max_size=64))
@settings(max_examples=300, deadline=None)
def test_short_ones(old: bytes, new: bytes) -> None:
    assert undone(PATCH_ZLIB, made(old, new, PATCH_ZLIB), old, len(new)) == new


def test_covers_are_in_order_and_inside() -> None:
    covers = found(PREVIOUS, NEXT)
    at = 0
    for start, end, move in covers:
        assert at <= start < end <= len(NEXT)
        assert 0 <= start + move < end + move <= len(PREVIOUS)
        at = end
    assert sum(end - start for start, end, _ in covers) > 0.9 * len(NEXT)


def test_a_part_of_a_content_with_an_index_of_few_positions() -> None:
    with Matcher(in_memory(PREVIOUS), 6) as matching:
        new = in_memory(NEXT)
        whole, part = matching.find(new), matching.find(in_memory(NEXT[20_000:60_000]), 20_000)
    assert 0.5 * len(NEXT) < whole.size <= sum(end - start for start, end, _ in found(PREVIOUS, NEXT))
    starts, ends, _ = part.columns()
    assert starts[0] >= 20_000
    assert ends[-1] <= 60_000


def test_the_parts_of_a_content_make_one_patch() -> None:
    new, step = in_memory(NEXT), len(NEXT) // 3 + 1
    with Matcher(in_memory(PREVIOUS)) as matching:
        lows = range(0, len(NEXT), step)
        covers = Covers.of([matching.find(in_memory(NEXT[low : low + step]), low) for low in lows])
        parts = list(write(matching, new, covers, Coding(PATCH_ZLIB, 9)))
    assert undone(PATCH_ZLIB, parts, PREVIOUS, len(NEXT)) == NEXT
    whole = sum(map(len, made(PREVIOUS, NEXT, PATCH_ZLIB)))
    assert sum(map(len, parts)) < 1.1 * whole + 500


def test_more_covers_than_a_patch_may_have_are_fewer_larger_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = [noise(50 << number % 6) for number in range(60)]
    old, new = b"".join(pieces), b"".join(reversed(pieces))
    assert len(found(old, new)) >= 50
    monkeypatch.setattr(matcher, "MAX_COVERS", 20)
    fewer = found(old, new)
    assert 0 < len(fewer) <= 20
    assert min(end - start for start, end, _ in fewer) > 700
    assert undone(PATCH_ZLIB, made(old, new, PATCH_ZLIB), old, len(new)) == new


def test_what_it_cannot_do_is_refused() -> None:
    with pytest.raises(matcher.MatcherError, match="no memory for an index"):
        Matcher(in_memory(PREVIOUS), 17)
    with Matcher(in_memory(PREVIOUS)) as matching:
        new = in_memory(NEXT)
        with pytest.raises(ValueError, match="wrongly"):
            matching.find(new, -1)
        with pytest.raises(ValueError, match="wrongly"):
            matching.find(new, 1 << 30)
        moved = matching.moved(matching.find(new))
        outside = Covers((matcher._long * 3)(0, 100, len(PREVIOUS)), 1)
        with pytest.raises(ValueError, match="wrongly"):
            matching.columns(new, 0, outside, moved)


def test_a_file_is_mapped_and_never_changed(tmp_path: Path) -> None:
    file = tmp_path / "file"
    for data in (b"", b"some bytes"):
        file.write_bytes(data)
        file.chmod(0o400)
        with mapped(file) as view:
            assert bytes(view) == data
        file.chmod(0o600)


@pytest.mark.parametrize("codec", PATCHES)
def test_the_format_is_the_one_of_the_golden_file(codec: str) -> None:
    """Which covers are found may change, and compressors differ; what follows from the covers may not."""
    golden = GOLDEN[codec].read_bytes()
    head, columns, segments = parsed(codec, golden)
    old, new = in_memory(release(BASE_RELEASE)), in_memory(release(CONTENT_RELEASE))
    numbers, at, move = array("q"), 0, 0
    for skip, length, turn in zip(
        *(array(code, column) for code, column in zip("IIi", columns, strict=True)), strict=True
    ):
        at, move = at + skip + length, move + turn
        numbers.extend((at - length, at, move))
    covers = Covers((matcher._long * len(numbers))(*numbers), head.covers)
    with Matcher(old) as matching:
        written = parsed(codec, b"".join(write(matching, new, covers, Coding(codec, 1))))
    assert (written[0].covers, *written[1:]) == (head.covers, columns, segments)


def parsed(codec: str, data: bytes) -> tuple[Head, list[bytes], list[Columns]]:
    """The head of a patch with its columns, and those of its segments."""
    head = Head.parse(data[:HEAD_BYTES])
    columns, segments, at = [], [], HEAD_BYTES
    for size in head.sizes[:3]:
        columns.append(decompress(codec, data[at : at + size], 4 * head.covers))
        at += size
    while at < len(data):
        segment = SegmentHead.parse(data[at : at + SEGMENT_HEAD_BYTES])
        at += SEGMENT_HEAD_BYTES
        at += segment.sizes[0]  # how many extra bytes there are follows from the covers
        counts = (segment.fields, segment.fields, segment.fields, 4 * segment.values)
        others = []
        for size, count in zip(segment.sizes[1:], counts, strict=True):
            others.append(decompress(codec, data[at : at + size], count))
            at += size
        segments.append(Columns(b"", *others))
    return head, columns, segments
