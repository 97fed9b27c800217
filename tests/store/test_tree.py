"""Trees: written from a manifest, and every way in which one can differ from it."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from relstore.store.store import Store
from relstore.store.tree import Finding, Proved, check_tree
from tests.support.host_side import SEALED, Content, Link, Program, artifact, push_build

TREE: dict[str, Content] = {
    "bin/run": Program(b"#!/bin/sh\n"),
    "bin/empty": Program(b""),
    "etc/empty": b"",
    "etc/conf": b"port = 80\n",
    "a-b/file": b"x",
    "a/deep/er/file": b"y",
    "void": None,
    "link": Link("etc/conf"),
    "up": Link("a/../etc"),
}


@contextmanager
def writable(path: Path) -> Iterator[None]:
    mode = stat.S_IMODE(path.stat().st_mode)
    path.chmod(0o644)
    yield
    path.chmod(mode)


def test_a_tree_is_what_its_manifest_says(top: Path, store: Store) -> None:
    build = push_build(store, TREE)
    tree = top / "builds" / build / "tree"
    assert (tree / "bin/run").read_bytes() == b"#!/bin/sh\n"
    assert stat.S_IMODE((tree / "bin/run").stat().st_mode) == 0o555
    assert stat.S_IMODE((tree / "bin/empty").stat().st_mode) == 0o555
    assert stat.S_IMODE((tree / "etc/empty").stat().st_mode) == 0o444
    assert stat.S_IMODE((tree / "void").stat().st_mode) == SEALED
    assert os.listdir(tree / "void") == []
    assert os.readlink(tree / "up") == "a/../etc"
    assert store.builds.check(build) == []


def _rot(tree: Path) -> None:
    with writable(tree / "etc/conf"):
        (tree / "etc/conf").write_bytes(b"port = 81\n")


def _grow(tree: Path) -> None:
    with writable(tree / "etc/conf"):
        (tree / "etc/conf").write_bytes(b"port = 8080\n")


def _relink(tree: Path) -> None:
    (tree / "link").unlink()
    (tree / "link").symlink_to("/etc/passwd")


def _swap_directory(tree: Path) -> None:
    (tree / "etc").rename(tree.parent / "moved")
    (tree / "etc").symlink_to(tree.parent / "moved")


def _link_as_file(tree: Path) -> None:
    (tree / "link").unlink()
    (tree / "link").write_text("etc/conf")


def _file_as_directory(tree: Path) -> None:
    (tree / "etc/conf").unlink()
    (tree / "etc/conf").mkdir()


def _directory_as_file(tree: Path) -> None:
    (tree / "void").rmdir()
    (tree / "void").write_text("")


@pytest.mark.parametrize(
    ("change", "path", "problem"),
    [
        (_rot, "etc/conf", "has other bytes"),
        (_grow, "etc/conf", "has 12 bytes instead of 10"),
        (_relink, "link", "points to '/etc/passwd' instead of 'etc/conf'"),
        (_link_as_file, "link", "should be a symlink and is a regular file"),
        (_file_as_directory, "etc/conf", "should be a regular file and is a directory"),
        (_directory_as_file, "void", "should be a directory and is a regular file"),
        (_swap_directory, "etc", "should be a directory and is a symlink to "),
        (lambda tree: (tree / "bin/run").chmod(0o755), "bin/run", "has the mode 0755"),
        (lambda tree: (tree / "void").chmod(0o700), "void", "has the mode 0700"),
        (lambda tree: (tree / "etc/empty").unlink(), "etc/empty", "is missing"),
        (lambda tree: (tree / "new").write_text("x"), "new", "is not part of the release"),
        (lambda tree: (tree / "void/new").symlink_to("x"), "void/new", "is not part of the release"),
        (lambda tree: shutil.rmtree(tree / "a"), "a", "is missing"),
    ],
)
def test_a_change_is_found_where_it_is(
    change: Callable[[Path], object], path: str, problem: str, top: Path, store: Store
) -> None:
    build = push_build(store, TREE)
    change(top / "builds" / build / "tree")
    findings = store.builds.survey(build)
    foreign = problem == "is not part of the release"
    (finding,) = (each for each in findings if each.path == f"builds/{build}/tree/{path}")
    assert (finding.problem if problem[-1] != " " else finding.problem[: len(problem)]) == problem
    assert finding.foreign == foreign
    # Below a directory that is gone there is nothing more to say.
    assert [one for one in findings if not one.path.startswith(f"builds/{build}/tree/{path}")] == []
    assert store.builds.check(build) == ([] if foreign else findings)


def test_bytes_that_trees_share_are_read_once(store: Store, top: Path) -> None:
    """Shown by what changes after it was read: in a file that both share, and in one of the second's own."""
    first, second = push_build(store, {"a": b"1"}), push_build(store, {"a": b"1", "more": b"z"})
    proved = Proved()
    assert store.builds.survey(first, proved) == []
    for name in ("a", "more"):
        file = top / "builds" / second / "tree" / name
        before = file.stat()
        file.chmod(0o644)
        file.write_bytes(b"x")
        file.chmod(0o444)
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert store.builds.survey(second, proved) == [Finding(f"builds/{second}/tree/more", "has other bytes")]


def test_a_tree_is_not_followed_out_of_itself(top: Path, store: Store, tmp_path: Path) -> None:
    """A directory swapped for a symlink to a copy of itself is not taken for it."""
    made = artifact(TREE)
    build = push_build(store, TREE)
    tree = top / "builds" / build / "tree"
    (tree / "a").rename(tmp_path / "a")
    (tree / "a").symlink_to(tmp_path / "a")
    with store.builds.directory.sub(build) as directory, directory.sub("tree") as opened:
        assert list(check_tree(opened, made.manifest, Proved())) == [
            Finding("a", f"should be a directory and is a symlink to {str(tmp_path / 'a')!r}")
        ]
