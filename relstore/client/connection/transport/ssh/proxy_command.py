"""A ProxyCommand: a program of the user's own that carries the connection instead of TCP.

Run by a shell as ssh(1) does, on a socket of its own, so that what it says on standard error reaches a
message. (asyncssh would split the line itself and take standard error for part of the connection.)
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
"""Seconds to wait for what it says when it fails; it usually has said it already."""


class ProxyCommand(asyncio.SubprocessProtocol):
    """The running program. Whoever starts it connects through ``socket`` and must ``close`` it."""

    socket: socket.socket

    def __init__(self) -> None:
        self._said = Tail()
        self._over = asyncio.Event()

    @classmethod
    async def start(cls, line: str) -> ProxyCommand:
        """``line`` comes from ssh_config, its ``%h`` and the like filled in. Raises OSError."""
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
        """The end of what it wrote to standard error, waiting a moment for it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS):
                await self._over.wait()
        return bytes(self._said).decode("utf-8", "replace").strip()

    async def close(self) -> None:
        """End it, with whatever it started."""
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
