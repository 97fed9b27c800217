"""The sweep: carry out a plan in an order that any crash may cut, without keeping anybody waiting.

First, under the store's lock alone: generations lose their links, and what goes moves to ``trash/``, where
nobody looks for anything. Then, without the lock, the trash is emptied. Then objects that nothing links to,
in slices under the lock, since uploads come and go between. The journal is written last: on a full disk there
is room only then. Not for deciding anything (``plan``).
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from itertools import chain

from relstore.errors import RefusedError
from relstore.formats import journal as journal_format
from relstore.formats.journal import Event
from relstore.formats.manifest import MAX_BYTES, Manifest
from relstore.formats.names import AppName
from relstore.gc import trash
from relstore.gc.plan import GenerationVerdict, Plan
from relstore.store import damage, journal
from relstore.store.directory import Dir
from relstore.store.durable import sync_directory
from relstore.store.objects import object_name
from relstore.store.store import Store

_SLICE_S = 0.02
"""So long the lock is held; an upload waits no longer."""

_PAUSE_S = 0.002
"""Between two slices: who waits for the lock is woken, and gets it."""


def leased_objects(manifests: Collection[bytes]) -> frozenset[str]:
    """The names of all objects, in both variants, that uploads rely on."""
    return frozenset(
        object_name(ref.blake3, variant)
        for raw in manifests
        for ref in Manifest.parse(raw).objects()
        for variant in (False, True)
    )


def let_go(store: Store, plan: Plan) -> None:
    """Take from the store what the plan says. Its lock must be held alone, since the roots were read."""
    dead = _by_app(plan.dead_generations)
    _look_again(store, dead)
    for name, verdicts in dead.items():
        with store.app(name) as app:
            app.unlink_generations([verdict.number for verdict in verdicts])
    for build in plan.dead_builds:
        trash.put(store, store.builds.directory, build)
    sync_directory(store.builds.directory)
    sync_directory(store.trash)
    for build in plan.dead_builds:
        damage.unmark(store, build)


def clear_shelf(store: Store) -> None:
    """Remove the objects that nothing links to and no upload relies on, in slices."""
    leases = _Leases(store.leases)
    names = store.objects.refs()
    for next_one in names:
        with store.exclusive():
            leased = leases.read()
            until = time.monotonic() + _SLICE_S
            for shard, name in chain([next_one], names):
                _unshelve(store.objects.shard(shard), name, leased)
                if time.monotonic() > until:
                    break
        time.sleep(_PAUSE_S)


def _unshelve(shard: Dir, name: str, leased: Collection[frozenset[str]]) -> None:
    """Remove an object, unless something needs it now."""
    found = shard.lstat(name)
    if found is not None and found.st_nlink == 1 and not any(name in names for names in leased):
        with suppress(FileNotFoundError):
            shard.unlink(name)


def record(store: Store, plan: Plan, who: str, now: int) -> None:
    """Write into the journals what went, and why."""
    for name, verdicts in _by_app(plan.dead_generations).items():
        with store.app(name) as app:
            events = [
                Event(now, journal_format.DELETED, verdict.number, 0, "", who, verdict.reason)
                for verdict in verdicts
            ]
            journal.append(app.directory, *events)


class _Leases:
    """What uploads rely on, read anew as they come; each lease is parsed once."""

    def __init__(self, directory: Dir) -> None:
        self._directory = directory
        self._known: dict[tuple[int, int, int], frozenset[str]] = {}

    def read(self) -> list[frozenset[str]]:
        """The names of the objects of each lease. The store's lock must be held alone."""
        before, self._known = self._known, {}
        for name in self._directory.names():
            found = self._directory.lstat(name)
            if found is None:
                continue
            key = (found.st_ino, found.st_mtime_ns, found.st_size)
            known = before.get(key)
            self._known[key] = (
                leased_objects([self._directory.read(name, MAX_BYTES)]) if known is None else known
            )
        return list(self._known.values())


def _by_app(verdicts: Sequence[GenerationVerdict]) -> dict[AppName, list[GenerationVerdict]]:
    found: dict[AppName, list[GenerationVerdict]] = {}
    for verdict in verdicts:
        found.setdefault(verdict.app, []).append(verdict)
    return found


def _look_again(store: Store, dead: dict[AppName, list[GenerationVerdict]]) -> None:
    """The store's lock keeps relstore out, not an administrator who moves a link by hand."""
    for name, verdicts in dead.items():
        with store.app(name) as app:
            current = app.current()
        if current in [verdict.number for verdict in verdicts]:
            raise RefusedError(
                f"generation {current} of {name} became current during the collection",
                state="Nothing was removed.",
                hint="Run `relstore gc` again.",
            )
