"""Leases: one a running upload, none after it, and never half a one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from relstore.formats.names import Digest
from relstore.store import leases
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
from relstore.store import leases
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
