"""The sweep: carry out a plan, under the store's lock alone, in an order that any crash may cut.

Generations lose their links first, then builds move to ``trash/`` and go, then objects that nothing
links to; the journal is written last, since on a full disk there is room only then. ``measure`` says
beforehand, exactly, what will be freed. Not for deciding anything (``plan``).
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Collection, Iterator
from typing import NamedTuple

from relstore.errors import RefusedError
from relstore.gc.plan import Plan
from relstore.store import damage, journal
from relstore.store.directory import Dir
from relstore.store.durable import sync_directory
from relstore.store.journal import Event
from relstore.store.manifest import Manifest
from relstore.store.names import Digest, random_suffix
from relstore.store.objects import object_name
from relstore.store.store import Store


class Measure(NamedTuple):
    """What a sweep frees, hard links counted once."""

    objects: int
    bytes: int
    by_build: dict[Digest, int]


def leased_objects(manifests: Collection[bytes]) -> frozenset[str]:
    """The names of all objects, in both variants, that uploads rely on."""
    return frozenset(
        object_name(ref.blake3, variant)
        for raw in manifests
        for ref in Manifest.parse(raw).objects()
        for variant in (False, True)
    )


def measure(store: Store, plan: Plan, leased: frozenset[str], staged: Collection[str] = ()) -> Measure:
    """Count links: a file goes when all links but the shelf's are in builds that go, or in what was
    ``staged`` and goes (whose own bytes are counted there)."""
    stay: dict[int, int] = {}
    sizes: dict[int, int] = {}
    owner: dict[int, Digest] = {}
    for build in plan.dead_builds:
        for found in _files(store.builds.directory, build):
            stay[found.st_ino] = stay.get(found.st_ino, found.st_nlink) - 1
            sizes[found.st_ino] = found.st_size
            owner.setdefault(found.st_ino, build)
    for lease in staged:
        for found in _files(store.staging, lease):
            if found.st_nlink > 1:
                stay[found.st_ino] = stay.get(found.st_ino, found.st_nlink) - 1
    by_build = dict.fromkeys(plan.dead_builds, 0)
    for inode, count in stay.items():
        # Never on the shelf, or no longer: manifests, empty files, copies that the limit of links made.
        if not count and inode in owner:
            by_build[owner[inode]] += sizes[inode]
    objects = 0
    loose = 0
    for shard, name in store.objects.refs():
        entry = store.objects.shard(shard).lstat(name)
        if entry is None or name in leased or stay.get(entry.st_ino, entry.st_nlink) != 1:
            continue
        objects += 1
        if entry.st_ino in owner:
            by_build[owner[entry.st_ino]] += entry.st_size
        else:
            loose += entry.st_size
    return Measure(objects, loose + sum(by_build.values()), by_build)


def sweep(store: Store, plan: Plan, leased: frozenset[str], who: str, now: int) -> None:
    """Remove what the plan says. The store's lock must be held alone, since the roots were read."""
    _look_again(store, plan)
    trash = store.trash
    for name in trash.all_names():
        trash.remove_tree(name)
    for verdict in plan.dead_generations:
        with store.app(verdict.app) as app:
            app.unlink_generation(verdict.number)
    for build in plan.dead_builds:
        store.builds.directory.rename(build, trash, f"{build}.{random_suffix()}")
    sync_directory(store.builds.directory)
    sync_directory(trash)
    for name in trash.all_names():
        trash.remove_tree(name)
    for build in plan.dead_builds:
        damage.unmark(store, build)
    _sweep_objects(store, leased)
    for verdict in plan.dead_generations:
        with store.app(verdict.app) as app:
            journal.append(
                app.directory, Event(now, journal.DELETED, verdict.number, 0, "", who, verdict.reason)
            )


def _look_again(store: Store, plan: Plan) -> None:
    """The store's lock keeps relstore out, not an administrator who moves a link by hand."""
    for verdict in plan.dead_generations:
        with store.app(verdict.app) as app:
            if app.current() == verdict.number:
                raise RefusedError(
                    f"generation {verdict.number} of {verdict.app} became current during the collection",
                    state="Nothing was removed.",
                    hint="Run `relstore gc` again.",
                )


def _sweep_objects(store: Store, leased: frozenset[str]) -> None:
    for shard, name in store.objects.refs():
        directory = store.objects.shard(shard)
        found = directory.lstat(name)
        if found is not None and found.st_nlink == 1 and name not in leased:
            with contextlib.suppress(FileNotFoundError):
                directory.unlink(name)


def _files(parent: Dir, name: str) -> Iterator[os.stat_result]:
    """The lstat of every regular file below ``name``."""
    found = parent.lstat(name)
    if found is None:
        return
    if stat.S_ISREG(found.st_mode):
        yield found
    elif stat.S_ISDIR(found.st_mode):
        with parent.sub(name) as directory:
            for child in directory.all_names():
                yield from _files(directory, child)
