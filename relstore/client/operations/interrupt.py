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
    """The signal handler calls ``press`` while ``armed``."""

    def __init__(self) -> None:
        self._listeners = 0
        self._pressed = asyncio.Event()

    @property
    def armed(self) -> bool:
        """Whether somebody listens: one host that works, or several at the same time."""
        return self._listeners > 0

    def press(self) -> None:
        self._pressed.set()

    async def guard(self, work: Awaitable[T]) -> T:
        """Do ``work``; raises Interrupted, and drops it, when Ctrl-C is pressed meanwhile."""
        task = asyncio.ensure_future(work)
        pressed = asyncio.ensure_future(self._pressed.wait())
        self._listeners += 1
        try:
            await asyncio.wait({task, pressed}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise Interrupted
        finally:
            self._listeners -= 1
            for waiter in (task, pressed):
                waiter.cancel()
            await asyncio.gather(task, pressed, return_exceptions=True)

    async def wait(self) -> None:
        """Until Ctrl-C is pressed."""
        self._listeners += 1
        try:
            await self._pressed.wait()
        finally:
            self._listeners -= 1

    async def again(self) -> bool:
        """Whether Ctrl-C is pressed once more within SECOND_S."""
        self._pressed.clear()
        self._listeners += 1
        try:
            async with asyncio.timeout(SECOND_S):
                await self._pressed.wait()
        except TimeoutError:
            return False
        finally:
            self._listeners -= 1
        return True
