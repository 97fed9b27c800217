"""Whether ssh(1) makes the connections of a run, or asyncssh. Pure, and light to import.

Not for calling it (``transport.openssh``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SSHWay = Literal["auto", "openssh", "asyncssh"]
SSH_WAYS: tuple[SSHWay, ...] = ("auto", "openssh", "asyncssh")

SYSTEM_SSH_CONFIG = "/etc/ssh/ssh_config"

MAX_HOSTS = 4
"""With more hosts than this, a process for each costs more than importing asyncssh once."""


@dataclass(frozen=True)
class OpenSSH:
    """The user's own ssh, to be run for each connection."""

    program: str
    prompts: bool
    """Whether it may ask a person for a password, a passphrase or about a host's key."""


def choose(way: SSHWay, program: str | None, *, hosts: int, on_terminal: bool) -> OpenSSH | None:
    """What makes the connections to so many ``hosts``; None for asyncssh. ``program``: where ssh is."""
    if way == "openssh" or (way == "auto" and program is not None and 0 < hosts <= MAX_HOSTS):
        return OpenSSH(program or "ssh", prompts=on_terminal and hosts == 1)
    return None
