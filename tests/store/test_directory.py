"""Directories by descriptor: single names only, and never through a symlink."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from relstore.errors import StoreError
from relstore.store.directory import Dir, component


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/", "/etc", "a\0b"])
def test_what_is_not_one_component_is_refused(name: str, directory: Dir) -> None:
    with pytest.raises(StoreError, match="cannot be a name"):
        component(name)
    for act in (directory.sub, directory.make, directory.create_file, directory.unlink, directory.lstat):
        with pytest.raises(StoreError):
            act(name)


@pytest.mark.parametrize("name", ["a", "...", "a.b", " ", "-rf", "ü", "\n", "x" * 255])
def test_one_component_is_a_name(name: str) -> None:
    assert component(name) == name


def test_a_symlink_is_never_followed(directory: Dir, here: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("secret")
    (here / "dir").symlink_to(outside)
    (here / "file").symlink_to(outside / "file")
    (here / "dangling").symlink_to(outside / "new")
    with pytest.raises(NotADirectoryError):
        directory.sub("dir")
    with pytest.raises(NotADirectoryError):
        directory.make_or_open("dir")
    with pytest.raises(StoreError, match="is not a regular file"):
        directory.open_file("file")
    for name in ("file", "dangling"):
        with pytest.raises(FileExistsError):
            directory.create_file(name)
    assert sorted(os.listdir(outside)) == ["file"]


def test_a_hard_link_of_a_symlink_is_one_of_itself(directory: Dir, here: Path, tmp_path: Path) -> None:
    (tmp_path / "target").write_text("x")
    (here / "link").symlink_to(tmp_path / "target")
    directory.link("link", directory, "other")
    assert os.readlink(here / "other") == str(tmp_path / "target")


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
def test_a_directory_has_the_mode_that_was_asked_for(umask: int, directory: Dir, here: Path) -> None:
    # Without the right to enter what it made, an ordinary account could not even fix the mode.
    if umask == 0o777 and os.geteuid() != 0:
        umask = 0o077
    before = os.umask(umask)
    try:
        directory.make("made").close()
    finally:
        os.umask(before)
    assert stat.S_IMODE((here / "made").stat().st_mode) == 0o755


def test_what_is_no_regular_file_is_not_read(directory: Dir, here: Path) -> None:
    os.mkfifo(here / "fifo")
    (here / "dir").mkdir()
    for name in ("fifo", "dir"):
        with pytest.raises(StoreError, match="not a regular file"):
            directory.open_file(name)


def test_a_file_over_its_limit_is_refused(directory: Dir, here: Path) -> None:
    (here / "file").write_bytes(b"12345")
    assert directory.read("file", 5) == b"12345"
    with pytest.raises(StoreError, match="larger than the 4 bytes"):
        directory.read("file", 4)
    assert directory.read_or_none("none", 4) is None


def test_what_should_be_a_symlink_and_is_not(directory: Dir, here: Path) -> None:
    (here / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="should be a symlink"):
        directory.readlink("file")
    assert directory.readlink("none") is None


def test_temporary_names_are_left_out(directory: Dir, here: Path) -> None:
    for name in ("b", ".tmp-1", "a"):
        (here / name).write_bytes(b"")
    assert directory.names() == ["a", "b"]
    assert sorted(directory.all_names()) == [".tmp-1", "a", "b"]


def test_removing_a_tree_stops_at_its_symlinks(directory: Dir, here: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    (here / "tree/deep/er").mkdir(parents=True)
    (here / "tree/deep/file").write_text("x")
    (here / "tree/deep/out").symlink_to(outside)
    directory.remove_tree("tree")
    directory.remove_tree("tree")
    assert not (here / "tree").exists()
    assert (outside / "kept").exists()


def test_closing_twice_does_not_close_what_took_its_number(directory: Dir) -> None:
    opened = directory.make("sub")
    number = opened.fd
    opened.close()
    again = os.open("/dev/null", os.O_RDONLY)
    try:
        assert again == number
        opened.close()
        os.fstat(again)
    finally:
        os.close(again)
