"""Reading artifacts, and not reading again what is as it was."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relstore.client.artifact import read_file as reading
from relstore.client.artifact import scan as scanning
from relstore.client.artifact.read_file import Read, read_file
from relstore.client.artifact.scan import Scan, scan
from relstore.client.local_state.cache import Cache
from relstore.client.local_state.scan_cache import RACY_NS, KnownFile, ScanCache, Stamp
from relstore.errors import ArtifactError

LARGE = 2 * 1024 * 1024


@pytest.fixture
def cache(tmp_path: Path) -> ScanCache:
    return ScanCache(Cache(tmp_path / "cache"))


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """A build that has been lying there for a while, as far as the tests' clock goes."""
    root = tmp_path / "build"
    (root / "lib").mkdir(parents=True)
    (root / "lib" / "large").write_bytes(os.urandom(LARGE))
    (root / "small").write_bytes(b"small")
    (root / "empty").write_bytes(b"")
    (root / "run").write_bytes(b"#!/bin/sh\n")
    (root / "run").chmod(0o755)
    (root / "link").symlink_to("small")
    return root


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scan's clock is ahead: nothing that was written by now is racy."""
    real = time.time_ns
    monkeypatch.setattr(reading.time, "time_ns", lambda: real() + 2 * RACY_NS)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are read."""
    places: list[str] = []

    def noted(place: str) -> Read:
        places.append(Path(place).name)
        return read_file(place)

    monkeypatch.setattr(scanning, "read_file", noted)
    return places


def same(one: Scan, two: Scan) -> bool:
    return (one.raw, one.build, one.sources) == (two.raw, two.build, two.sources)


def test_what_is_as_it_was_is_not_read_again(
    build: Path, cache: ScanCache, later: None, read: list[str]
) -> None:
    first = scan(build, cache)
    assert sorted(read) == ["empty", "large", "run", "small"]
    read.clear()
    assert same(scan(build, cache), first)
    assert read == []


def test_a_single_file_is_remembered_too(build: Path, cache: ScanCache, later: None, read: list[str]) -> None:
    first = scan(build / "lib" / "large", cache)
    read.clear()
    assert same(scan(build / "lib" / "large", cache), first)
    assert read == []


def write(place: Path) -> None:
    place.write_bytes(os.urandom(LARGE))


def write_and_restore_times(place: Path) -> None:
    before = place.stat()
    write(place)
    os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(place: Path) -> None:
    other = place.with_name("other")
    other.write_bytes(os.urandom(LARGE))
    before = place.stat()
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(place)


def grow(place: Path) -> None:
    with place.open("ab") as file:
        file.write(b"more")


@pytest.mark.parametrize("change", [write, write_and_restore_times, replace, grow])
def test_every_change_is_seen(
    build: Path, cache: ScanCache, later: None, read: list[str], change: Callable[[Path], None]
) -> None:
    before = scan(build, cache)
    read.clear()
    change(build / "lib" / "large")
    after = scan(build, cache)
    assert read == ["large"]
    assert after.build != before.build
    assert same(after, scan(build))


def test_the_executable_bit_and_links_are_never_remembered(
    build: Path, cache: ScanCache, later: None, read: list[str]
) -> None:
    before = scan(build, cache)
    (build / "small").chmod(0o755)
    (build / "link").unlink()
    (build / "link").symlink_to("run")
    (build / "empty").unlink()
    after = scan(build, cache)
    assert same(after, scan(build))
    assert after.build != before.build


def test_a_racy_file_is_read_again(build: Path, cache: ScanCache, read: list[str]) -> None:
    """It was written just before: a later write in the same tick of the clock would leave the same stamp."""
    scan(build, cache)
    read.clear()
    scan(build, cache)
    assert sorted(read) == ["empty", "large", "run", "small"]


def test_a_file_from_the_future_is_racy(build: Path, cache: ScanCache, later: None, read: list[str]) -> None:
    ahead = time.time() + 3600
    os.utime(build / "small", (ahead, ahead))
    scan(build, cache)
    read.clear()
    scan(build, cache)
    assert read == ["small"]


def test_small_scans_are_not_worth_a_file(build: Path, cache: ScanCache, later: None) -> None:
    scan(build / "small", cache)
    assert cache.cache.kept() == []


@pytest.mark.parametrize("damage", [b"", b"x", b"relstore scan 2\n", b"\xff\x00" * 250])
def test_a_damaged_memory_is_none(
    build: Path, cache: ScanCache, later: None, read: list[str], damage: bytes
) -> None:
    first = scan(build, cache)
    (kept,) = cache.cache.kept()
    kept.path.write_bytes(damage)
    read.clear()
    assert same(scan(build, cache), first)
    assert len(read) == 4


@pytest.mark.parametrize("payload", [b"", b"relstore scan 1\n", b"relstore scan 1\n" + b"\xff" * 8, b"other"])
def test_another_versions_memory_is_none(build: Path, cache: ScanCache, later: None, payload: bytes) -> None:
    first = scan(build, cache)
    (kept,) = cache.cache.kept()
    cache.cache.add_scan(kept.path.name, payload)
    assert cache.get(build) == {}
    assert same(scan(build, cache), first)


def test_a_cache_that_cannot_be_written_changes_nothing(tmp_path: Path, build: Path, later: None) -> None:
    (tmp_path / "file").write_bytes(b"")
    scan(build, ScanCache(Cache(tmp_path / "file")))


NUMBERS = st.integers(0, 2**63 - 1)
STAMPS = st.builds(Stamp, NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS)
DIGESTS = st.binary(min_size=32, max_size=32)
PATHS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


@settings(max_examples=50)
@given(st.dictionaries(PATHS, st.builds(KnownFile, STAMPS, DIGESTS, DIGESTS), max_size=20))
def test_what_is_kept_comes_back(
    tmp_path_factory: pytest.TempPathFactory, seen: dict[str, KnownFile]
) -> None:
    place = tmp_path_factory.mktemp("kept")
    cache = ScanCache(Cache(place / "cache"))
    cache.keep(place, seen)
    assert cache.get(place) == seen


def test_a_content_that_changed_after_the_scan_is_named_and_forgotten(
    build: Path, cache: ScanCache, later: None
) -> None:
    scanned = scan(build, cache)
    contents = [file.content for file in scanned.manifest.files()]
    scanned.check_unchanged(contents)
    assert cache.get(build)
    write(build / "lib" / "large")
    with pytest.raises(ArtifactError, match="changed while it was being pushed"):
        scanned.check_unchanged(contents)
    assert cache.get(build) == {}


def test_what_a_build_cannot_hold_is_refused(build: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(build / "socket"))
        with pytest.raises(ArtifactError, match="socket is a device, a socket or a FIFO"):
            scan(build)


def test_an_empty_directory_and_a_missing_one(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="is empty"):
        scan(tmp_path)
    with pytest.raises(ArtifactError, match="does not exist"):
        scan(tmp_path / "none")


def test_a_tree_deeper_than_python_can_recurse(tmp_path: Path) -> None:
    top = os.open(tmp_path, os.O_RDONLY)
    place = os.dup(top)
    for _ in range(3000):
        os.mkdir("d", dir_fd=place)
        below = os.open("d", os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = below
    os.close(place)
    os.close(top)
    try:
        with pytest.raises(ArtifactError, match="too deep"):
            scan(tmp_path)
    finally:  # pytest's own cleaning recurses
        subprocess.run(["rm", "-r", tmp_path / "d"], check=True)


def test_as_deep_as_a_build_may_be(tmp_path: Path) -> None:
    deep = tmp_path / "/".join(["d"] * 127)
    deep.mkdir(parents=True)
    (deep / "file").write_bytes(b"x")
    assert len(scan(tmp_path).manifest.entries) == 128
    (deep / "d").mkdir()
    (deep / "d" / "file").write_bytes(b"x")
    with pytest.raises(ArtifactError, match="too deep"):
        scan(tmp_path)


def test_what_vanishes_during_the_scan_is_named(build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = scanning._find

    def and_remove(artifact: Path, exclude: None) -> list[scanning._Item]:
        items = list(find(artifact, exclude))
        (build / "small").unlink()
        return items

    monkeypatch.setattr(scanning, "_find", and_remove)
    with pytest.raises(ArtifactError, match="small vanished while the artifact was read") as caught:
        scan(build)
    assert "relstore push PATH" not in caught.value.hint


@pytest.mark.parametrize("kind", ["fifo", "symlink", "directory"])
def test_what_becomes_something_else_during_the_scan(
    build: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    find = scanning._find

    def and_change(artifact: Path, exclude: None) -> list[scanning._Item]:
        items = list(find(artifact, exclude))
        (build / "small").unlink()
        if kind == "fifo":
            os.mkfifo(build / "small")
        elif kind == "symlink":
            (build / "small").symlink_to("/etc/passwd")
        else:
            (build / "small").mkdir()
        return items

    monkeypatch.setattr(scanning, "_find", and_change)
    with pytest.raises(ArtifactError, match="small changed"):
        scan(build)


def test_a_file_that_grows_while_it_is_read_is_refused(build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fstat

    def before_it_grew(descriptor: int) -> os.stat_result:
        status = list(real(descriptor))
        status[6] = max(status[6] - 1, 0)
        return os.stat_result(status)

    monkeypatch.setattr(reading.os, "fstat", before_it_grew)
    with pytest.raises(ArtifactError, match="changed while it was being pushed"):
        read_file(str(build / "small"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("name", ["lib", "small"])
def test_what_may_not_be_read_is_named(build: Path, name: str) -> None:
    (build / name).chmod(0)
    with pytest.raises(ArtifactError, match=f"{name}: Permission denied") as caught:
        scan(build)
    (build / name).chmod(0o755)
    assert "readable" in caught.value.hint


def test_an_error_of_reading_names_the_file(build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> Read:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(scanning, "read_file", fail)
    with pytest.raises(ArtifactError, match="Input/output error"):
        scan(build)


def test_a_name_that_is_not_utf_8_is_shown_as_bytes(build: Path) -> None:
    (Path(os.fsdecode(os.fsencode(build) + b"/caf\xe9"))).write_bytes(b"x")
    with pytest.raises(ArtifactError, match=r"the name caf\\xe9 is not UTF-8") as caught:
        scan(build)
    assert "Rename it" in caught.value.hint


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[2Jb"])
def test_a_name_with_control_bytes_has_a_next_step(build: Path, name: str) -> None:
    (build / name).write_bytes(b"x")
    with pytest.raises(ArtifactError, match="control bytes") as caught:
        scan(build)
    assert "Rename it" in caught.value.hint


def test_an_artifact_that_is_a_loop_of_symlinks(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(ArtifactError, match="symbolic links") as caught:
        scan(tmp_path / "a", ScanCache(Cache(tmp_path / "cache")))
    assert caught.value.hint


def test_links_sparse_files_and_case_twins_are_ordinary(tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    (top / "a").write_bytes(b"x")
    os.link(top / "a", top / "A")
    with (top / "sparse").open("wb") as file:
        file.truncate(3 * 1024 * 1024)
    (top / "empty").mkdir()
    (top / "loop").symlink_to("loop")
    (top / "2 % of\u2028it").write_bytes(b"")
    scanned = scan(top)
    assert {entry.path for entry in scanned.manifest.entries} == set(os.listdir(top))
