"""What is read of an old release, and what keeps it from being taken."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from relstore.errors import UnfitReleaseError
from relstore.formats.manifest import Directory, File, Symlink
from relstore.host.adopt import old_tree
from relstore.host.adopt.layout import OldRelease
from tests.support import old_layouts


def release(path: Path, blake2b: str = "") -> OldRelease:
    return OldRelease(path.name, str(path), 0, None, "", False, blake2b)


def read(path: Path, *exclude: str) -> old_tree.OldTree:
    return old_tree.read(release(path), "", exclude, lambda _: None)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    old_layouts.tree(tmp_path / "r", "v1", tmp_path / "shared")
    old_layouts.settle(tmp_path)
    return tmp_path / "r"


def test_its_entries(tree: Path) -> None:
    manifest, _, _, sources = read(tree)
    assert [entry.path for entry in manifest.entries] == ["bin", "bin/web", "uploads", "version"]
    directory, program, link, version = manifest.entries
    assert isinstance(directory, Directory)
    assert isinstance(program, File)
    assert program.content.executable
    assert isinstance(link, Symlink)
    assert link.target == f"{tree.parent}/shared/uploads"
    assert isinstance(version, File)
    assert not version.content.executable
    assert sources[program.content.blake3] == ("bin", "web")


def _socket(tree: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tree / "it"))


def _not_text(tree: Path) -> None:
    (Path(os.fsdecode(os.fsencode(tree) + b"/\xff"))).touch()


def _fresh(tree: Path) -> None:
    old_layouts.just_now(tree / "version")


def _newline(tree: Path) -> None:
    (tree / "a\nb").touch()


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (_socket, "it is a socket, a device or a FIFO"),
        (lambda tree: os.mkfifo(tree / "it"), "it is a socket, a device or a FIFO"),
        (_not_text, "UTF-8"),
        (_newline, "control"),
        (_fresh, "version was changed within the last 2 minutes"),
    ],
)
def test_what_no_build_can_hold(spoil: Callable[[Path], None], problem: str, tree: Path) -> None:
    spoil(tree)
    with pytest.raises(UnfitReleaseError, match=problem):
        read(tree)


def test_it_can_be_left_out(tree: Path) -> None:
    (tree / "log/deep").mkdir(parents=True)
    (tree / "log/deep/now").write_text("writing")
    with pytest.raises(UnfitReleaseError):
        read(tree)
    manifest = read(tree, "log/", "version").manifest
    assert [entry.path for entry in manifest.entries] == ["bin", "bin/web", "uploads"]


def test_nothing_in_it(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    with pytest.raises(UnfitReleaseError, match="0 entries"):
        read(tmp_path / "r")


def test_a_single_file_and_a_half_copied_one(tmp_path: Path) -> None:
    whole, half, _ = old_layouts.versions(tmp_path)
    half.write_bytes(half.read_bytes()[:5])
    for path, is_whole in ((whole, True), (half, False)):
        one = release(path, path.name.rpartition("-")[2])
        if is_whole:
            manifest, _, _, sources = old_tree.read(one, "example", (), lambda _: None)
            assert [entry.path for entry in manifest.entries] == ["example"]
            assert list(sources.values()) == [(path.name,)]
        else:
            with pytest.raises(UnfitReleaseError, match="not whole"):
                old_tree.read(one, "example", (), lambda _: None)


def test_long_lists_are_cut(tree: Path) -> None:
    for number in range(30):
        (tree / f"new{number:02}").touch()
    with pytest.raises(UnfitReleaseError, match="and 20 more") as caught:
        read(tree)
    assert len(caught.value.problems) == 11
