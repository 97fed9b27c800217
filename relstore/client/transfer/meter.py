"""Counting an upload: what of the artifact was read, what went over the wire, how long that took."""

from __future__ import annotations

import time
from collections.abc import Awaitable

from relstore.client.connection.transport.link_state import LinkState
from relstore.client.reporter import Reporter
from relstore.client.transfer.chunks import Chunk

_MADE_SHARE = 0.5
"""Of the time, spent between one chunk and the next: above it, the link was not what took the time."""

_PERCENTILE = 0.9
"""Of the rates that were seen. At first TCP feels its way, and a short upload is over soon after: half of its
rates say less than the link carries. The highest may be a burst of acknowledgements that came together."""

_ENOUGH_BYTES = 1024 * 1024
"""What is less fits into the buffers on the way."""


class Meter:
    """One upload to one host; tells the reporter as it goes on."""

    def __init__(self, label: str, total: int, reporter: Reporter) -> None:
        self.label = label
        self.total = total
        """Bytes of the artifact that are to be sent."""
        self.reporter = reporter
        self.done = 0
        """Bytes of the artifact that what was sent stands for."""
        self.sent = 0
        """Bytes on the wire, before SSH adds its own."""
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
        """Everything was sent and has arrived."""
        self.reporter.sent(self.label, self.total, self.sent, self.elapsed())

    def saw(self, link: LinkState | None) -> None:
        """How the link is just after something was sent."""
        if link is None:
            return
        self._watched = True
        if link.rate is not None:
            self._rates.append(link.rate)

    def speed(self) -> float | None:
        """Bytes a second that the link seems to carry; None when nothing can be said of it."""
        if self._rates:
            return sorted(self._rates)[int(_PERCENTILE * (len(self._rates) - 1))]
        if self._watched or not self.waited:
            return None  # the kernel, where it watches, says so when the link is what limits us
        return self.sent / self.elapsed()

    @property
    def waited(self) -> bool:
        """Whether the link was what took the time; else it may carry more than was seen.

        What is short is handed over at once, and travels while the host's answer is waited for. What is
        shorter still is there before TCP has found out what the link carries.
        """
        return self.sent >= _ENOUGH_BYTES and self._making < _MADE_SHARE * self.elapsed()

    def elapsed(self) -> float:
        """Seconds since the first byte was sent."""
        return time.monotonic() - self._began if self._began else 0.0
