"""Durable writes: the order of the calls that a promise rests on, and what an error leaves."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from relstore.store import durable
from relstore.store.directory import Dir
from relstore.store.durable import Durability, load_syncfs
from tests.support.host_side import need_strace, program

CALLS = "fsync,fdatasync,syncfs,rename,renameat,renameat2,link,linkat,unlink,unlinkat,write,symlinkat,symlink"
ACT = """
from relstore.store import durable
from relstore.store.directory import Dir
from relstore.store.durable import Durability
batch = Durability(durable.load_syncfs("6.1.0") if sys.argv[3] == "syncfs" else None)
with Dir.open_path(sys.argv[1]) as directory:
    if sys.argv[2] == "replace_file":
        durable.replace_file(directory, "name", b"new")
    elif sys.argv[2] == "put_file":
        durable.put_file(directory, "name", b"new")
    elif sys.argv[2] == "create_file":
        durable.create_file(directory, "name", b"new")
    else:
        durable.replace_symlink(directory, "name", "new", batch)
"""


def trace(here: Path, act: str, batch: str, faults: Sequence[str] = ()) -> tuple[int, list[str]]:
    """Run ``act``; its exit code and the calls on the directory's files, as ``call name -> name``."""
    need_strace()
    out = here.parent / "trace"
    # Writes and syncs of other things (the interpreter's own start) name no file of the directory.
    words = ["strace", "-y", "-qq", "-o", str(out), "-e", f"trace={CALLS}"]
    words += [word for fault in faults for word in ("-e", f"inject={fault}")]
    done = subprocess.run(
        [*words, *program(ACT, here, act, batch)], capture_output=True, check=False, timeout=60
    )
    found = []
    for line in out.read_text().splitlines():
        if str(here) not in line:
            continue
        call = line.partition("(")[0]
        names = re.findall(rf"{re.escape(str(here))}(?:/([^>\"]+))?>|\"([^\"]+)\"", line)
        named = [re.sub(r"\.tmp-\w+", "TMP", one or other or ".") for one, other in names]
        found.append(" ".join([re.sub(r"at2?\Z", "", call), *named]))
    return done.returncode, found


def test_a_file_is_on_disk_before_it_has_its_name_and_the_name_before_anybody_is_told(
    directory: Dir, here: Path
) -> None:
    code, calls = trace(here, "replace_file", "fsync")
    assert code == 0
    assert calls == ["write TMP new", "fsync TMP", "rename . TMP . name", "fsync ."]


def test_what_need_not_outlast_a_power_cut_is_whole_and_not_synced(directory: Dir, here: Path) -> None:
    (here / "name").write_bytes(b"old")
    code, calls = trace(here, "put_file", "fsync")
    assert code == 0
    assert calls == ["write TMP new", "rename . TMP . name"]
    assert (here / "name").read_bytes() == b"new"


def test_a_new_file_takes_its_name_by_link(directory: Dir, here: Path) -> None:
    code, calls = trace(here, "create_file", "fsync")
    assert code == 0
    assert calls == ["write TMP new", "fsync TMP", "link . TMP . name", "unlink . TMP", "fsync ."]


@pytest.mark.parametrize(("batch", "sync"), [("fsync", "fsync ."), ("syncfs", "syncfs .")])
def test_a_symlink_is_on_disk_before_it_replaces_another(
    batch: str, sync: str, directory: Dir, here: Path
) -> None:
    code, calls = trace(here, "replace_symlink", batch)
    assert code == 0
    assert calls == ["symlink new . TMP", sync, "rename . TMP . name", "fsync ."]


@pytest.mark.parametrize("fault", ["fsync:error=EIO:when=1", "write:error=ENOSPC:when=1"])
@pytest.mark.parametrize("act", ["replace_file", "create_file"])
def test_an_error_before_the_name_leaves_everything_as_it_was(
    act: str, fault: str, directory: Dir, here: Path
) -> None:
    (here / "name" if act == "replace_file" else here / "other").write_bytes(b"old")
    before = sorted(os.listdir(here))
    code, calls = trace(here, act, "fsync", [fault])
    assert code != 0
    assert sorted(os.listdir(here)) == before
    assert not any(call.startswith(("rename", "link")) for call in calls)


def test_a_failed_sync_is_passed_on_and_never_tried_again(directory: Dir, here: Path) -> None:
    code, calls = trace(here, "replace_file", "fsync", ["fsync:error=EIO:when=1+"])
    assert code != 0
    assert [call for call in calls if call.startswith("fsync")] == ["fsync TMP"]


def test_a_failed_batch_leaves_the_former_symlink(directory: Dir, here: Path) -> None:
    (here / "name").symlink_to("old")
    code, _ = trace(here, "replace_symlink", "syncfs", ["syncfs:error=EIO:when=1"])
    assert code != 0
    assert os.readlink(here / "name") == "old"
    assert os.listdir(here) == ["name"]


@pytest.mark.parametrize(
    ("release", "reliable"),
    [
        ("5.8.0", True),
        ("5.8", True),
        ("5.10.0-28-amd64", True),
        ("6.1-rc1", True),
        ("10.0.1", True),
        ("5.7.19", False),
        ("4.18.0-553.el8_10.x86_64", False),
        ("3.10.0", False),
        ("", False),
        ("next", False),
        ("6", False),
        ("6.x", False),
    ],
)
def test_syncfs_is_used_where_it_tells_of_errors(release: str, reliable: bool) -> None:
    assert (load_syncfs(release) is not None) is reliable


def test_syncfs_reports_the_error_of_the_system() -> None:
    syncfs = load_syncfs("6.1.0")
    assert syncfs is not None
    with pytest.raises(OSError, match="Bad file descriptor"):
        syncfs(-1)


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_files_have_the_mode_that_was_asked_for(umask: int, directory: Dir, here: Path) -> None:
    before = os.umask(umask)
    try:
        durable.replace_file(directory, "replaced", b"", 0o644)
        durable.create_file(directory, "created", b"", 0o444)
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((here / name).stat().st_mode) for name in ("replaced", "created")]
    assert modes == [0o644, 0o444]


def test_only_one_makes_a_new_name(directory: Dir, here: Path) -> None:
    durable.create_file(directory, "name", b"first")
    with pytest.raises(FileExistsError):
        durable.create_file(directory, "name", b"second")
    assert (here / "name").read_bytes() == b"first"
    assert os.listdir(here) == ["name"]


def test_what_is_replaced_may_be_anything_but_a_directory(directory: Dir, here: Path) -> None:
    (here / "name").symlink_to("elsewhere")
    durable.replace_file(directory, "name", b"new")
    assert not (here / "name").is_symlink()
    (here / "dir").mkdir()
    with pytest.raises(IsADirectoryError):
        durable.replace_file(directory, "dir", b"new")
    with pytest.raises(IsADirectoryError):
        durable.replace_symlink(directory, "dir", "x", Durability(None))
    assert sorted(os.listdir(here)) == ["dir", "name"]


def test_removing_what_is_not_there_is_no_error(directory: Dir, here: Path) -> None:
    (here / "name").write_bytes(b"")
    durable.remove_name(directory, "name")
    durable.remove_name(directory, "name")
    assert os.listdir(here) == []
