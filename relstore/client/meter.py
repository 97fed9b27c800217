"""Counting an upload: what of the artifact was read, what went over the wire, how long that took."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Iterable, Iterator

from relstore.client.reporter import Reporter

_WAITED_SHARE = 0.5


class Meter:
    """One upload to one host; tells the reporter as it goes on."""

    def __init__(self, label: str, total: int, reporter: Reporter) -> None:
        self.label = label
        self.total = total
        """Bytes of the artifact that are to be sent."""
        self.reporter = reporter
        self.done = 0
        """Bytes of the artifact that were read for it."""
        self.sent = 0
        """Bytes on the wire, before SSH adds its own."""
        self._began = 0.0
        self._sending = 0.0

    def counting(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The same pieces, counted. It may run in another thread."""
        for piece in pieces:
            self.done += len(piece)
            yield piece

    async def sending(self, work: Awaitable[None], count: int) -> None:
        """``work`` sends so many bytes."""
        began = time.monotonic()
        self._began = self._began or began
        await work
        self._sending += time.monotonic() - began
        self.sent += count
        self.reporter.progress(self.label, self.done, self.total, self.sent)

    def finish(self) -> None:
        """Everything was sent and has arrived."""
        self.reporter.sent(self.label, self.total, self.sent, self.elapsed())

    def elapsed(self) -> float:
        """Seconds since the first byte was sent."""
        return time.monotonic() - self._began if self._began else 0.0

    def waited(self) -> bool:
        """Whether the time went by mostly in sending, and not in making what is sent."""
        return self._sending > _WAITED_SHARE * self.elapsed()
