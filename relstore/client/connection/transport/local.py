"""The transport to this machine: a command runs as a subprocess.

Not a shortcut into the store: a local target is served by the same helper as a remote one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from typing import cast

from relstore.client.connection import capacity
from relstore.client.connection.transport.base import Exit
from relstore.client.connection.transport.exchange import CLOSE_GRACE, PIECE, Exchange
from relstore.errors import ConnectError

LABEL = "this machine"

_STDIN, _STDOUT = 0, 1
_SIGNAL_NAMES = {member.value: member.name.removeprefix("SIG") for member in signal.Signals}


class LocalTransport:
    """Runs commands with ``/bin/sh`` in ``home``, the login directory of the account we run as."""

    label = LABEL
    is_local = True

    def __init__(self, home: str) -> None:
        self._home = home
        self._channels: list[LocalChannel] = []

    def link(self) -> None:
        """There is none."""

    async def open(self, command: str, opening: bytes = b"") -> LocalChannel:
        """Run ``command``, which reads ``opening`` first.

        Raises ConnectError when no process can be started, ConnectionLostError.
        """
        try:
            _, channel = await asyncio.get_running_loop().subprocess_exec(
                LocalChannel,
                *("/bin/sh", "-c", command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=self._home,
                # Ctrl-C at the terminal is for the client; the helper finishes what it has begun.
                start_new_session=True,
            )
        except OSError as exc:
            raise capacity.explain(exc) or ConnectError(
                f"cannot start a command: {exc.strerror or exc}",
                hint=f"It is started with /bin/sh in {self._home}.",
            ).on(LABEL) from None
        self._channels.append(channel)
        if opening:
            await channel.write(opening)
        return channel

    async def close(self) -> None:
        """Close the channels that are still open. May be called twice."""
        channels, self._channels = self._channels, []
        for channel in channels:
            await channel.close()


class LocalChannel(asyncio.SubprocessProtocol):
    """One command that runs on this machine: its ``Channel``, and what asyncio reports to."""

    def __init__(self) -> None:
        self._exchange = Exchange(self._hold, self._release)
        self._closed = False

    async def read(self, limit: int) -> bytes:
        return await self._exchange.output.read(limit)

    async def write(self, data: bytes) -> None:
        for start in range(0, len(data), PIECE):
            if self._exchange.ended or self._stdin.is_closing():
                raise self._exchange.write_error(LABEL)
            self._stdin.write(data[start : start + PIECE])
            await self._exchange.room()

    async def close(self) -> Exit:
        if not self._closed:
            self._closed = True
            self._stdin.close()
            await self._exchange.wait_over(CLOSE_GRACE)
            if self._transport.get_returncode() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._transport.get_pid(), signal.SIGKILL)
            self._transport.close()
            await self._exchange.wait_over(CLOSE_GRACE)
        return self._exchange.exit or Exit(None)

    def stderr(self) -> bytes:
        return bytes(self._exchange.errors)

    # --- called by asyncio ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.SubprocessTransport, transport)
        self._stdin = cast(asyncio.WriteTransport, self._transport.get_pipe_transport(_STDIN))
        self._stdout = cast(asyncio.ReadTransport, self._transport.get_pipe_transport(_STDOUT))

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == _STDOUT:
            self._exchange.output.feed(data)
        else:
            self._exchange.errors.add(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == _STDOUT:
            self._exchange.output.end()
        elif fd == _STDIN:
            self._exchange.release_writer()

    def process_exited(self) -> None:
        code = self._transport.get_returncode()
        if code is not None and code < 0:
            self._exchange.exited(Exit(None, _SIGNAL_NAMES.get(-code, str(-code))))
        else:
            self._exchange.exited(Exit(code))

    def connection_lost(self, exc: Exception | None) -> None:
        self._exchange.closed(None)

    def pause_writing(self) -> None:
        self._exchange.hold_writer()

    def resume_writing(self) -> None:
        self._exchange.release_writer()

    # --- the flow of its output ---

    def _hold(self) -> None:
        self._stdout.pause_reading()

    def _release(self) -> None:
        if not self._stdout.is_closing():
            self._stdout.resume_reading()
