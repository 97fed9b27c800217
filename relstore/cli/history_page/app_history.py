"""What the page is made of: the history of one app at one host. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from relstore.cli.journal_view import LogEntry, entries
from relstore.cli.live_periods import LivePeriod, live_periods
from relstore.formats.generation import CURRENT
from relstore.formats.journal import DELETED, FAILED, ROLLED_BACK, STUCK
from relstore.formats.names import AppName
from relstore.protocol import LogRow, RowOut

FAILURES = (ROLLED_BACK, FAILED, STUCK)
"""How an activation ends that made nothing live."""


@dataclass(frozen=True)
class AppHistory:
    """All that its host knows of it, oldest first."""

    app: AppName
    host: str
    generations: Mapping[int, RowOut]
    entries: Sequence[LogEntry]
    """Without deletions: the state of a generation tells them."""
    periods: Sequence[LivePeriod]

    @classmethod
    def of(cls, app: AppName, host: str, rows: Sequence[RowOut], events: Sequence[LogRow]) -> AppHistory:
        told = [event for event in events if event.event != DELETED]
        current = next((row.number for row in rows if row.state == CURRENT), 0)
        periods = live_periods(told, current)
        return cls(app, host, {row.number: row for row in rows}, entries(told), periods)

    @property
    def current(self) -> RowOut | None:
        return next((row for row in self.generations.values() if row.state == CURRENT), None)

    @property
    def current_since(self) -> int:
        """When the current generation went live; 0 where nobody knows."""
        row = self.current
        if row is None:
            return 0
        last = self.periods[-1] if self.periods else None
        # A later mark has a time of its own.
        return last.begin if last is not None and last.generation == row.number else row.outcome_at

    @property
    def failures(self) -> list[LogEntry]:
        return [entry for entry in self.entries if entry.ended in FAILURES]
