"""Counts an upload: how much of the artifact was read, what went over the wire, how long that took."""

from __future__ import annotations

import time
from collections.abc import Awaitable

from relstore.client.connection.transport.link_state import LinkState
from relstore.client.reporter import Reporter
from relstore.client.transfer.chunks import Chunk

_MADE_SHARE = 0.5
"""When more than this share of the time passed between chunks, the link was not the bottleneck."""

_PERCENTILE = 0.9
"""Which of the observed rates counts. TCP starts slowly, and a short upload ends soon after: half of its
rates are lower than what the link carries. The highest may come from acknowledgements that came together."""

_ENOUGH_BYTES = 1024 * 1024
"""Fewer bytes than this fit into the buffers on the way."""


class Meter:
    """One upload to one host; tells the reporter about its progress."""

    def __init__(self, label: str, total: int, reporter: Reporter) -> None:
        self.label = label
        self.total = total
        """Bytes of the artifact that are to be sent."""
        self.reporter = reporter
        self.done = 0
        """Bytes of the artifact that have been sent, in whatever form."""
        self.sent = 0
        """Bytes on the wire, before SSH adds its own."""
        self.drawn = 0
        """Bytes that came from an origin."""
        self.gave_up = False
        """Whether the origin has failed at this host."""
        self._rates: list[float] = []
        self._watched = False
        self._began = 0.0
        self._ended = 0.0
        self._making = 0.0

    async def sending(self, work: Awaitable[None], chunk: Chunk) -> None:
        """``work`` sends a chunk."""
        began = time.monotonic()
        self._making += began - self._ended if self._ended else 0.0
        self._began = self._began or began
        await work
        self._ended = time.monotonic()
        self.sent += len(chunk.data)
        self.done += chunk.size
        self.reporter.progress(self.label, self.done, self.total, self.sent)

    def finish(self) -> None:
        """Call it when everything has arrived."""
        self.reporter.sent(self.label, self.total, self.sent, self.elapsed(), self.drawn)

    def drew(self, count: int) -> None:
        """So many bytes came from an origin."""
        self.drawn += count
        self.reporter.drew(self.label, self.drawn)

    def saw(self, link: LinkState | None) -> None:
        """Note the state of the link, just after something was sent."""
        if link is None:
            return
        self._watched = True
        if link.rate is not None:
            self._rates.append(link.rate)

    def speed(self) -> float | None:
        """Bytes a second that the link seems to carry; None when nothing is known."""
        if self._rates:
            return sorted(self._rates)[int(_PERCENTILE * (len(self._rates) - 1))]
        if self._watched or not self.waited:
            return None  # a kernel that watches the link gives a rate whenever the link is the bottleneck
        return self.sent / self.elapsed()

    @property
    def waited(self) -> bool:
        """Whether the link was the bottleneck; otherwise it may carry more than was observed.

        A short upload fits into buffers, and travels while we wait for the host's answer. An even shorter one
        arrives before TCP has found out what the link carries.
        """
        return self.sent >= _ENOUGH_BYTES and self._making < _MADE_SHARE * self.elapsed()

    def elapsed(self) -> float:
        """Seconds since the first byte was sent."""
        return time.monotonic() - self._began if self._began else 0.0
