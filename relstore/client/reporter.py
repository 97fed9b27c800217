"""What the client tells whoever watches: progress, notices, the host's output. No-op by default.

The command layer gives an implementation that prints; nothing else in ``client`` does.
"""

from __future__ import annotations


class Reporter:
    """Ignores everything; override what is wanted. ``host`` is a label; amounts are bytes."""

    def notice(self, text: str) -> None:
        """Something that a person should know, without anything having failed."""

    def step(self, host: str, text: str) -> None:
        """What goes on at a host now."""

    def detail(self, host: str, text: str) -> None:
        """Only for whoever asked for more (``-v``)."""

    def progress(self, host: str, done: int, total: int, sent: int) -> None:
        """``done`` of ``total`` of what is missing at a host is on its way, in ``sent`` bytes on the wire."""

    def count(self, host: str, what: str, done: int, total: int) -> None:
        """``done`` of ``total`` of something are done at a host."""

    def sent(self, host: str, total: int, sent: int, seconds: float) -> None:
        """All of it has been sent."""

    def output(self, host: str, data: bytes) -> None:
        """What a command of the deployer printed, here (``host`` empty) or there."""
