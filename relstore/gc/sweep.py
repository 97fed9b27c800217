"""The sweep: carry out a plan in an order that any crash may cut, without keeping anybody waiting.

First, under the store's lock alone: generations lose their links, and what goes moves to ``trash/``, where
nobody looks for anything. Then, without the lock, the trash is emptied. Then objects that nothing links to,
in slices under the lock, since uploads come and go between. The journal is written last: on a full disk there
is room only then. Not for deciding anything (``plan``).
"""

from __future__ import annotations

import stat
import time
from collections.abc import Collection, Sequence
from itertools import chain

from relstore.errors import RefusedError
from relstore.formats import journal as journal_format
from relstore.formats.journal import Event
from relstore.formats.manifest import MAX_BYTES, Manifest
from relstore.formats.names import AppName
from relstore.gc import trash
from relstore.gc.left import Left
from relstore.gc.plan import GenerationVerdict, Plan
from relstore.store import damage, journal, leases
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


def let_go(store: Store, plan: Plan) -> list[Left]:
    """Take from the store what the plan says. Its lock must be held alone, since the roots were read.

    What had to be left.
    """
    dead = _by_app(plan.dead_generations)
    _look_again(store, dead)
    for name, verdicts in dead.items():
        with store.app(name) as app:
            app.unlink_generations([verdict.number for verdict in verdicts])
    left = []
    for build in plan.dead_builds:
        left += trash.put(store, store.builds.directory, build)
    sync_directory(store.builds.directory)
    sync_directory(store.trash)
    for build in plan.dead_builds:
        if not store.builds.has(build):
            damage.unmark(store, build)
    return left


def clear_shelf(store: Store) -> list[Left]:
    """Remove the objects that nothing links to and no upload relies on, in slices. What had to be left.

    Raises FormatError for the lease of a running upload that is no manifest: it may need any object.
    """
    relied_on = _Leases(store.leases)
    names = store.objects.refs()
    left = []
    for next_name in names:
        with store.exclusive():
            leased = relied_on.read()
            until = time.monotonic() + _SLICE_S
            for shard, name in chain([next_name], names):
                left += _unshelve(store.objects.shard(shard), name, leased)
                if time.monotonic() > until:
                    break
        time.sleep(_PAUSE_S)
    return left


def _unshelve(shard: Dir, name: str, leased: Collection[frozenset[str]]) -> list[Left]:
    """Remove an object, unless something needs it now. What had to be left."""
    status = shard.lstat(name)
    if status is None or status.st_nlink != 1 or any(name in names for names in leased):
        return []
    if not stat.S_ISREG(status.st_mode):
        return []  # no object: the check of the store names it
    try:
        shard.unlink(name)
    except FileNotFoundError:
        pass
    except OSError as error:
        return [Left.of(f"{shard.path}/{name}", error)]
    return []


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
    """What running uploads rely on, read anew as they come; each lease is parsed once."""

    def __init__(self, directory: Dir) -> None:
        self._directory = directory
        self._known: dict[tuple[int, int, int], frozenset[str]] = {}

    def read(self) -> list[frozenset[str]]:
        """The names of the objects of each lease. The store's lock must be held alone."""
        before, self._known = self._known, {}
        for name in self._directory.names():
            status = self._directory.lstat(name)
            if status is None or not leases.is_held(self._directory, name):
                continue
            key = (status.st_ino, status.st_mtime_ns, status.st_size)
            known = before.get(key)
            if known is None:
                manifest = self._directory.read_or_none(name, MAX_BYTES)
                known = leased_objects([] if manifest is None else [manifest])
            self._known[key] = known
        return list(self._known.values())


def _by_app(verdicts: Sequence[GenerationVerdict]) -> dict[AppName, list[GenerationVerdict]]:
    by_app: dict[AppName, list[GenerationVerdict]] = {}
    for verdict in verdicts:
        by_app.setdefault(verdict.app, []).append(verdict)
    return by_app


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
