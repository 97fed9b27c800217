"""Reads the roots from the host: apps, leases, processes. The caller must hold the store's lock exclusively.

A root that cannot be read ends the collection before anything is removed: an error must never be taken for
"nothing there". Not for judging them (``plan``).
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from relstore.formats.journal import OUTCOMES, SWITCHING, Event
from relstore.formats.names import AppName, Digest
from relstore.gc.plan import Roots
from relstore.gc.processes import builds_in_use
from relstore.store import leases
from relstore.store.history import Row
from relstore.store.slots import Slots
from relstore.store.store import Store

_DAY_S = 24 * 3600
"""By so much, the host's clock may have been put right since it was booted."""

_FIRST_RELEASE = 1_577_836_800
"""2020-01-01: no event of relstore's is older than relstore."""


class Survey(NamedTuple):
    roots: Roots
    leases: dict[str, bytes]
    """The manifests of running uploads, by the names of their leases."""
    helpers: Collection[str]
    """The helpers that some process runs, by digest."""
    unreadable_processes: int
    hidden_processes: bool
    """Whether there may be processes that are not even listed."""


def find(store: Store, jobs: Mapping[AppName, Collection[int]]) -> Survey:
    """``jobs``: the generations that running or unresolved jobs need. Raises DamagedError, OSError."""
    rows = {}
    in_use = builds_in_use()
    may_run: set[Digest] = set()
    slots: dict[AppName, Collection[int]] = {}
    damaged_pins: dict[AppName, str] = {}
    for name in store.app_names():
        with store.app(name) as app:
            for error in app.damaged_pins():
                damaged_pins.setdefault(name, error.what)
            rows[name] = app.rows()
            slots[name] = Slots(app.directory, store.durability).generations().values()
            if in_use.hidden:
                may_run |= _switched(rows[name], app.events(), _booted() - _DAY_S)
    held = leases.held(store.leases)
    leased = frozenset(Digest(lease[:64]) for lease in held)
    roots = Roots(rows, jobs, leased, in_use.builds, frozenset(may_run), slots, damaged_pins)
    return Survey(roots, held, in_use.helpers, in_use.unreadable, in_use.hidden)


def _switched(rows: Sequence[Row], events: Sequence[Event], since: float) -> set[Digest]:
    """The builds that were current after ``since``: a process may have been started from any of them.

    A host without a battery may have recorded events in 1970, after ones of this year: a time that cannot be
    right counts as after ``since``.
    """
    builds = {row.generation.number: row.generation.build for row in rows}
    numbers: set[int] = set()
    latest, now = _FIRST_RELEASE, time.time()
    for event in events:
        recent = event.time >= since or event.time < latest
        if event.time <= now:  # one of a clock that was ahead says nothing about those after it
            latest = max(latest, event.time)
        if recent and event.event in (SWITCHING, *OUTCOMES):
            numbers.update((event.generation, event.previous))
    return {builds[number] for number in numbers if number in builds}


def _booted(uptime: str = "/proc/uptime") -> float:
    """When the host was booted, in seconds since 1970; 0 where that is not told."""
    try:
        with open(uptime, encoding="ascii") as file:
            return time.time() - float(file.read().split()[0])
    except (OSError, ValueError, IndexError):
        return 0.0
