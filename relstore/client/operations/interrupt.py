"""Ctrl-C while a host works: the first leaves the host to itself, the second asks it to cancel.

Only tells whoever waits that it was pressed; the command layer catches the signals. Before a host has
accepted anything, an interrupt simply ends the program.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")

SECOND_S = 2.0
"""How long to wait for a second Ctrl-C after the first."""


class Interrupted(Exception):  # noqa: N818 - not an error: somebody wants to leave
    """Ctrl-C was pressed while the host works."""


class Interrupts:
    """The signal handler calls ``press``; ``armed`` says that somebody listens."""

    def __init__(self) -> None:
        self.armed = False
        self._pressed = asyncio.Event()

    def press(self) -> None:
        self._pressed.set()

    async def guard(self, work: Awaitable[T]) -> T:
        """Do ``work``; raises Interrupted, and drops it, when Ctrl-C is pressed meanwhile."""
        task = asyncio.ensure_future(work)
        pressed = asyncio.ensure_future(self._pressed.wait())
        self.armed = True
        try:
            await asyncio.wait({task, pressed}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise Interrupted
        finally:
            self.armed = False
            for waiter in (task, pressed):
                waiter.cancel()
            await asyncio.gather(task, pressed, return_exceptions=True)

    async def again(self) -> bool:
        """Whether Ctrl-C is pressed once more within SECOND_S."""
        self._pressed.clear()
        self.armed = True
        try:
            async with asyncio.timeout(SECOND_S):
                await self._pressed.wait()
        except TimeoutError:
            return False
        finally:
            self.armed = False
        return True
