"""Running what may keep a host busy for a while, so that Ctrl-C can leave the host to itself."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from relstore.client.operations.interrupt import Interrupts

T = TypeVar("T")


def run_interruptible(work: Callable[[Interrupts], Coroutine[Any, Any, T]]) -> T:
    """Run ``work``. Ctrl-C is for it while its interrupts are armed, and ends the program otherwise."""

    async def main() -> T:
        interrupts = Interrupts()
        task = asyncio.ensure_future(work(interrupts))
        with _catching(interrupts, task):
            return await task

    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


@contextmanager
def _catching(interrupts: Interrupts, task: asyncio.Future[Any]) -> Iterator[None]:
    def pressed() -> None:
        if interrupts.armed:
            interrupts.press()
        else:
            task.cancel()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, pressed)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
