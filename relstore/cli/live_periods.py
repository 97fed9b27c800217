"""Which generation was live when, as the journal tells it. Pure.

A generation counts as live from the outcome ``active`` on; an activation that failed changes nothing, since
its host goes back. One that was adopted was never activated, and counts from the mark that it got then. Not
for drawing (``history_page``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from relstore.formats.journal import ACTIVE, MARKED_GOOD
from relstore.protocol import LogRow


@dataclass(frozen=True)
class LivePeriod:
    """A generation was live from ``begin`` on, until ``end``; None: it still is. Seconds since 1970."""

    generation: int
    begin: int
    end: int | None

    def seconds(self, now: int) -> int:
        return max((now if self.end is None else self.end) - self.begin, 0)


def live_periods(events: Sequence[LogRow], current: int = 0) -> list[LivePeriod]:
    """In the order of time. A clock that was set back makes a period short, and never negative.

    ``current``: the generation that is current now, or 0.
    """
    periods: list[LivePeriod] = []
    marked: dict[int, int] = {}
    for event in events:
        if event.event == MARKED_GOOD:
            marked.setdefault(event.generation, event.time)
        if event.event != ACTIVE:
            continue
        begin = event.time
        if not periods and event.previous in marked and event.previous != event.generation:
            taken_over = min(marked[event.previous], begin)
            periods.append(LivePeriod(event.previous, taken_over, begin))
        if periods:
            last = periods[-1]
            if last.generation == event.generation:
                continue  # it was restarted
            begin = max(begin, last.begin)
            periods[-1] = replace(last, end=begin)
        periods.append(LivePeriod(event.generation, begin, None))
    if not periods and current in marked:
        periods.append(LivePeriod(current, marked[current], None))
    return periods


def live_seconds(periods: Sequence[LivePeriod], now: int) -> Mapping[int, int]:
    """For how long each generation was live, by its number."""
    seconds: dict[int, int] = {}
    for period in periods:
        seconds[period.generation] = seconds.get(period.generation, 0) + period.seconds(now)
    return seconds
