"""Reads the roots from the host: apps, leases, processes. The caller must hold the store's lock exclusively.

A root that cannot be read ends the collection before anything is removed: an error must never be taken for
"nothing there". Not for judging them (``plan``).
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import NamedTuple

from relstore.formats.names import AppName, Digest
from relstore.gc import may_run as may_run_of
from relstore.gc.plan import Roots
from relstore.gc.processes import builds_in_use
from relstore.store import leases
from relstore.store.slots import Slots
from relstore.store.store import Store


class RootSurvey(NamedTuple):
    roots: Roots
    leases: dict[str, bytes]
    """The manifests of running uploads, by the names of their leases."""
    helpers: Collection[str]
    """The helpers that some process runs, by digest."""
    closed_processes: int
    """How many could not be looked into."""
    hidden_processes: bool
    """Whether there may be processes that are not even listed."""


def find(store: Store, jobs: Mapping[AppName, Collection[int]]) -> RootSurvey:
    """``jobs``: the generations that running or unresolved jobs need. Raises DamagedError, OSError."""
    rows = {}
    in_use = builds_in_use()
    booted = _booted()
    may_run: set[Digest] = set()
    slots: dict[AppName, Collection[int]] = {}
    damaged_pins: dict[AppName, str] = {}
    for name in store.app_names():
        with store.app(name) as app:
            for error in app.damaged_pins():
                damaged_pins.setdefault(name, error.what)
            rows[name] = list(app.table())
            slots[name] = Slots(app.directory, store.durability).all_generations()
            starts = [booted + process.start for process in in_use.closed if process.names(name)]
            if in_use.hidden or (starts and not booted):
                may_run |= may_run_of.current_since_boot(rows[name], app.events(), booted)
            elif starts:
                may_run |= may_run_of.current_at(rows[name], app.events(), starts)
    held = leases.held(store.leases)
    leased = frozenset(Digest(lease[:64]) for lease in held)
    roots = Roots(rows, jobs, leased, in_use.builds, frozenset(may_run), slots, damaged_pins)
    return RootSurvey(roots, held, in_use.helpers, len(in_use.closed), in_use.hidden)


def _booted(uptime: str = "/proc/uptime") -> float:
    """When the host was booted, in seconds since 1970; 0 where that is not told."""
    try:
        with open(uptime, encoding="ascii") as file:
            return time.time() - float(file.read().split()[0])
    except (OSError, ValueError, IndexError):
        return 0.0
