"""Starts ssh(1) before the rest of the program is loaded, so that it logs in meanwhile. Light to import.

Not for taking over what was started (``connect``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from relstore.client.connection.head_start import HeadStart
from relstore.client.connection.transport.address import Address
from relstore.client.connection.transport.openssh.process import SSHProcess
from relstore.client.ssh_program import OpenSSH
from relstore.client.target import Target


def begin(
    head_start: HeadStart[SSHProcess],
    how: OpenSSH,
    targets: Iterable[Target],
    command: str,
    paths: tuple[str, ...],
    home: str,
) -> None:
    """Have ssh run ``command`` at the targets. What cannot be started now fails where it is waited for."""
    for target in targets:
        if target.host is not None:
            address = Address(target.host, target.user, target.port)
            with contextlib.suppress(OSError):
                head_start.put((address, command), SSHProcess.start(how, address, command, paths, home))
