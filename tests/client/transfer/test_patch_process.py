"""Patches from the process that makes them, and from the cache: or none, quietly."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from blake3 import blake3

from relstore.client.coding import Coding
from relstore.client.local_state.cache import Cache
from relstore.client.transfer.patch_process import PatchOrder, PatchProcess, available
from relstore.formats.codecs import PATCH_LZMA
from relstore.formats.names import Digest
from relstore.host.upload.patch_decoder import PatchDecoder
from tests.support.matcher import needs_matcher
from tests.support.moved_programs import release

pytestmark = needs_matcher

PREVIOUS, NEXT = release(1), release(2)
CODING = Coding(PATCH_LZMA, 1)


def digest(data: bytes) -> Digest:
    return Digest(blake3(data).hexdigest())


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def job(cache: Cache, place: Path, old: bytes, new: bytes, start: int = 0) -> PatchOrder:
    place.write_bytes(old)
    cache.add(digest(old), place, len(old))
    place.write_bytes(new)
    return PatchOrder(digest(old), digest(new), str(place), CODING, start)


def undone(making: PatchProcess, old: bytes, size: int) -> bytes:
    decoder = PatchDecoder(PATCH_LZMA, memoryview(old), size)
    chunks = list(making.chunks())
    assert sum(chunk.size for chunk in chunks) == size
    return b"".join(piece for chunk in chunks for piece in decoder.decode(chunk.data))


def test_it_is_made_once_and_kept(cache: Cache, tmp_path: Path) -> None:
    assert available()
    asked = job(cache, tmp_path / "file", PREVIOUS, NEXT)
    making = PatchProcess(asked, cache)
    assert undone(making, PREVIOUS, len(NEXT)) == NEXT
    making.stop()
    Path(asked.source).unlink()
    again = PatchProcess(asked, cache)
    assert undone(again, PREVIOUS, len(NEXT)) == NEXT
    again.stop()


def test_a_kept_one_that_is_damaged_is_made_anew(cache: Cache, tmp_path: Path) -> None:
    asked = job(cache, tmp_path / "file", PREVIOUS, NEXT)
    for _ in range(2):
        making = PatchProcess(asked, cache)
        assert undone(making, PREVIOUS, len(NEXT)) == NEXT
        making.stop()
        (kept,) = (cache.directory / "patches").glob("*/*")
        kept.write_bytes(kept.read_bytes()[:-1])


def test_from_the_middle_it_is_not_kept(cache: Cache, tmp_path: Path) -> None:
    making = PatchProcess(job(cache, tmp_path / "file", PREVIOUS, NEXT, 5_000), cache)
    assert undone(making, PREVIOUS, len(NEXT) - 5_000) == NEXT[5_000:]
    making.stop()
    assert not (cache.directory / "patches").exists()


@pytest.mark.parametrize("why", ["nothing alike", "no base", "no source", "stopped"])
def test_none_can_be_had(why: str, cache: Cache, tmp_path: Path) -> None:
    new = random.Random(1).randbytes(len(NEXT)) if why == "nothing alike" else NEXT
    asked = job(cache, tmp_path / "file", PREVIOUS, new)
    if why == "no base":
        cache.clear()
    if why == "no source":
        Path(asked.source).unlink()
    making = PatchProcess(asked, cache)
    if why == "stopped":
        making.stop()
    assert list(making.chunks()) == []
    making.stop()
    assert not (cache.directory / "patches").exists()
