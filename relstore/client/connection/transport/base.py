"""What the client needs of a way to reach a host: run one command line, exchange bytes with it.

Implementations: ``ssh/`` (asyncssh) and ``local`` (a subprocess). They know nothing of the helper or
its protocol, so that one contract suite holds both.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from relstore.client.connection.transport.link_state import LinkState


class Exit(NamedTuple):
    """How a command ended: its exit code, or the signal that killed it, or neither when unknown."""

    code: int | None
    signal: str | None = None


class Channel(Protocol):
    """One command that runs on the host."""

    async def read(self, limit: int) -> bytes:
        """Up to ``limit`` bytes of its standard output; ``b""`` at the end. Raises ConnectionLostError."""

    async def write(self, data: bytes) -> None:
        """Send to its standard input; returns when there is room again. Raises ConnectionLostError."""

    async def close(self) -> Exit:
        """End its input, wait briefly for it to end, release it. Never raises; may be called twice."""

    def stderr(self) -> bytes:
        """The last 8 KiB at most of what it wrote to its standard error so far."""


class Transport(Protocol):
    """A connection to one host. One connection carries all that a command does there."""

    label: str
    """How messages name the host: ``user@host:port``, ``host`` or ``this machine``."""

    is_local: bool
    """Whether the host is this machine."""

    async def open(self, command: str) -> Channel:
        """Run ``command`` (a constant) with the account's login shell, in its login directory."""

    def link(self) -> LinkState | None:
        """What is known of the link to the host; None when nothing is."""

    async def close(self) -> None:
        """Hang up. Never raises; may be called twice."""
