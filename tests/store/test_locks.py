"""Locks: who may hold one beside whom, and that one goes with its process, however that ends."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from relstore.errors import BusyError
from relstore.store import locks
from relstore.store.directory import Dir
from relstore.store.store import Store
from tests.support.host_side import WEB, go_live, program

HOLDER = """
import time
from relstore.store import locks
from relstore.store.directory import Dir
with Dir.open_path(sys.argv[1]) as directory:
    with locks.held(directory, "lock", exclusive=sys.argv[2] == "alone"):
        print("held", flush=True)
        time.sleep(60)
"""


def holder(here: Path, how: str) -> subprocess.Popen[str]:
    """Another process that holds the lock until it is killed."""
    process = subprocess.Popen(program(HOLDER, here, how), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


@pytest.mark.parametrize(
    ("theirs", "ours", "possible"),
    [
        ("alone", "alone", False),
        ("alone", "shared", False),
        ("shared", "alone", False),
        ("shared", "shared", True),
    ],
)
def test_who_may_hold_it_beside_whom(
    theirs: str, ours: str, possible: bool, directory: Dir, here: Path
) -> None:
    with holder(here, theirs) as process:
        fd = locks.open_lock(directory, "lock")
        try:
            assert locks.try_lock(fd, exclusive=ours == "alone") is possible
            assert locks.lock_within(fd, exclusive=ours == "alone", seconds=0.05) is possible
        finally:
            os.close(fd)
            process.kill()


def test_a_lock_goes_with_a_killed_process(directory: Dir, here: Path) -> None:
    with holder(here, "alone") as process:
        process.kill()
        process.wait()
        fd = locks.open_lock(directory, "lock")
        try:
            assert locks.lock_within(fd, exclusive=True, seconds=10)
        finally:
            os.close(fd)


def test_a_lock_file_that_is_a_symlink_is_refused(directory: Dir, here: Path, tmp_path: Path) -> None:
    (here / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        locks.open_lock(directory, "lock")
    assert not (tmp_path / "elsewhere").exists()


def test_who_is_waited_for_is_told_and_the_wait_has_an_end(
    directory: Dir, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "WAIT_S", 0.1)
    with holder(here, "alone") as process:
        with pytest.raises(BusyError) as raised:
            locks.open_locked(directory, "lock", exclusive=False)
        process.kill()
    assert raised.value.what == f"{here}/lock has been locked for 0 s by process {process.pid} (python)"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "1: POSIX  ADVISORY  WRITE {pid} {inode} 0 EOF",
        "1: -> FLOCK  ADVISORY  WRITE {pid} {inode} 0 EOF",
        "1: FLOCK  ADVISORY  WRITE 0 {inode} 0 EOF",
        "1: FLOCK  ADVISORY  WRITE {pid} 00:00:1 0 EOF",
        "1: FLOCK",
        "1: FLOCK  ADVISORY  WRITE x {inode} 0 EOF",
    ],
)
def test_whom_the_kernel_does_not_name_is_another_process(directory: Dir, here: Path, line: str) -> None:
    fd = locks.open_lock(directory, "lock")
    found = os.fstat(fd)
    inode = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    (here / "table").write_text(line.format(pid=os.getpid(), inode=inode) + "\n")
    assert locks.holder(fd, str(here / "table")) == "another process"
    assert locks.holder(fd, str(here / "nowhere")) == "another process"
    (here / "table").write_text(f"1: FLOCK ADVISORY WRITE {os.getpid()} {inode} 0 EOF\n")
    assert locks.holder(fd, str(here / "table")).startswith(f"process {os.getpid()} (")
    os.close(fd)


def test_a_lock_is_held_on_the_file_that_has_the_name(
    directory: Dir, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_wait_for = locks.wait_for

    def replace_then_lock(fd: int, path: str, *, exclusive: bool) -> None:
        monkeypatch.setattr(locks, "wait_for", real_wait_for)
        (here / "new").touch()
        (here / "new").rename(here / "lock")
        real_wait_for(fd, path, exclusive=exclusive)

    monkeypatch.setattr(locks, "wait_for", replace_then_lock)
    fd = locks.open_locked(directory, "lock", exclusive=True)
    assert os.path.samestat(os.fstat(fd), (here / "lock").stat())
    os.close(fd)


def modes(top: Path) -> dict[str, int]:
    """The modes of what is locked, and of what is not for others."""
    app = top / "apps" / WEB
    places = [top / name for name in ("lock", "leases", "trash")] + [
        app / name for name in ("lock", "journal", "jobs")
    ]
    return {str(place.relative_to(top)): stat.S_IMODE(place.stat().st_mode) for place in places}


PRIVATE = {
    "lock": 0o600, "leases": 0o700, "trash": 0o700,
    "apps/web/lock": 0o600, "apps/web/journal": 0o600, "apps/web/jobs": 0o700,
}  # fmt: skip


def test_no_other_account_can_lock_anything_of_a_store(store: Store, top: Path) -> None:
    go_live(store, {"a": b"1"})
    with store.app(WEB) as app:
        os.close(locks.open_lock(app.directory, "lock"))
    assert modes(top) == PRIVATE


def test_a_store_of_an_older_relstore_is_tightened_when_it_is_opened(store: Store, top: Path) -> None:
    go_live(store, {"a": b"1"})
    with store.app(WEB) as app:
        os.close(locks.open_lock(app.directory, "lock"))
    for name, mode in PRIVATE.items():
        (top / name).chmod(mode | (0o055 if mode == 0o700 else 0o044))
    with Store.open(str(top)) as opened, opened.app(WEB):
        assert modes(top) == PRIVATE
