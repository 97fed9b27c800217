"""Finds and removes what finished or dead work has left in a store.

It is found without a lock and removed under the store's exclusive lock. None of it is needed, but some may
still be useful for a while: what an upload staged, the log of a job, a helper that a client with another
version of relstore runs. So each kind is kept until it has a certain age. Not for generations and builds
(``plan``).
"""

from __future__ import annotations

import stat
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from typing import Final, Literal, NamedTuple

from relstore.gc import trash
from relstore.gc.left import Left
from relstore.store import app as apps
from relstore.store import damage, root
from relstore.store.directory import TEMPORARY, Dir
from relstore.store.store import Store

DAY_S = 24 * 3600
STAGING_S = DAY_S
"""How long to keep what an interrupted upload staged, so that the next push can resume it."""
TEMPORARY_S = DAY_S
"""No writer takes this long to write one file."""
UNUSED_S = 30 * DAY_S
"""How long to keep the log of a job, a helper that nobody runs, or a file that a repair replaced."""
LAST_JOBS = 20
"""How many jobs of each app to keep, however old they are."""

LeftoverKind = Literal["lease", "staged upload", "half-written file", "job", "helper", "damaged file"]

_OURS = (*root.AREAS, damage.MARKS, damage.QUARANTINE)
LEASE: Final = "lease"
STAGED: Final = "staged upload"
HALF_WRITTEN: Final = "half-written file"
JOB: Final = "job"
HELPER: Final = "helper"
SET_ASIDE: Final = "damaged file"


class Leftover(NamedTuple):
    """Something that nobody needs: where it is below the root, what it is, and why it may be removed."""

    place: tuple[str, ...]
    kind: LeftoverKind
    reason: str
    bytes: int

    @property
    def path(self) -> str:
        return "/".join(self.place)


class Needed(NamedTuple):
    """What must be kept: leases by name, jobs as (app, id), helpers by digest."""

    leases: Collection[str]
    jobs: Collection[tuple[str, str]]
    helpers: Collection[str]


def find(store: Store, needed: Needed, now: float) -> list[Leftover]:
    """All leftovers. Raises OSError, StoreError: one that cannot be read ends the collection."""
    return [
        *_leases(store, needed.leases),
        *_staging(store, needed.leases, now),
        *_half_written(store, now),
        *_jobs(store, needed.jobs, now),
        *_helpers(store, needed.helpers, now),
        *_set_aside(store, now),
    ]


def is_dead(store: Store, leftover: Leftover, needed: Needed, now: float) -> bool:
    """Whether it may still be removed: others may have held the store's lock since it was found."""
    name = leftover.place[-1]
    if leftover.kind == LEASE:
        return name not in needed.leases
    if leftover.kind == STAGED:
        return name not in needed.leases and _age(store.staging, name, now) > STAGING_S
    if leftover.kind == JOB:
        return (leftover.place[1], name) not in needed.jobs
    return leftover.kind != HELPER or name not in needed.helpers


def let_go(store: Store, leftovers: Iterable[Leftover]) -> list[Left]:
    """Move it to the trash; what is gone already is no error. The store's lock must be held alone.

    What had to be left.
    """
    left = []
    for leftover in leftovers:
        *above, name = leftover.place
        with suppress(FileNotFoundError), store.root.below(above) as directory:
            left += trash.put(store, directory, name)
    return left


def _set_aside(store: Store, now: float) -> Iterator[Leftover]:
    quarantine = store.root.sub_or_none(damage.QUARANTINE)
    if quarantine is None:
        return
    with quarantine:
        for name in quarantine.names():
            # Since when it is there: a hard link changes the inode.
            status = quarantine.lstat(name)
            if status is not None and now - status.st_ctime > UNUSED_S:
                place = (damage.QUARANTINE, name)
                yield Leftover(place, SET_ASIDE, "repaired over 30 days ago", _size(quarantine, name))


def _leases(store: Store, held: Collection[str]) -> Iterator[Leftover]:
    for name in store.leases.names():
        if name not in held:
            yield Leftover(("leases", name), LEASE, "its upload has ended", _size(store.leases, name))


def _staging(store: Store, held: Collection[str], now: float) -> Iterator[Leftover]:
    for name in store.staging.all_names():
        if name not in held and _age(store.staging, name, now) > STAGING_S:
            size = _size(store.staging, name)
            yield Leftover(("staging", name), STAGED, "broke off over a day ago", size)


def _half_written(store: Store, now: float) -> Iterator[Leftover]:
    for place in _writable(store):
        with suppress(FileNotFoundError, PermissionError), store.root.below(place) as directory:
            for name in directory.all_names():
                if name.startswith(TEMPORARY) and _age(directory, name, now) > TEMPORARY_S:
                    size = _size(directory, name)
                    yield Leftover((*place, name), HALF_WRITTEN, "its writer died over a day ago", size)


def _writable(store: Store) -> Iterator[tuple[str, ...]]:
    """The directories in which names are made by way of a temporary one."""
    yield ()
    yield from ((area,) for area in _OURS if store.root.is_directory(area))
    yield from (("objects", shard) for shard in store.objects.shards())
    yield from (("builds", build) for build in store.builds.ids())
    for name in store.app_names():
        yield "apps", name
        yield from (("apps", name, area) for area in apps.AREAS)
        with store.root.below(("apps", name, apps.JOBS)) as jobs:
            yield from (("apps", name, apps.JOBS, job) for job in _job_names(jobs))
        with suppress(FileNotFoundError), store.root.below(("apps", name, apps.ROLLOUTS)) as rollouts:
            yield "apps", name, apps.ROLLOUTS
            yield from (("apps", name, apps.ROLLOUTS, each) for each in _job_names(rollouts))


def _jobs(store: Store, needed: Collection[tuple[str, str]], now: float) -> Iterator[Leftover]:
    for name in store.app_names():
        with store.root.below(("apps", name, apps.JOBS)) as jobs:
            for job in _job_names(jobs)[:-LAST_JOBS]:  # their names sort by time
                if (name, job) not in needed and _age(jobs, job, now) > UNUSED_S:
                    place = ("apps", name, apps.JOBS, job)
                    yield Leftover(place, JOB, "ended over 30 days ago", _size(jobs, job))


def _helpers(store: Store, used: Collection[str], now: float) -> Iterator[Leftover]:
    helpers = store.root.sub_or_none("helpers")
    if helpers is None:
        return
    with helpers:
        for name in helpers.names():
            if name in used or not helpers.is_directory(name):
                continue
            if _age(helpers, name, now) > UNUSED_S:
                yield Leftover(("helpers", name), HELPER, "not used for over 30 days", _size(helpers, name))


def _job_names(jobs: Dir) -> list[str]:
    return [name for name in jobs.names() if jobs.is_directory(name)]


def _age(directory: Dir, name: str, now: float) -> float:
    """Seconds since it was changed; what is gone is young."""
    status = directory.lstat(name)
    return now - status.st_mtime if status is not None else 0.0


def _size(directory: Dir, name: str) -> int:
    """The bytes of its files."""
    status = directory.lstat(name)
    if status is None:
        return 0
    if not stat.S_ISDIR(status.st_mode):
        return status.st_size if stat.S_ISREG(status.st_mode) and status.st_nlink == 1 else 0
    try:
        inner = directory.sub(name)
    except (FileNotFoundError, PermissionError):
        # No lock is held: it may be gone. Or it is another account's.
        return 0
    with inner:
        return sum(_size(inner, child) for child in inner.all_names())
