"""Asking a host for what the service of an app writes, once or for as long as somebody watches.

A host waits for new lines for a bounded time only, so watching is a row of requests, each of which goes on
where the last one ended. What comes is bounded here too. Not for showing lines (``cli.commands.logs``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from relstore.client.connection.session import Session
from relstore.errors import ConnectionLostError, ProtocolError
from relstore.formats.names import AppName, UnitName
from relstore.protocol import LogLine, LogLines, Logs, LogsEnd

WAIT_S = 20
"""For so long a host waits for lines before it is asked again; and goes on after the link was cut."""
_ANSWER_S = 30
"""So much later its answer must be there."""


@dataclass(frozen=True)
class LogWish:
    """Which lines somebody wants to see."""

    units: tuple[UnitName, ...]
    """Empty: those of the app's last activation, or the log of its newest job."""
    user: bool
    last: int
    within: int
    """Seconds; 0: of any time."""


async def last_lines(session: Session, app: AppName | None, wish: LogWish) -> list[LogLine]:
    """The lines that are there. Raises what the host refuses, ProtocolError for more than was asked for."""
    lines: list[LogLine] = []
    async for event in session.follow(_request(app, wish, 0, ""), LogsEnd):
        if isinstance(event, LogLines):
            lines += event.lines
        if len(lines) > wish.last:
            raise ProtocolError("the host sends more lines than it was asked for").on(session.label)
    return lines


async def watch_on(
    session: Session,
    app: AppName | None,
    wish: LogWish,
    place: str,
    show: Callable[[Sequence[LogLine], str], None],
) -> None:
    """Show the lines behind ``place`` that come within ``WAIT_S``, with the place behind them if it is known.

    Without a place, the last lines first. Raises what the host refuses, ConnectionLostError.
    """
    try:
        async with asyncio.timeout(WAIT_S + _ANSWER_S):
            async for event in session.follow(_request(app, wish, WAIT_S, place), LogsEnd):
                show(event.lines if isinstance(event, LogLines) else (), event.place)
    except TimeoutError:
        raise ConnectionLostError("the host is silent").on(session.label) from None


def _request(app: AppName | None, wish: LogWish, wait: int, place: str) -> Logs:
    return Logs(app, wish.units, wish.user, wish.last, 0 if place else wish.within, wait, place)
