"""Add-block deltas: what the client writes, the host's own code undoes, whatever the two files are."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relstore.client.coding import Coding
from relstore.client.transfer.delta import covers
from relstore.client.transfer.delta import patch as writing
from relstore.client.transfer.delta.patch import Writer
from relstore.client.transfer.encoders import encode
from relstore.formats import patch
from relstore.formats.codecs import PATCH_LZMA, PATCHES, ZSTD
from relstore.formats.patch import HEAD_BYTES, SEGMENT_HEAD_BYTES, Head, SegmentHead
from relstore.host.upload.patch_decoder import PatchDecoder
from tests.host.upload.test_patch_decoder import BASE_RELEASE, CONTENT_RELEASE, GOLDEN
from tests.support.moved_programs import release

noise = random.Random(7).randbytes
PREVIOUS, NEXT = release(1), release(2)


def made(old: bytes, new: bytes, codec: str = PATCH_LZMA, start: int = 0) -> list[bytes]:
    one, other = (np.frombuffer(data, np.uint8) for data in (old, new))
    return list(Writer(one, other, covers.find(one, other)).write(codec, 1, start))


def undone(codec: str, parts: Sequence[bytes], old: bytes, size: int) -> bytes:
    decoder = PatchDecoder(codec, memoryview(old), size)
    found = b"".join(piece for part in parts for piece in decoder.decode(part))
    assert decoder.finished
    return found


LONG = noise(300_000)
PAIRS = {
    "the same": (PREVIOUS, PREVIOUS),
    "the next release": (PREVIOUS, NEXT),
    "the previous release": (NEXT, PREVIOUS),
    "nothing alike": (PREVIOUS, noise(50_000)),
    "less than an anchor": (b"x", b"y"),
    "one byte of a long file": (LONG, LONG[:150_000] + b"?" + LONG[150_001:]),
    "bytes far apart": (LONG, b"a" + LONG[1:65_540] + b"b" + LONG[65_541:299_999] + b"c"),
    "cut at the start": (LONG, LONG[1:]),
    "cut at the end": (LONG, LONG[:-3]),
    "twice": (LONG, LONG + LONG),
    "zeros": (bytes(200_000), bytes(150_001)),
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


@pytest.mark.parametrize("size", [1_000, 4_099])
def test_in_many_segments(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "SEGMENT_BYTES", size)
    parts = made(PREVIOUS, NEXT)
    assert len(parts) > len(NEXT) // size
    assert undone(PATCH_LZMA, parts, PREVIOUS, len(NEXT)) == NEXT


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


def test_covers_are_in_order_and_inside() -> None:
    old, new = (np.frombuffer(data, np.uint8) for data in (PREVIOUS, NEXT))
    found = covers.find(old, new)
    assert (found.start < found.end).all()
    assert (found.end[:-1] <= found.start[1:]).all()
    assert (found.start + found.move >= 0).all()
    assert (found.end + found.move <= len(old)).all()
    assert found.end[-1] <= len(new)
    assert found.size > 0.9 * len(new)


@pytest.mark.parametrize("codec", PATCHES)
def test_the_format_is_the_one_of_the_golden_file(codec: str) -> None:
    """Compressors differ between machines; what they compress may not."""
    written = b"".join(made(release(BASE_RELEASE), release(CONTENT_RELEASE), codec))
    assert columns(codec, written) == columns(codec, GOLDEN[codec].read_bytes())


def columns(codec: str, data: bytes) -> list[object]:
    head = Head.parse(data[:HEAD_BYTES])
    found: list[object] = [head.start, head.covers]
    at = HEAD_BYTES
    for size in head.sizes:
        found.append(patch.decompress(codec, data[at : at + size], 4 * head.covers))
        at += size
    while at < len(data):
        segment = SegmentHead.parse(data[at : at + SEGMENT_HEAD_BYTES])
        at += SEGMENT_HEAD_BYTES
        found += segment[:3]
        extra, *others = segment.sizes
        at += extra
        fields = segment.fields
        for size, count in zip(others, (fields, fields, fields, 4 * segment.values), strict=True):
            found.append(patch.decompress(codec, data[at : at + size], count))
            at += size
    return found
