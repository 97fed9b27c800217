"""Showing again and again, in place, what hosts say: for a command with ``--watch``, on a terminal.

Each host has one connection for all of it. Not for how the lines are drawn (``live_area``), nor for what they
say.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from relstore.cli import text
from relstore.cli.invocation import Invocation
from relstore.cli.live_area import LiveArea
from relstore.cli.progress import ConsoleReporter
from relstore.client.connection.connect import connected
from relstore.client.connection.session import Session
from relstore.client.target import Target
from relstore.errors import ConnectError, RelstoreError

EVERY_S = 2.0

T = TypeVar("T")


def watch_hosts(
    invocation: Invocation,
    work: Callable[[Session, ConsoleReporter], Awaitable[T]],
    lines_of: Callable[[str, T], Sequence[str]],
) -> None:
    """Do ``work`` on all targets every two seconds and show its lines until Ctrl-C; the last ones stay."""
    targets = invocation.need_targets()
    shown: dict[Target, Sequence[str]] = {target: [f"{target.label}: connecting"] for target in targets}
    reporter = ConsoleReporter(invocation.console, invocation.labels)

    async def at_target(target: Target) -> None:
        while True:
            try:
                async with connected(target, invocation.account, reporter) as session:
                    while True:
                        shown[target] = lines_of(target.label, await work(session, reporter))
                        await asyncio.sleep(EVERY_S)
            except RelstoreError as error:
                again = "; trying again" if isinstance(error, ConnectError) else ""
                shown[target] = [f"{target.label}: {error.what}{again}"]
            await asyncio.sleep(EVERY_S)

    async def all_targets() -> None:
        async with invocation.account.shared.lasting():
            await asyncio.gather(*map(at_target, targets))

    area = LiveArea(sys.stdout, lambda columns, rows: _fitting(_all(shown), columns, rows))
    area.start()
    try:
        asyncio.run(all_targets())
    except KeyboardInterrupt:
        pass  # that is how one ends it
    finally:
        area.stop()
    for line in _all(shown):
        invocation.console.report(line, hang=2)


def _all(shown: dict[Target, Sequence[str]]) -> list[str]:
    return [text.one_line(line) for lines in shown.values() for line in lines]


def _fitting(lines: Sequence[str], columns: int, rows: int) -> list[str]:
    from relstore.cli.wrap import cut  # only a terminal needs it

    head = f"{time.strftime('%H:%M:%S')}, every {EVERY_S:.0f} s; Ctrl-C ends"
    room = max(rows - 3, 1)
    more = [f"and {text.plural(len(lines) - room, 'more line')}"] if len(lines) > room else []
    return [cut(line, columns, "...") for line in [head, *lines[:room], *more]]
