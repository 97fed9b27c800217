"""How many hosts fit into the limit of open files, and what is said when they do not."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys

import pytest

from relstore.client.connection import capacity

SHOW = (
    "import resource; from relstore.client.connection import capacity;"
    "print(capacity.hosts_at_once(150, processes=False), capacity.logins_at_once(),"
    "resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
)


def limited(soft: int, hard: int) -> list[int]:
    """Hosts at once, logins at once and the soft limit afterwards, in a process with these limits."""
    done = subprocess.run(
        [sys.executable, "-c", SHOW],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard)),
        check=True,
        capture_output=True,
        text=True,
    )
    return [int(word) for word in done.stdout.split()]


def test_the_soft_limit_is_raised_first() -> None:
    hosts, logins, soft = limited(128, 4096)
    assert (hosts, logins) == (150, 16)
    assert 300 < soft <= 4096


def test_with_a_low_hard_limit_fewer_hosts_are_connected_to_at_once() -> None:
    hosts, logins, soft = limited(128, 128)
    assert soft == 128
    assert 10 <= hosts < 50
    assert 2 <= logins < 16
    assert limited(50, 50)[:2] == [1, 1]


def test_what_suffices_is_left_alone() -> None:
    assert limited(1024, 4096)[2] == 1024


@pytest.mark.parametrize(("code", "says"), [(errno.EMFILE, "this process"), (errno.ENFILE, "this machine")])
def test_the_hint_is_about_open_files(code: int, says: str) -> None:
    error = capacity.explain(OSError(code, os.strerror(code)))
    assert error is not None
    assert says in error.what
    assert "ulimit -n" in error.hint
    assert capacity.explain(OSError(errno.ENOENT, "no")) is None
