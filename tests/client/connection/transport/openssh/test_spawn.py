"""How ssh is started: with the first that its command reads in its pipe already."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from relstore.client.connection.transport.openssh.spawn import SpawnedSSH, SSHPlan, spawn


def started(opening: bytes, tmp_path: Path, command: str = "exec cat") -> SpawnedSSH:
    words = ("/bin/sh", "-c", command)
    return spawn(SSHPlan(words, "", str(tmp_path), leads=True, opening=opening), dict(os.environ))


def read_all(fd: int) -> bytes:
    with open(fd, "rb", closefd=False) as file:
        return file.read()


def test_the_opening_waits_in_the_pipe(tmp_path: Path) -> None:
    spawned = started(b"first\n", tmp_path)
    assert spawned.unsent == b""
    assert os.get_blocking(spawned.stdin)
    os.write(spawned.stdin, b"then\n")
    os.close(spawned.stdin)
    assert read_all(spawned.stdout) == b"first\nthen\n"
    os.waitpid(spawned.pid, 0)


def test_what_has_no_room_there_is_left(tmp_path: Path) -> None:
    opening = os.urandom(1024 * 1024)
    spawned = started(opening, tmp_path, "exec sleep 600")
    assert 0 < len(spawned.unsent) < len(opening)
    assert opening.endswith(spawned.unsent)
    spawned.abandon()


def test_an_ssh_that_ends_at_once_is_no_error_yet(tmp_path: Path) -> None:
    for _ in range(5):
        spawned = started(b"x" * 1000, tmp_path, "exec <&-; exit 1")
        assert os.waitstatus_to_exitcode(os.waitpid(spawned.pid, 0)[1]) == 1
        spawned.abandon()


@pytest.mark.parametrize("other", [b"", b"another"])
def test_another_opening_is_another_plan(other: bytes) -> None:
    words = ("ssh", "web1")
    one = SSHPlan(words, "", "/tmp", leads=True, opening=b"one")
    assert one == SSHPlan(words, "", "/tmp", leads=True, opening=b"one")
    assert one != SSHPlan(words, "", "/tmp", leads=True, opening=other)
