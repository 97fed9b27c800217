"""One command on a host, over SSH. Not for the connection that carries it (``connect``)."""

from __future__ import annotations

import asyncssh

from relstore.client.connection.transport.base import Exit
from relstore.client.connection.transport.exchange import CLOSE_GRACE, PIECE, Exchange
from relstore.client.connection.transport.ssh.errors import connection_lost
from relstore.errors import ConnectionLostError

WINDOW = 2 * 1024 * 1024
"""Bytes that the host may send ahead of us: with the inbox, all that it can make us hold in memory."""

_MAX_SIGNAL_NAME = 16


class SSHChannel(asyncssh.SSHClientSession[bytes]):
    """The ``Channel`` of a command, and the session that asyncssh reports to."""

    def __init__(self, label: str, opening: bytes = b"") -> None:
        """``opening`` is sent before what is written first, together with it: each message has a price."""
        self._label = label
        self._opening = opening
        self._exchange = Exchange(self._hold, self._release)
        self._closed = False

    async def read(self, limit: int) -> bytes:
        return await self._exchange.output.read(limit)

    async def write(self, data: bytes) -> None:
        if self._opening:
            data, self._opening = self._opening + data, b""
        for start in range(0, len(data), PIECE):
            if self._exchange.ended or self._channel.is_closing():
                raise self._exchange.write_error(self._label)
            self._channel.write(data[start : start + PIECE])
            await self._exchange.room()

    async def close(self) -> Exit:
        if not self._closed:
            self._closed = True
            self._channel.write_eof()
            await self._exchange.wait_over(CLOSE_GRACE)
            self._channel.abort()
        return self._exchange.exit or Exit(None)

    def stderr(self) -> bytes:
        return bytes(self._exchange.errors)

    # --- called by asyncssh ---

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self._channel = chan

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        if datatype == asyncssh.EXTENDED_DATA_STDERR:
            self._exchange.errors.add(data)
        else:
            self._exchange.output.feed(data)

    def eof_received(self) -> bool:
        self._exchange.output.end()
        return True  # its input stays open

    def exit_status_received(self, status: int) -> None:
        self._exchange.exited(Exit(status))

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:
        known = signal.isalnum() and len(signal) <= _MAX_SIGNAL_NAME
        self._exchange.exited(Exit(None, signal if known else "unknown"))

    def connection_lost(self, exc: Exception | None) -> None:
        # A channel that closes properly has said before how its command ended.
        properly = exc is None and self._exchange.exit is not None
        self._exchange.closed(None if properly else self._lost(exc))

    def pause_writing(self) -> None:
        self._exchange.hold_writer()

    def resume_writing(self) -> None:
        self._exchange.release_writer()

    # --- the flow of its output ---

    def _hold(self) -> None:
        self._channel.pause_reading()

    def _release(self) -> None:
        self._channel.resume_reading()

    def _lost(self, exc: Exception | None) -> ConnectionLostError:
        return connection_lost(exc).on(self._label)
