"""Which builds a process that cannot be looked into may run: those that were current when it may have begun.

Not for those that can be looked into (``processes``). Pure, but for the clock.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence

from relstore.formats.journal import ACTIVE, OUTCOMES, STUCK, SWITCHING, Event
from relstore.formats.names import Digest
from relstore.store.history import Candidate

_DAY_S = 24 * 3600
"""By so much, the host's clock may have been put right since it was booted."""
_ROUNDED_S = 1
"""Events have whole seconds."""
_FIRST_RELEASE = 1_577_836_800
"""2020-01-01: no event of relstore's is older than relstore."""


def current_since_boot(rows: Sequence[Candidate], events: Sequence[Event], booted: float) -> set[Digest]:
    """For processes that are hidden. ``booted``: seconds since 1970.

    A host without a battery may have recorded events in 1970, after ones of this year: a time that cannot be
    right counts as after the boot.
    """
    since = booted - _DAY_S
    numbers: set[int] = set()
    latest, now = _FIRST_RELEASE, time.time()
    for event in events:
        recent = event.time >= since or event.time < latest
        if event.time <= now:  # one of a clock that was ahead says nothing about those after it
            latest = max(latest, event.time)
        if recent and event.event in (SWITCHING, *OUTCOMES):
            numbers.update((event.generation, event.previous))
    return _builds(rows, numbers)


def current_at(rows: Sequence[Candidate], events: Sequence[Event], starts: Collection[float]) -> set[Digest]:
    """For listed processes that run the app, and were started at ``starts``, in seconds since 1970."""
    numbers: set[int] = set()
    for begin, end, current in _spans(events):
        if any(begin - _ROUNDED_S <= start <= end + _ROUNDED_S for start in starts):
            numbers |= current
    return _builds(rows, numbers)


def _spans(events: Sequence[Event]) -> Iterator[tuple[float, float, set[int]]]:
    """From when to when which generations may have been started."""
    changes = [event for event in events if event.event in (SWITCHING, *OUTCOMES)]
    ends: list[float] = [event.time for event in changes[1:]]
    for event, end in zip(changes, [*ends, float("inf")]):
        # A clock that was set back in between says only that it was one of these moments.
        yield min(event.time, end), max(event.time, end), _current(event)


def _current(event: Event) -> set[int]:
    if event.event == ACTIVE:
        return {event.generation}
    if event.event in (SWITCHING, STUCK):
        return {event.generation, event.previous}
    return {event.previous}


def _builds(rows: Sequence[Candidate], numbers: Collection[int]) -> set[Digest]:
    return {row.build for row in rows if row.number in numbers}
