"""A connection to a jump host, over which all hosts behind it are reached.

An sshd turns away logins beyond its MaxStartups (10 by default), so each jump host is logged in to once, and
the hosts behind it only in turns. Not for how long it stays (``connection.leases``).
"""

from __future__ import annotations

import asyncio

import asyncssh

CHANNELS_AT_ONCE = 8
"""How many hosts behind one jump host are being logged in to at a time."""


class Jump:
    """A connection to a jump host. ``label``: what messages call it."""

    def __init__(self, label: str, connection: asyncssh.SSHClientConnection) -> None:
        self.label = label
        self.connection = connection
        self.turns = asyncio.Semaphore(CHANNELS_AT_ONCE)

    @property
    def is_usable(self) -> bool:
        return not self.connection.is_closed()
