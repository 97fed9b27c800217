"""Reading the roots from the host: apps, leases, processes. The store's lock must be held alone.

A root that cannot be read ends the collection with nothing removed: an error must never be taken
for "nothing there". Not for judging them (``plan``).
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import NamedTuple

from relstore.gc.plan import Roots
from relstore.gc.processes import builds_in_use
from relstore.store import leases
from relstore.store.names import AppName, Digest
from relstore.store.store import Store

STAGING_GRACE_S = 24 * 3600
"""How long what a broken upload staged is kept for the next push to go on with."""


class Found(NamedTuple):
    roots: Roots
    leased_manifests: list[bytes]
    dead_leases: list[str]
    stale_staging: list[str]
    unreadable_processes: int


def find(store: Store, jobs: Mapping[AppName, Collection[int]]) -> Found:
    """``jobs``: the generations that running or unresolved jobs are about. Raises DamagedError, OSError."""
    rows = {}
    for name in store.app_names():
        with store.app(name) as app:
            rows[name] = app.rows()
    held: list[tuple[str, bytes]] = []
    dead: list[str] = []
    for lease, manifest in leases.sort_out(store.leases):
        if manifest is None:
            dead.append(lease)
        else:
            held.append((lease, manifest))
    in_use = builds_in_use()
    roots = Roots(rows, jobs, frozenset(Digest(lease[:64]) for lease, _ in held), in_use.builds)
    stale = _stale_staging(store, frozenset(lease for lease, _ in held))
    return Found(roots, [manifest for _, manifest in held], dead, stale, in_use.unreadable)


def _stale_staging(store: Store, held: frozenset[str]) -> list[str]:
    now = time.time()
    stale = []
    for name in store.staging.all_names():
        found = store.staging.lstat(name)
        if found is not None and name not in held and now - found.st_mtime > STAGING_GRACE_S:
            stale.append(name)
    return stale
