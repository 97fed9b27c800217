"""Things of one run that several users share: made for the first, closed after the last.

Not for what they are: the only ones are connections to jump hosts (``transport.ssh.connect``).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Generic, TypeVar

T = TypeVar("T")

Make = Callable[[AsyncExitStack], Awaitable[T]]
"""Makes a thing; what closes it goes onto the stack."""


class _Shared(Generic[T]):
    def __init__(self, make: Make[T]) -> None:
        self.stack = AsyncExitStack()
        self.making: asyncio.Future[T] = asyncio.ensure_future(make(self.stack))
        self.users = 0

    async def close(self) -> None:
        self.making.cancel()
        # What it ended with is for those who waited for it.
        await asyncio.gather(self.making, return_exceptions=True)
        await self.stack.aclose()


class Leases(Generic[T]):
    """Shared things by their keys. ``is_usable``: whether another user may still have one that is there."""

    def __init__(self, is_usable: Callable[[T], bool]) -> None:
        self._is_usable = is_usable
        self._shared: dict[Hashable, _Shared[T]] = {}
        self._unused: set[_Shared[T]] = set()
        self._lasting = 0

    @asynccontextmanager
    async def lease(self, key: Hashable, make: Make[T]) -> AsyncIterator[T]:
        """The thing of this key, made now unless there is a usable one. All who wait for it get its error."""
        shared = self._shared.get(key)
        if shared is None or self._is_over(shared):
            shared = self._shared[key] = _Shared(make)
        shared.users += 1
        self._unused.discard(shared)
        try:
            yield await asyncio.shield(shared.making)
        finally:
            shared.users -= 1
            if not shared.users:
                await self._leave(key, shared)

    @asynccontextmanager
    async def lasting(self) -> AsyncIterator[None]:
        """Within this block nothing is closed only because nobody uses it at the moment."""
        self._lasting += 1
        try:
            yield
        finally:
            self._lasting -= 1
            if not self._lasting:
                for key, shared in list(self._shared.items()):
                    if shared in self._unused:
                        del self._shared[key]
                unused, self._unused = self._unused, set()
                for shared in unused:
                    await shared.close()

    async def _leave(self, key: Hashable, shared: _Shared[T]) -> None:
        is_kept = self._shared.get(key) is shared
        if self._lasting and is_kept and not self._is_over(shared) and shared.making.done():
            self._unused.add(shared)
            return
        if is_kept:
            del self._shared[key]
        with contextlib.suppress(asyncio.CancelledError):
            await shared.close()

    def _is_over(self, shared: _Shared[T]) -> bool:
        making = shared.making
        if not making.done():
            return False
        return making.cancelled() or making.exception() is not None or not self._is_usable(making.result())
