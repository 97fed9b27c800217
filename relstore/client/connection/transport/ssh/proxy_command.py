"""A ProxyCommand: the user's own program, which carries the connection instead of TCP.

A shell runs it, as with ssh(1), on a socket of its own, so that what it prints on standard error can go into
a message. (asyncssh would split the line itself and treat standard error as part of the connection.) Not for
jump hosts (``connect``).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
from typing import cast

from relstore.client.connection.transport.inbox import Tail

_LAST_WORDS = 0.2
"""Seconds to wait for its message when it fails; usually it has printed that already."""


class ProxyCommand(asyncio.SubprocessProtocol):
    """The running program. Whoever starts it connects over ``socket`` and must ``close`` it."""

    socket: socket.socket

    def __init__(self) -> None:
        self._said = Tail()
        self._over = asyncio.Event()

    @classmethod
    async def start(cls, line: str) -> ProxyCommand:
        """``line`` comes from ssh_config, with ``%h`` and the like expanded. Raises OSError."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                _, proxy = await asyncio.get_running_loop().subprocess_exec(
                    cls,
                    *("/bin/sh", "-c", f"exec {line}"),
                    stdin=theirs.fileno(),
                    stdout=theirs.fileno(),
                    stderr=subprocess.PIPE,
                    start_new_session=True,
                )
        except OSError:
            ours.close()
            raise
        proxy.socket = ours
        return proxy

    async def last_words(self) -> str:
        """Wait a moment; then the end of what it wrote to standard error."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS):
                await self._over.wait()
        return bytes(self._said).decode("utf-8", "replace").strip()

    async def close(self) -> None:
        """End it and whatever it started."""
        self.socket.close()
        if self._transport.get_returncode() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._transport.get_pid(), signal.SIGTERM)
        await self.last_words()
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.SubprocessTransport, transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self._said.add(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._over.set()
