"""Small contents: kept once, many to a file, proved on use, and removed with the rest of the cache."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from blake3 import blake3

from relstore.client.local_state import small_contents
from relstore.client.local_state.cache import Cache
from relstore.client.local_state.small_contents import SmallContents
from relstore.formats.names import Digest


def named(data: bytes) -> Digest:
    return Digest(blake3(data).hexdigest())


def files(directory: Path, *contents: bytes) -> dict[Digest, str]:
    """The contents as a scan has them: by name, each in a file."""
    sources = {}
    for data in contents:
        path = directory / named(data)
        path.write_bytes(data)
        sources[named(data)] = str(path)
    return sources


@pytest.fixture
def small(tmp_path: Path) -> SmallContents:
    return SmallContents(Cache(tmp_path / "cache"))


def packs(small: SmallContents) -> list[Path]:
    return [kept.path for kept in small.cache.kept()]


def test_what_was_kept_is_there_and_only_once(small: SmallContents, tmp_path: Path) -> None:
    small.keep(files(tmp_path, b"a", b"b"))
    small.keep(files(tmp_path, b"a", b"b", b"c"))
    small.keep(files(tmp_path, b"a"))
    assert len(packs(small)) == 2
    assert small.get([named(b"a"), named(b"c"), named(b"d")]) == {named(b"a"): b"a", named(b"c"): b"c"}


def test_a_pack_that_is_in_use_is_not_the_oldest(small: SmallContents, tmp_path: Path) -> None:
    small.keep(files(tmp_path, b"a"))
    (pack,) = packs(small)
    os.utime(pack, (1, 1))
    small.keep(files(tmp_path, b"a", b"b"))
    assert pack.stat().st_mtime > 1


def test_what_rotted_is_not_used(small: SmallContents, tmp_path: Path) -> None:
    small.keep(files(tmp_path, b"aaaa", b"bbbb"))
    (pack,) = packs(small)
    pack.write_bytes(pack.read_bytes()[:-1] + b"x")
    assert small.get([named(b"aaaa"), named(b"bbbb")]) == {named(b"aaaa"): b"aaaa"}
    assert packs(small) == []


@pytest.mark.parametrize(
    "raw", [b"", b"relstore", b"relstore small 1\n", b"relstore small 1\n" + b"\xff" * 60]
)
def test_what_is_no_pack_is_passed_over(small: SmallContents, tmp_path: Path, raw: bytes) -> None:
    place = small.cache.directory / "small/ab/pack"
    place.parent.mkdir(parents=True)
    place.write_bytes(raw)
    small.keep(files(tmp_path, b"a"))
    assert small.get([named(b"a")]) == {named(b"a"): b"a"}


def test_more_than_the_cache_may_hold_is_not_kept(tmp_path: Path) -> None:
    small = SmallContents(Cache(tmp_path / "cache", 100))
    small.keep(files(tmp_path, b"x" * 51))
    assert packs(small) == []


def test_little_packs_become_one(
    small: SmallContents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(small_contents, "MAX_PACKS", 4)
    everything = [b"%d" % number for number in range(20)]
    for data in everything:
        small.keep(files(tmp_path, data))
    assert len(packs(small)) <= 4
    assert sorted(small.get(map(named, everything)).values()) == sorted(everything)


def test_a_place_that_cannot_be_used_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    small = SmallContents(Cache(tmp_path / "file" / "cache"))
    small.keep(files(tmp_path, b"a"))
    assert small.get([named(b"a")]) == {}
