"""The state of one running command: its output, its standard error, how it ended.

Both transports update it from their callbacks and serve a ``Channel`` from it, so that they behave alike. It
sends nothing itself.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from relstore.client.connection.transport.base import Exit
from relstore.client.connection.transport.inbox import Inbox, Tail
from relstore.errors import ConnectionLostError, RelstoreError

CLOSE_GRACE = 2.0
"""Seconds that a command has to end by itself once its input has ended."""

PIECE = 64 * 1024
"""Bytes handed over at once: enough for full speed, little enough to keep buffers small."""


class Exchange:
    """``hold`` and ``release`` stop and restart the flow of the command's output."""

    def __init__(self, hold: Callable[[], None], release: Callable[[], None]) -> None:
        self.output = Inbox(hold, release)
        self.errors = Tail()
        self.exit: Exit | None = None
        self.lost: ConnectionLostError | None = None
        self._room = asyncio.Event()
        self._room.set()
        self._over = asyncio.Event()

    def exited(self, result: Exit) -> None:
        """The command ended; output that is still on its way may follow."""
        self.exit = result
        self._room.set()
        if self.output.held:
            # Only a reader who gets that far learns of the end of the streams, and none will.
            self._over.set()

    def closed(self, error: ConnectionLostError | None) -> None:
        """Nothing more will come; ``error`` tells why, when it ended too soon."""
        self.lost = error
        self.output.end(error)
        self._room.set()
        self._over.set()

    def hold_writer(self) -> None:
        """The buffers towards the command are full."""
        if not self.ended:
            self._room.clear()

    def release_writer(self) -> None:
        """They have room again."""
        self._room.set()

    @property
    def ended(self) -> bool:
        """Whether the command has ended, though its input may still look open."""
        return self.exit is not None or self._over.is_set()

    def write_error(self, host: str) -> RelstoreError:
        """Why nothing more can be written to the command on ``host``."""
        if self.lost is not None:
            return self.lost.with_traceback(None)
        return ConnectionLostError(
            "the command on the host ended while data was being sent to it", hint=ConnectionLostError.HINT
        ).on(host)

    async def room(self) -> None:
        """Return when there is room to write, or when it has ended."""
        await self._room.wait()

    async def wait_over(self, seconds: float) -> None:
        """Return when the command and its streams have ended, or after ``seconds``."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._over.wait()
