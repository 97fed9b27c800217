"""Leases: one a running upload, none after it, and never half a one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from relstore.formats.names import Digest
from relstore.store import leases, locks
from relstore.store.directory import Dir
from tests.support.host_side import program

BUILD = Digest("ab" * 32)


def test_the_second_uploader_of_a_build_gets_a_name_of_its_own(directory: Dir) -> None:
    first = leases.take(directory, BUILD, b"manifest")
    second = leases.take(directory, BUILD, b"manifest")
    assert first.name == BUILD
    assert second.name.startswith(f"{BUILD}.")
    assert sorted(leases.held(directory)) == sorted([first.name, second.name])
    first.release()
    third = leases.take(directory, BUILD, b"manifest")
    assert third.name == BUILD
    second.release()
    third.release()
    assert directory.all_names() == []


def test_a_lease_that_is_held_protects_its_manifest(directory: Dir) -> None:
    lease = leases.take(directory, BUILD, b"what is uploaded")
    assert leases.held(directory) == {BUILD: b"what is uploaded"}
    lease.release()


HOLDER = """
import time
from relstore.store import leases, locks
from relstore.store.directory import Dir
from relstore.formats.names import Digest
with Dir.open_path(sys.argv[1]) as directory:
    lease = leases.take(directory, Digest(sys.argv[2]), b"manifest")
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("alive", [True, False])
def test_a_lease_lives_as_long_as_its_process(alive: bool, directory: Dir, here: Path) -> None:
    with subprocess.Popen(program(HOLDER, here, BUILD), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        if not alive:
            process.kill()
            process.wait()
        assert leases.held(directory) == ({BUILD: b"manifest"} if alive else {})
        process.kill()


def test_an_abandoned_lease_is_taken_over_with_its_name(directory: Dir, here: Path) -> None:
    (here / BUILD).write_bytes(b"a longer manifest than the new one has")
    lease = leases.take(directory, BUILD, b"new")
    assert lease.name == BUILD
    assert leases.held(directory) == {BUILD: b"new"}
    lease.release()


def test_a_lease_has_its_name_though_the_holder_before_removed_it_meanwhile(
    directory: Dir, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the opening of the file and the locking of it."""
    previous = leases.take(directory, BUILD, b"previous")
    real_try_lock = locks.try_lock

    def release_then_lock(fd: int, *, exclusive: bool) -> bool:
        monkeypatch.setattr(locks, "try_lock", real_try_lock)
        previous.release()
        return real_try_lock(fd, exclusive=exclusive)

    monkeypatch.setattr(locks, "try_lock", release_then_lock)
    lease = leases.take(directory, BUILD, b"new")
    assert leases.held(directory) == {BUILD: b"new"}
    lease.release()


def test_a_lease_that_ends_at_that_moment_ends_no_collection(
    directory: Dir, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (leases.take(directory, Digest(name * 32), b"m") for name in ("ab", "cd"))
    real_names = directory.names()
    monkeypatch.setattr(directory, "names", lambda: real_names)
    first.release()
    assert leases.held(directory) == {second.name: b"m"}
    monkeypatch.setattr(leases, "is_held", lambda leases, name: True)
    assert leases.held(directory) == {second.name: b"m"}
    second.release()


def test_releasing_cannot_fail(directory: Dir, here: Path) -> None:
    lease = leases.take(directory, BUILD, b"manifest")
    (here / BUILD).unlink()
    lease.release()


TAKE = """
from relstore.store import leases, locks
from relstore.store.directory import Dir
from relstore.formats.names import Digest
with Dir.open_path(sys.argv[1]) as directory:
    for number in range(int(sys.argv[3])):
        lease = leases.take(directory, Digest(sys.argv[2]), b"manifest")
        assert directory.lstat(lease.name) is not None
        assert leases.locks.is_named(directory, lease.name, lease._fd)
        lease.release()
"""


@pytest.mark.slow
def test_uploads_that_come_and_go_at_once_never_lose_a_name(directory: Dir, here: Path) -> None:
    takers = [subprocess.Popen(program(TAKE, here, BUILD, 500)) for _ in range(3)]
    assert [taker.wait(timeout=120) for taker in takers] == [0, 0, 0]
    assert directory.all_names() == []
