"""Builds that real processes use are seen, in whatever way they use them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from relstore.formats.names import Digest
from relstore.gc.processes import are_hidden, builds_in_use, builds_used_by

BUILD = Digest("5eed" * 16)
OTHER = Digest("beef" * 16)
MAPS = """
import mmap, os, sys
with open(sys.argv[1], "rb") as file:
    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
os.closerange(3, 64)  # the mapping's own duplicate too
print(sys.stdin.readline(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A build's tree with a program in it, at a path that no other test has."""
    tree = tmp_path / "builds" / BUILD / "tree"
    tree.mkdir(parents=True)
    cat = shutil.which("cat")
    assert cat is not None
    shutil.copy(cat, tree / "cat")
    return tree


@contextmanager
def running(*words: object, cwd: Path = Path("/"), open_file: Path | None = None) -> Iterator[None]:
    """A process that repeats the first line of its input when it is ready, and ends with its input."""
    fds = [] if open_file is None else [os.open(open_file, os.O_RDONLY)]
    process = subprocess.Popen(
        [str(word) for word in words],
        cwd=cwd,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=fds,
    )
    for fd in fds:
        os.close(fd)
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"ready\n")
        process.stdin.flush()
        process.stdout.readline()
        try:
            yield
        finally:
            process.stdin.close()
            process.wait(timeout=60)


def in_use() -> frozenset[Digest]:
    return builds_in_use().builds & {BUILD, OTHER}


def test_nothing_is_in_use_without_a_process(tree: Path) -> None:
    assert in_use() == frozenset()


def test_executed(tree: Path) -> None:
    with running(tree / "cat"):
        assert in_use() == {BUILD}
    assert in_use() == frozenset()


def test_executed_and_removed_since(tree: Path) -> None:
    with running(tree / "cat"):
        (tree / "cat").unlink()
        assert in_use() == {BUILD}


@pytest.mark.parametrize("below", [".", "..", "deep/er"])
def test_stood_in(tree: Path, below: str) -> None:
    (tree / "deep" / "er").mkdir(parents=True)
    with running("cat", cwd=tree / below):
        assert in_use() == {BUILD}


def test_held_open(tree: Path) -> None:
    with running("cat", open_file=tree / "cat"):
        assert in_use() == {BUILD}


def test_mapped_with_no_descriptor_left(tree: Path) -> None:
    elsewhere = tree.parent.parent.parent / "elsewhere"  # so that its words do not name the build
    elsewhere.symlink_to(tree / "cat")
    with running(sys.executable, "-c", MAPS, elsewhere):
        assert in_use() == {BUILD}


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["/srv/builds/{}/tree/app"], id="a file of it"),
        pytest.param(["/srv/builds/{}"], id="the last word"),
        pytest.param(["/srv/builds/{}", "--more"], id="a word with others after it"),
        pytest.param(["--root=/srv/builds/{}:/etc"], id="in the middle of a word"),
        pytest.param(["cd /srv/builds/{}; ./app"], id="in a shell's line"),
    ],
)
def test_named_in_its_words(words: list[str]) -> None:
    with running("sh", "-c", "cat", "sh", *(word.format(BUILD) for word in words)):
        assert in_use() == {BUILD}


def test_each_of_several(tree: Path) -> None:
    with running("sh", "-c", "cat", "sh", f"/a/builds/{BUILD}/x", f"/b/builds/{OTHER}/y"):
        assert in_use() == {BUILD, OTHER}


@pytest.mark.parametrize(
    "word",
    [f"/srv/builds/{BUILD}0/tree", f"/srv/builds/{BUILD[1:]}/tree", f"/srv/objects/{BUILD}", str(BUILD)],
)
def test_what_only_looks_like_one(word: str) -> None:
    with running("sh", "-c", "cat", "sh", word):
        assert in_use() == frozenset()


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can stop being root")
def test_those_that_may_not_be_looked_into_are_counted(tree: Path) -> None:
    """A process of root's, seen by an ordinary account; threads of the kernel run no build."""
    began = time.clock_gettime(time.CLOCK_BOOTTIME)
    with running("cat", cwd=tree):
        os.seteuid(65534)
        try:
            found = builds_in_use()
        finally:
            os.seteuid(0)
    assert any(
        began - 0.1 < process.start < began + 30 and b"cat" in process.command_line
        for process in found.closed
    )
    assert BUILD not in found.builds
    kernel = [name for name in os.listdir("/proc") if name.isdigit() and not _executes(name)]
    assert len(found.closed) <= len(os.listdir("/proc")) - len(kernel)


def _executes(pid: str) -> bool:
    try:
        return bool(os.readlink(f"/proc/{pid}/exe"))
    except OSError:
        return False


# --- what cannot be brought about with real processes, from a directory made like /proc -----------


def make_process(proc: Path, pid: str, **links: str) -> Path:
    process = proc / pid
    (process / "fd").mkdir(parents=True)
    for name, target in links.items():
        (process / name).symlink_to(target)
    return process


def test_a_kernel_thread_and_one_that_just_ended(tmp_path: Path) -> None:
    make_process(tmp_path, "2").joinpath("maps").write_bytes(b"")
    (tmp_path / "3").mkdir()
    (tmp_path / "self").mkdir()
    assert builds_in_use(str(tmp_path))[:3] == (frozenset(), frozenset(), ())


def test_another_root_directory_and_bytes_that_are_no_text(tmp_path: Path) -> None:
    process = make_process(tmp_path, "10", root=f"/srv/builds/{BUILD}/tree")
    process.joinpath("maps").write_bytes(
        b"7f-80 r-xp 0 0:0 1 /srv/\xff/builds/" + OTHER.encode() + b"/tree/x (deleted)\n"
    )
    assert builds_in_use(str(tmp_path)).builds == {BUILD, OTHER}


def test_the_helpers_that_are_run_are_found(tmp_path: Path) -> None:
    helper = "ab" * 32
    process = tmp_path / "77"
    (process / "fd").mkdir(parents=True)
    (process / "cmdline").write_bytes(f"python3\0-I\0/srv/web/helpers/{helper}\0job\0".encode())
    assert builds_in_use(str(tmp_path))[:3] == (frozenset(), {helper}, ())


@pytest.mark.parametrize(
    ("options", "hidden"),
    [
        ("rw,nosuid,relatime", False),
        ("rw,hidepid=0", False),
        ("rw,hidepid=1", True),
        ("rw,hidepid=noaccess", True),
        ("rw,hidepid=2", True),
        ("rw,hidepid=invisible,gid=987654", True),
        ("rw,hidepid=ptraceable", True),
        (f"rw,gid={os.getegid()},hidepid=invisible", os.geteuid() == 0),
    ],
)
def test_where_other_accounts_are_not_listed(tmp_path: Path, options: str, hidden: bool) -> None:
    """Root sees them nevertheless, which shows by the first process."""
    (tmp_path / "self").mkdir()
    (tmp_path / "self/mounts").write_text(
        f"/dev/sda1 / ext4 rw 0 0\nproc {tmp_path} proc rw,hidepid=2 0 0\nproc {tmp_path} proc {options} 0 0\n"
    )
    assert are_hidden(str(tmp_path)) is hidden
    assert builds_in_use(str(tmp_path)).hidden is hidden
    if os.geteuid() == 0:
        (tmp_path / "1").mkdir()
        assert are_hidden(str(tmp_path)) is False


def test_one_that_is_not_listed_is_not_taken_for_ended(tmp_path: Path) -> None:
    assert builds_used_by(os.getpid(), str(tmp_path)) == (frozenset(), False)
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    assert builds_used_by(ended.pid, str(tmp_path)) == (frozenset(), True)
