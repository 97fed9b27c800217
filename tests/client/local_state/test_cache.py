"""The cache: proved on use, within its limit, shared by processes, and never in the way."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from blake3 import blake3

from relstore.client.local_state.cache import MIN_BYTES, Cache
from relstore.formats.names import Digest


def content(letter: str, size: int = MIN_BYTES) -> tuple[Digest, bytes]:
    data = (letter.encode() * size)[:size]
    return Digest(blake3(data).hexdigest()), data


def add(cache: Cache, letter: str, size: int = MIN_BYTES) -> Digest:
    name, data = content(letter, size)
    source = cache.directory.parent / "source"
    source.write_bytes(data)
    cache.add(name, source, size)
    return name


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def test_what_was_added_is_there(cache: Cache) -> None:
    name = add(cache, "a")
    assert cache.has(name, MIN_BYTES)
    assert not cache.has(name, MIN_BYTES + 1)
    assert cache.get(name) == content("a")[1]
    assert cache.get(content("b")[0]) is None
    assert not cache.has(content("b")[0], MIN_BYTES)


def test_nobody_else_may_read_it(cache: Cache) -> None:
    add(cache, "a")
    (kept,) = cache.kept()
    assert kept.path.stat().st_mode & 0o077 == 0
    assert kept.path.parent.stat().st_mode & 0o077 == 0


def test_what_is_small_or_takes_half_of_the_cache_is_not_kept(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", 100_000)
    assert cache.get(add(cache, "a", MIN_BYTES - 1)) is None
    assert cache.get(add(cache, "b", 50_001)) is None
    assert cache.get(add(cache, "c", 50_000)) is not None


@pytest.mark.parametrize("spoil", [b"", b"x" * MIN_BYTES])
def test_what_rotted_is_removed_when_it_is_used(cache: Cache, spoil: bytes) -> None:
    name = add(cache, "a")
    (kept,) = cache.kept()
    kept.path.write_bytes(spoil)
    assert cache.get(name) is None
    assert cache.kept() == []


def test_a_file_that_changed_while_it_was_copied_is_never_used(cache: Cache, tmp_path: Path) -> None:
    name, _ = content("a")
    source = tmp_path / "source"
    source.write_bytes(b"x" * MIN_BYTES)
    cache.add(name, source, MIN_BYTES)
    assert cache.get(name) is None


def test_what_was_used_least_recently_goes_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", 3 * MIN_BYTES)
    names = [add(cache, letter) for letter in "abcd"]
    for age, name in enumerate(names):
        os.utime(cache.directory / "objects" / name[:2] / name, (age, age))
    assert cache.get(names[0]) is not None  # which makes it the newest
    assert cache.trim() == MIN_BYTES
    assert [cache.get(name) is not None for name in names] == [True, False, True, True]


def test_clearing_leaves_nothing(cache: Cache) -> None:
    add(cache, "a")
    add(cache, "b")
    assert cache.clear() == 2 * MIN_BYTES
    assert cache.kept() == []


def test_a_place_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    cache = Cache(tmp_path / "file" / "cache")
    source = tmp_path / "source"
    source.write_bytes(content("a")[1])
    cache.add(content("a")[0], source, MIN_BYTES)
    assert cache.get(content("a")[0]) is None
    assert (cache.trim(), cache.clear(), cache.kept()) == (0, 0, [])


def use(directory: Path, number: int) -> int:
    """What each of several processes does. Returns how often a content was in the cache."""
    cache = Cache(directory / "cache", 10 * MIN_BYTES)
    there = 0
    source = directory / f"source-{number}"
    for turn in range(40):
        name, data = content("abcdefghijklmnop"[(turn + number) % 16])
        source.write_bytes(data)
        cache.add(name, source, len(data))
        found = cache.get(name)
        assert found is None or found == data
        there += found is not None
        cache.trim()
    return there


def test_many_processes_at_once(tmp_path: Path) -> None:
    # A forked copy of a process with threads may wait for a lock that nobody holds any more.
    with ProcessPoolExecutor(4, get_context("spawn")) as pool:
        assert all(pool.map(use, [tmp_path] * 4, range(4)))
    cache = Cache(tmp_path / "cache", 10 * MIN_BYTES)
    cache.trim()
    assert sum(kept.size for kept in cache.kept()) <= cache.limit
    assert not list(cache.directory.rglob(".new-*"))


def test_nobody_else_may_enter_it_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        cache = Cache(tmp_path / "new" / "cache")
        add_to = tmp_path / "source"
        name, data = content("a")
        add_to.write_bytes(data)
        cache.add(name, add_to, len(data))
    finally:
        os.umask(before)
    (kept,) = cache.kept()
    for place in (kept.path, *list(kept.path.parents)[:5]):
        if place.is_relative_to(tmp_path / "new"):
            assert place.stat().st_mode & 0o077 == 0, place


@pytest.mark.parametrize("shape", ["a file", "a loop", "a full disk", "a device"])
def test_a_cache_that_cannot_be_used_is_no_error(tmp_path: Path, shape: str) -> None:
    place = tmp_path / "cache"
    if shape == "a file":
        place.write_bytes(b"")
    elif shape == "a loop":
        place.symlink_to("cache")
    elif shape == "a full disk":
        place = Path("/proc/self/fd")
    else:
        place = Path("/dev/full")
    cache = Cache(place)
    name, data = content("a")
    (tmp_path / "source").write_bytes(data)
    cache.add(name, tmp_path / "source", len(data))
    cache.add_scan("0" * 64, b"x")
    assert cache.get(name) is None
    assert cache.get_scan("0" * 64) is None
    assert cache.kept() == []
    assert (cache.trim(), cache.clear()) == (0, 0)
