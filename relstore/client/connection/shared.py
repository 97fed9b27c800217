"""What the connections of one run have in common, so that many hosts cost little more than one.

Not for making a connection (``transport.ssh.connect``), and light to import, as ``account`` is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import Any

from relstore.client.connection.capacity import logins_at_once, process_logins_at_once
from relstore.client.connection.leases import Leases


class Running:
    """What lasts as long as one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.jumps: Leases[Any] = Leases(lambda jump: jump.is_usable)
        """Connections to jump hosts; what they are is for the transport alone."""
        self.ssh_answers: dict[tuple[str, ...], Any] = {}
        """What ssh says about hosts, by the files of ssh_config; for the transport alone."""
        self.configured: dict[Hashable, Any] = {}
        """What was read of them; for the transport alone."""
        self.key_files: Any = None
        """The keys to log in with, as they were read; for the transport alone."""
        self.logins = asyncio.Semaphore(logins_at_once())
        """Connections that are being made."""
        self.process_logins = asyncio.Semaphore(process_logins_at_once())
        """Those that a program makes, which may log in to the same jump host for each."""


class SharedState:
    """Of all connections that one account makes."""

    def __init__(self) -> None:
        self._running: Running | None = None
        self.known_hosts: dict[tuple[str, ...], Any] = {}
        """What the transport has read of these files, and has added since."""

    @property
    def running(self) -> Running:
        """Of the event loop that runs now."""
        loop = asyncio.get_running_loop()
        if self._running is None or self._running.loop is not loop:
            self._running = Running(loop)
        return self._running

    @asynccontextmanager
    async def lasting(self) -> AsyncIterator[None]:
        """A run: within it no jump host is connected to twice."""
        async with self.running.jumps.lasting():
            yield
