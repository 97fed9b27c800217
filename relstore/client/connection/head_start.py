"""Starts ssh(1) before the rest of the program is loaded, so that it logs in meanwhile. Light to import.

Whoever connects to the host takes over what was started for it. Not for waiting for it.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterable

from relstore.client.connection.command_line import COMMAND
from relstore.client.connection.ssh_program import OpenSSH
from relstore.client.connection.transport.address import Address
from relstore.client.connection.transport.openssh.process import SSHProcess
from relstore.client.target import Target


class HeadStart:
    """What was started ahead, until it is taken over."""

    def __init__(self) -> None:
        self._started: dict[Address, SSHProcess] = {}

    def begin(self, how: OpenSSH, targets: Iterable[Target], paths: tuple[str, ...], home: str) -> None:
        """Have ssh log in to the targets. What cannot be started now fails where it is waited for."""
        for target in targets:
            if target.host is not None:
                address = Address(target.host, target.user, target.port)
                with contextlib.suppress(OSError):
                    self._started[address] = SSHProcess.start(how, address, COMMAND, paths, home)

    def take(self, address: Address, command: str) -> SSHProcess | None:
        """The ssh that runs ``command`` there, if there is one; it is for the caller to end."""
        return self._started.pop(address, None) if command == COMMAND else None

    def end(self) -> None:
        """End what nobody took over."""
        while self._started:
            _, ssh = self._started.popitem()
            ssh.signal(signal.SIGTERM)
            ssh.wait()
            ssh.release()
