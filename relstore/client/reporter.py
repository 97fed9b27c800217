"""What the client reports to whoever watches: progress, notices, the host's output. No-op by default.

The command layer passes an implementation that prints; nothing in ``client`` prints.
"""

from __future__ import annotations


class Reporter:
    """Ignores everything; override what you need. ``host`` is a label; amounts are in bytes."""

    def notice(self, text: str) -> None:
        """Something that a person should know although nothing has failed."""

    def step(self, host: str, text: str) -> None:
        """What a host is doing now."""

    def waits(self, host: str, step: str, text: str) -> None:
        """What a host waits for in ``step``, or ``""``."""

    def detail(self, host: str, text: str) -> None:
        """Only shown on request (``-v``)."""

    def accepted(self, host: str, job: str) -> None:
        """The host has accepted ``job``, and finishes it whatever happens here. May be said twice."""

    def ended(self, host: str, outcome: str) -> None:
        """The host has nothing more to do, for the time being."""

    def progress(self, host: str, done: int, total: int, sent: int) -> None:
        """``done`` of the ``total`` bytes that a host lacks have been sent, as ``sent`` bytes on the wire."""

    def count(self, host: str, what: str, done: int, total: int) -> None:
        """``done`` of ``total`` of ``what`` are finished at a host."""

    def drew(self, host: str, drawn: int) -> None:
        """A host has fetched so many bytes from an origin."""

    def sent(self, host: str, total: int, sent: int, seconds: float, drawn: int = 0) -> None:
        """Everything has arrived: ``sent`` bytes from here, and ``drawn`` from an origin."""

    def output(self, host: str, data: bytes) -> None:
        """What a command of the deployer printed, on this machine (``host`` empty) or on a host."""


SILENT = Reporter()
"""For whoever does not watch."""
