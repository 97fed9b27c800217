"""The origin of one push: puts each stream there once, whichever host needs it first, and has hosts draw it.

After its first failure it is not used any more in this push. Not for what a stream is (``transfer``).
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import time
from collections.abc import Callable, Hashable, Iterator
from typing import NamedTuple

from relstore import protocol
from relstore.client.origin.by_command import CommandPlace
from relstore.client.origin.options import OriginOptions
from relstore.client.origin.place import Content, OriginPlace
from relstore.client.origin.s3 import S3Place
from relstore.client.reporter import Reporter
from relstore.errors import OriginError

_SLACK = 4
"""An upload may take so many times as long as is expected, beside the patience."""
_MAX_WITHIN_S = 6 * 3600
_ENOUGH_BYTES = 1024 * 1024
"""Fewer bytes than this say nothing about the link."""


class Placed(NamedTuple):
    """A stream that is at the origin."""

    name: str
    size: int
    digests: bytes
    """The SHA-256 of each of its pieces."""
    speed: float | None
    """Bytes a second of its upload; None where that says nothing."""


class Origin:
    """Use it in one event loop; ``close`` it when everything has been sent."""

    def __init__(self, options: OriginOptions) -> None:
        self.options = options
        self._placing: dict[Hashable, asyncio.Task[Placed]] = {}
        self._place: OriginPlace | None = None
        self.failure = ""
        """Why it is not used any more."""
        self._said: set[str] = set()
        self._one = asyncio.Lock()

    async def placed(
        self, key: Hashable, read: Callable[[], Iterator[bytes]], speed: float, reporter: Reporter
    ) -> Placed | None:
        """The stream that ``key`` names, once it is there; None when the origin is not to be used.

        ``read``: gives its bytes, in a thread. ``speed``: bytes a second that this machine sends, as far as
        is known. What the reading raises is raised.
        """
        if self.failure:
            return None
        if key not in self._placing:
            self._placing[key] = asyncio.create_task(self._put(read, speed, reporter))
        try:
            return await asyncio.shield(self._placing[key])
        except OriginError as error:
            self._give_up(error, reporter)
            return None

    async def request(self, placed: Placed, uplink_s: float, reporter: Reporter) -> protocol.Draw | None:
        """What asks a host for it. ``uplink_s``: seconds that all hosts would take over the uplink."""
        if self._place is None:
            return None
        try:
            url = await self._place.url(placed.name)
        except OriginError as error:
            self._give_up(error, reporter)
            return None
        patience = max(self.options.patience_s, 1)
        within = min(patience + math.ceil(uplink_s), _MAX_WITHIN_S)
        return protocol.Draw(
            url,
            placed.size,
            self.options.allow_http,
            self.options.authorities,
            min(patience, within),
            within,
        )

    def failed_at(self, host: str, drawn: protocol.Drawn, size: int, reporter: Reporter) -> None:
        """Say, once for each reason, that a host did not get everything from here."""
        line = (
            f"{host}: {drawn.taken} of {size} bytes came from the origin {self.options.address.text}: "
            f"{drawn.why}. The rest goes over the uplink."
        )
        if drawn.why in self._said:
            reporter.detail(host, line)
        else:
            self._said.add(drawn.why)
            reporter.notice(line)

    async def close(self) -> None:
        """Stop what is still being put there."""
        for task in self._placing.values():
            task.cancel()
        await asyncio.gather(*self._placing.values(), return_exceptions=True)

    def _give_up(self, error: OriginError, reporter: Reporter) -> None:
        if not self.failure:
            self.failure = error.what
            reporter.notice(
                f"the origin {self.options.address.text} is not used: {error.what}. "
                "Everything goes over the uplink of this machine."
            )

    async def _put(self, read: Callable[[], Iterator[bytes]], speed: float, reporter: Reporter) -> Placed:
        if self._place is None:
            self._place = S3Place(self.options) if self.options.address.is_s3 else CommandPlace(self.options)
        name, size, digests = await asyncio.to_thread(_measured, read)
        async with self._one:  # two at once would share the uplink, and both come later
            began = time.monotonic()
            try:
                async with asyncio.timeout(self.options.patience_s + _SLACK * size / speed):
                    is_new = await self._place.put(Content(name, size, read))
            except TimeoutError:
                raise OriginError(
                    f"{size} bytes were not there after {time.monotonic() - began:.0f} s"
                ) from None
        seconds = max(time.monotonic() - began, 1e-3)
        how = f"put {size} bytes there in {seconds:.2f} s" if is_new else f"{size} bytes are there already"
        reporter.detail(self.options.address.text, f"{how}, as {name}")
        return Placed(name, size, digests, size / seconds if is_new and size >= _ENOUGH_BYTES else None)


def _measured(read: Callable[[], Iterator[bytes]]) -> tuple[str, int, bytes]:
    """The name of a stream, its size, and the digests of its pieces."""
    whole, digests = hashlib.sha256(), bytearray()
    piece, filled, size = hashlib.sha256(), 0, 0
    for data in read():
        whole.update(data)
        size += len(data)
        view = memoryview(data)
        while view:
            part = view[: protocol.DRAWN_PIECE_BYTES - filled]
            piece.update(part)
            filled += len(part)
            view = view[len(part) :]
            if filled == protocol.DRAWN_PIECE_BYTES:
                digests += piece.digest()
                piece, filled = hashlib.sha256(), 0
    if filled:
        digests += piece.digest()
    return f"v1/{whole.hexdigest()}", size, bytes(digests)
