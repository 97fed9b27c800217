"""What the client needs of a transport: to run one command line on a host and exchange bytes with it.

Implemented by ``ssh/`` (asyncssh) and ``local`` (a subprocess). They know nothing of the helper or its
protocol, so that one contract suite tests both. Not for requests (``session``).
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from relstore.client.connection.transport.link_state import LinkState


class Exit(NamedTuple):
    """How a command ended: its exit code, the signal that killed it, or neither when unknown."""

    code: int | None
    signal: str | None = None


class Channel(Protocol):
    """One command that runs on the host."""

    async def read(self, limit: int) -> bytes:
        """Up to ``limit`` bytes of its standard output; ``b""`` at the end. Raises ConnectionLostError."""

    async def write(self, data: bytes) -> None:
        """Send to its standard input; return when there is room for more. Raises ConnectionLostError."""

    async def close(self) -> Exit:
        """End its input, wait briefly for it to end, release it. Never raises; may be called twice."""

    def stderr(self) -> bytes:
        """The last part, at most 8 KiB, of what it has written to its standard error."""


class Transport(Protocol):
    """A connection to one host. One connection carries all that a command does there."""

    label: str
    """How messages name the host: ``user@host:port``, ``host`` or ``this machine``."""

    is_local: bool
    """Whether the host is this machine."""

    async def open(self, command: str, opening: bytes = b"") -> Channel:
        """Run ``command`` (a constant) with the account's login shell, in its login directory.

        ``opening``: what it is to read first, a few KiB, which some transports send while they log in.
        """

    def link(self) -> LinkState | None:
        """What is known about the link to the host; None when nothing is known."""

    async def close(self) -> None:
        """Hang up. Never raises; may be called twice."""
