"""Reading the roots from the host: apps, leases, processes. The store's lock must be held alone.

A root that cannot be read ends the collection with nothing removed: an error must never be taken
for "nothing there". Not for judging them (``plan``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from relstore.formats.names import AppName, Digest
from relstore.gc.plan import Roots
from relstore.gc.processes import builds_in_use
from relstore.store import leases
from relstore.store.store import Store


class Found(NamedTuple):
    roots: Roots
    leases: dict[str, bytes]
    """The manifests that uploads rely on, by the names of their leases."""
    helpers: Collection[str]
    """The helpers that some process runs, by digest."""
    unreadable_processes: int


def find(store: Store, jobs: Mapping[AppName, Collection[int]]) -> Found:
    """``jobs``: the generations that running or unresolved jobs are about. Raises DamagedError, OSError."""
    rows = {}
    for name in store.app_names():
        with store.app(name) as app:
            rows[name] = app.rows()
    held = leases.held(store.leases)
    in_use = builds_in_use()
    roots = Roots(rows, jobs, frozenset(Digest(lease[:64]) for lease in held), in_use.builds)
    return Found(roots, held, in_use.helpers, in_use.unreadable)
