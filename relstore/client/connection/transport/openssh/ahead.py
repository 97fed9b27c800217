"""Starts ssh(1) before the rest of the program is loaded, so that it logs in meanwhile. Light to import.

Not for taking over what was started (``connect``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence

from relstore.client.connection.head_start import HeadStart
from relstore.client.connection.transport.address import Address
from relstore.client.connection.transport.openssh.process import SSHProcess, plan_of
from relstore.client.connection.transport.openssh.spawn import SpawnedSSH, SSHPlan
from relstore.client.ssh_program import OpenSSH
from relstore.client.target import Target


def begin(
    head_start: HeadStart[SSHProcess],
    how: OpenSSH,
    targets: Iterable[Target],
    command: str,
    opening: Callable[[Target], bytes],
    paths: tuple[str, ...],
    home: str,
    started: Sequence[SpawnedSSH] = (),
) -> list[SSHPlan]:
    """Have ssh run ``command`` at the targets, which reads ``opening`` first; how it was started.

    What runs already as it is ``started`` is taken. What cannot be started now fails where it is waited for.
    """
    plans = []
    running = list(started)
    for target in targets:
        if target.host is not None:
            address = Address(target.host, target.user, target.port)
            first = opening(target)
            plan = plan_of(how, address, command, first, paths, home)
            plans.append(plan)
            taken = next((each for each in running if each.plan == plan), None)
            if taken is not None:
                running.remove(taken)
                head_start.put((address, command, first), SSHProcess(taken))
                continue
            with contextlib.suppress(OSError):
                head_start.put((address, command, first), SSHProcess.start(plan))
    for unwanted in running:
        unwanted.abandon()
    return plans
