"""Which of the two makes the connections of a run."""

from __future__ import annotations

import pytest

from relstore.client.ssh_program import MAX_HOSTS, OpenSSH, SSHWay, choose

SSH = "/usr/bin/ssh"


@pytest.mark.parametrize(
    ("way", "program", "hosts", "chosen"),
    [
        ("auto", SSH, 1, SSH),
        ("auto", SSH, MAX_HOSTS, SSH),
        ("auto", SSH, MAX_HOSTS + 1, None),
        ("auto", SSH, 0, None),
        ("auto", None, 1, None),
        ("openssh", SSH, 100, SSH),
        ("openssh", None, 1, "ssh"),
        ("asyncssh", SSH, 1, None),
    ],
)
def test_who_connects(way: SSHWay, program: str | None, hosts: int, chosen: str | None) -> None:
    how = choose(way, program, hosts=hosts, on_terminal=False)
    assert (how and how.program) == chosen


def test_a_person_is_asked_only_about_one_host_and_at_a_terminal() -> None:
    assert choose("auto", SSH, hosts=1, on_terminal=True) == OpenSSH(SSH, prompts=True)
    assert choose("auto", SSH, hosts=2, on_terminal=True) == OpenSSH(SSH, prompts=False)
    assert choose("auto", SSH, hosts=1, on_terminal=False) == OpenSSH(SSH, prompts=False)
