"""Turns of uploads to many hosts, and threads of their own for what is sent.

More uploads at once make none of them faster, and each holds pieces of streams in memory. Who goes live first
is sent to first. Not for how many hosts are connected to (``fleet.turns``).
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

UPLOADS_AT_ONCE = 16


class UploadTurns:
    """``order``: the labels of hosts, those that are sent to first in front; any other comes after them."""

    def __init__(self, order: Sequence[str] = (), at_once: int = UPLOADS_AT_ONCE) -> None:
        self._ranks = {label: rank for rank, label in reversed(list(enumerate(order)))}
        self._free = at_once
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._arrivals = itertools.count()
        # Each upload has one thing done in a thread at a time, so that none waits for another's thread. What
        # else goes to threads (names to look up, the artifact) is not held up by uploads.
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="upload")

    @asynccontextmanager
    async def turn(self, label: str) -> AsyncIterator[None]:
        """Within this block the host is sent to."""
        if self._free:
            self._free -= 1
        else:
            await self._called(self._ranks.get(label, len(self._ranks)))
        try:
            yield
        finally:
            self._leave()

    async def in_thread(self, do: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        """For whoever has a turn."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: do(*args, **named))

    def close(self) -> None:
        """After the last upload."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _called(self, rank: int) -> None:
        """Return when a turn was handed to us."""
        called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (rank, next(self._arrivals), called))
        try:
            await called
        except asyncio.CancelledError:
            if called.done() and not called.cancelled():
                self._leave()
            raise

    def _leave(self) -> None:
        while self._waiting:
            _, _, called = heapq.heappop(self._waiting)
            if not called.done():
                called.set_result(None)
                return
        self._free += 1
