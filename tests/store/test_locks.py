"""Locks: who may hold one beside whom, and that one goes with its process, however that ends."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from relstore.store import locks
from relstore.store.directory import Dir
from tests.support.host_side import program

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
