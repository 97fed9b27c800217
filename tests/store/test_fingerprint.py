"""Fingerprints of builds: whatever happens to a file shows, also when its size and its time are put back."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from relstore.errors import StoreError
from relstore.formats.names import Digest
from relstore.store import fingerprint, publish
from relstore.store.directory import Dir
from relstore.store.fingerprint import Fingerprint
from relstore.store.store import Store
from tests.support.host_side import Content, Copied, Link, Program, artifact, begin_upload, push_build

TREE: dict[str, Content] = {
    "a/one": b"one",
    "a/b/two": b"two",
    "a-b": b"between a and a/b, by the bytes of their paths",
    "bin/run": Program(b"#!/bin/sh\n"),
    "copy": Copied(b"a copy"),
    "empty": b"",
    "link": Link("a/one"),
    "n\u00e4me": b"not ascii",
    "nothing": None,
}


def published(store: Store) -> tuple[Digest, bytes | None]:
    """A build, and the fingerprint that its publishing gave."""
    made = artifact(TREE)
    upload = begin_upload(store, made)
    for item in upload.missing():
        upload.put(item.content, item.offset, made.data[upload.contents[item.content].blake3])
    taken = publish.publish(upload, publish.survey(upload))
    upload.close(done=True)
    return made.build, taken


def taken_now(store: Store, build: Digest) -> bytes:
    with store.builds.directory.sub(build) as directory:
        return fingerprint.take(directory)


def test_publishing_gives_that_of_what_it_made(store: Store) -> None:
    build, taken = published(store)
    assert taken is not None
    assert taken == taken_now(store, build) == taken_now(store, build)


def test_re_used_objects_are_part_of_it(store: Store) -> None:
    push_build(store, {"other": b"one", "more": b"two"})
    build, taken = published(store)
    assert taken is not None
    assert taken == taken_now(store, build)


def test_a_build_that_is_there_already_gives_none(store: Store) -> None:
    published(store)
    assert published(store)[1] is None


def rewrite(path: Path, data: bytes) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    path.chmod(0o644)
    path.write_bytes(data)
    path.chmod(mode)


def rewrite_with_its_time(path: Path) -> None:
    before = path.stat()
    rewrite(path, path.read_bytes()[::-1])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns, after.st_mode) == (
        before.st_size, before.st_mtime_ns, before.st_mode
    )  # fmt: skip


def swap(path: Path) -> None:
    """Another inode with the same bytes, mode and time."""
    new = path.with_name("new")
    shutil.copy2(path, new)
    new.replace(path)


CHANGES: dict[str, Callable[[Path], None]] = {
    "other bytes": lambda tree: rewrite(tree / "a/one", b"two"),
    "other bytes, with size and time of before": lambda tree: rewrite_with_its_time(tree / "a/b/two"),
    "another time": lambda tree: os.utime(tree / "a-b", (0, 0)),
    "a time of the future": lambda tree: os.utime(tree / "a-b", (2**33, 2**33)),
    "another inode": lambda tree: swap(tree / "bin/run"),
    "another mode": lambda tree: (tree / "bin/run").chmod(0o4555),
    "a mode there and back": lambda tree: [(tree / "copy").chmod(mode) for mode in (0o600, 0o444)],  # type: ignore[dict-item,return-value]
    "one more link": lambda tree: os.link(tree / "copy", tree.parent / "twin"),
    "a file that is gone": lambda tree: (tree / "empty").unlink(),
    "a file more": lambda tree: (tree / "nothing" / "more").write_bytes(b""),  # type: ignore[dict-item,return-value]
    "a directory more": lambda tree: (tree / "more").mkdir(),
    "another name": lambda tree: (tree / "empty").rename(tree / "void"),  # type: ignore[dict-item,return-value]
    "a link elsewhere": lambda tree: [(tree / "link").unlink(), (tree / "link").symlink_to("a-b")],  # type: ignore[dict-item,return-value]
    "a directory's mode": lambda tree: (tree / "a").chmod(0o777),
    "a directory that was replaced": lambda tree: [
        (tree / "a").rename(tree.parent / "old"), shutil.copytree(tree.parent / "old", tree / "a")
    ],  # type: ignore[dict-item,return-value]
    "the manifest": lambda tree: rewrite_with_its_time(tree.parent / "manifest"),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_every_change_shows(store: Store, top: Path, change: Callable[[Path], object]) -> None:
    build, taken = published(store)
    tree = top / "builds" / build / "tree"
    for directory in (tree.parent, tree, *(path for path in tree.rglob("*") if path.is_dir())):
        directory.chmod(0o755)
    before = taken_now(store, build)
    change(tree)
    assert taken_now(store, build) not in (before, taken)


def test_a_file_that_was_changed_before_it_was_linked_gives_none(store: Store, top: Path) -> None:
    """Between its arrival and its publishing, as by another program of the same account."""
    made = artifact(TREE)
    upload = begin_upload(store, made)
    for item in upload.missing():
        upload.put(item.content, item.offset, made.data[upload.contents[item.content].blake3])
    surveyed = publish.survey(upload)
    staged = next(
        path for path in (top / "staging").rglob("*") if path.is_file() and path.stat().st_size == 3
    )
    time.sleep(0.02)
    rewrite(staged, b"six")
    assert publish.publish(upload, surveyed) is None
    upload.close(done=True)


def test_what_changes_within_the_tick_is_racy(directory: Dir, here: Path) -> None:
    (here / "file").write_bytes(b"")
    status = (here / "file").stat()
    for tick, racy in ((status.st_ctime_ns, True), (status.st_ctime_ns + 1, False)):
        taken = Fingerprint(tick)
        taken.add(["file"], [status])
        assert taken.is_racy == racy


def test_a_change_after_the_tick_has_a_later_time(directory: Dir, here: Path) -> None:
    file = here / "file"
    for _ in range(20):
        file.write_bytes(b"a")
        tick = fingerprint.next_tick(directory)
        assert tick is not None
        assert file.stat().st_ctime_ns < tick
        file.write_bytes(b"b")
        assert file.stat().st_ctime_ns >= tick
    assert directory.all_names() == ["file"]


@pytest.fixture
def coarse(tmp_path: Path) -> Iterator[Path]:
    """A file system that counts time in whole seconds: ext4 with small inodes."""
    if os.geteuid() != 0 or not shutil.which("mkfs.ext4"):
        pytest.skip("needs root and mkfs.ext4")
    image, place = tmp_path / "image", tmp_path / "coarse"
    place.mkdir()
    with open(image, "wb") as file:
        file.truncate(16 * 1024 * 1024)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-I", "128", image], check=True, stderr=subprocess.DEVNULL)
    mounted = subprocess.run(["mount", "-o", "loop", image, place], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("nothing can be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def test_where_the_clock_is_coarse_there_is_none(coarse: Path) -> None:
    with Store.open(str(coarse / "store"), create=True) as store:
        while time.time() % 1 > 0.5:  # not over the end of a second
            time.sleep(0.05)
        build, taken = published(store)
        assert taken is None
        assert store.builds.check(build) == []


def test_deeper_than_a_build_is_no_build(store: Store, top: Path) -> None:
    build, _ = published(store)
    place = top / "builds" / build / "tree"
    place.chmod(0o755)
    (place / "/".join(["d"] * 200)).mkdir(parents=True)
    with pytest.raises(StoreError):
        taken_now(store, build)
