"""Turns of hosts, where a command has more of them than it can be connected to at once.

Not for which host is next in an activation (``conductor``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from relstore.client.connection.account import Account
from relstore.client.connection.capacity import hosts_at_once
from relstore.client.target import Target


class Turns(asyncio.Semaphore):
    """Hold one while a host is connected to. With few hosts all have theirs at the same time."""

    def __init__(self, targets: Sequence[Target], account: Account) -> None:
        processes = account.openssh is not None or any(target.is_local for target in targets)
        at_once = hosts_at_once(len(targets), processes=processes)
        super().__init__(at_once)
        self.are_scarce = at_once < len(targets)
        """Whether a host must hang up after its turn, and connect again for what is left to do."""
