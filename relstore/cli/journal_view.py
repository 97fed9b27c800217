"""A log as a person reads it: an activation, which is two events, is one line. Pure.

Not for the rows themselves (``protocol.LogRow``), which JSON has one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from relstore.cli import text
from relstore.formats.journal import OUTCOMES, SWITCHING
from relstore.protocol import LogRow


@dataclass(frozen=True)
class LogEntry:
    """An activation with its outcome, as far as both are there, or another event by itself."""

    events: tuple[LogRow, ...]

    @property
    def first(self) -> LogRow:
        return self.events[0]

    @property
    def change(self) -> str:
        """``2 -> 3``; ``3`` alone where no other generation was current before."""
        before = self.first.previous
        is_switch = self.first.event in (SWITCHING, *OUTCOMES) and before not in (0, self.first.generation)
        return f"{before} -> {self.first.generation}" if is_switch else str(self.first.generation)

    @property
    def ended(self) -> str:
        """``active``: how it ended, or the event itself; ``no outcome`` while it is under way, or died."""
        last = self.events[-1]
        return "no outcome" if last is self.first and last.event == SWITCHING else last.event

    @property
    def took(self) -> str:
        """``4 s``: how long it took, in the whole seconds of the journal; empty where nobody knows."""
        seconds = self.events[-1].time - self.first.time
        # The host's clock may have been set back.
        if self.events[-1] is self.first or seconds < 0:
            return ""
        return text.duration(seconds) if seconds else "<1 s"

    @property
    def outcome(self) -> str:
        """``active, 4 s``."""
        return ", ".join(filter(None, [self.ended, self.took]))

    @property
    def reasons(self) -> list[str]:
        """The first line of each reason that was given."""
        return [line for event in self.events if (line := event.reason.partition("\n")[0])]


def entries(events: Sequence[LogRow]) -> list[LogEntry]:
    """The journal's entries, in the order in which they began."""
    found: list[list[LogRow]] = []
    under_way: dict[tuple[str, int], list[LogRow]] = {}
    for event in events:
        key = event.job, event.generation
        if event.event in OUTCOMES and key in under_way:
            under_way.pop(key).append(event)
            continue
        found.append([event])
        if event.event == SWITCHING:
            under_way[key] = found[-1]
    return [LogEntry(tuple(each)) for each in found]


def event_fields(event: LogRow) -> dict[str, Any]:
    """An event in a JSON document."""
    return {
        "time": text.iso(event.time),
        "event": event.event,
        "generation": event.generation,
        "previous": event.previous or None,
        "job": event.job or None,
        "who": event.who,
        "reason": event.reason,
        "connections": event.connections,
    }
