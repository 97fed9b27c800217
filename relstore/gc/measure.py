"""Measures exactly how much a sweep will free, counting hard links once. Reads only, and needs no lock.

A file is freed when all its links, apart from the one in ``objects/``, are in builds or uploads that are
removed. It takes about 100 bytes of memory for each file of those builds. Not for deciding what is removed
(``plan``).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from typing import NamedTuple

from relstore.formats.names import Digest
from relstore.store.directory import Dir
from relstore.store.store import Store


class Measure(NamedTuple):
    """What a sweep frees."""

    objects: int
    bytes: int
    by_build: dict[Digest, int]


def measure(
    store: Store, dead: Collection[Digest], leased: Collection[str], staged: Collection[str] = ()
) -> Measure:
    """``dead``: the builds that are removed; ``leased``: the names of objects that are kept in any case.

    ``staged``: uploads that are removed and may have linked objects; what they staged is not counted.
    """
    going: dict[int, int] = {}
    for build in dead:
        for status in _files(store.builds.directory, build):
            going[status.st_ino] = going.get(status.st_ino, 0) + 1
    for lease in staged:
        for status in _files(store.staging, lease):
            if status.st_nlink > 1:
                going[status.st_ino] = going.get(status.st_ino, 0) + 1
    objects, loose = _shelf(store, leased, going)
    by_build = {build: _take(_files(store.builds.directory, build), going) for build in dead}
    loose += sum(_take(_files(store.staging, lease), going) for lease in staged)
    return Measure(objects, loose + sum(by_build.values()), by_build)


def _shelf(store: Store, leased: Collection[str], going: dict[int, int]) -> tuple[int, int]:
    """The number of objects that are removed, and the bytes of those without other links.

    Objects that have other links are marked in ``going``.
    """
    objects = loose = 0
    for shard, name in store.objects.refs():
        entry = store.objects.shard(shard).lstat(name)
        if entry is None or name in leased:
            continue
        links = going.get(entry.st_ino, 0)
        if entry.st_nlink - links != 1:
            continue
        objects += 1
        if links:
            going[entry.st_ino] = -links
        else:
            loose += entry.st_size
    return objects, loose


def _take(files: Iterator[os.stat_result], going: dict[int, int]) -> int:
    """The bytes of the files that are freed and were not counted before.

    Those files are marked as removed from ``objects/``, or were never there: manifests, empty files, and
    copies that were made because of the limit on links.
    """
    size = 0
    for status in files:
        links = going.get(status.st_ino, 0)
        if links < 0 or links == status.st_nlink:
            size += status.st_size
            going[status.st_ino] = 0
    return size


def _files(parent: Dir, name: str) -> Iterator[os.stat_result]:
    """The lstat of every regular file below ``name``."""
    status = parent.lstat(name)
    if status is None:
        return
    if stat.S_ISREG(status.st_mode):
        yield status
    elif stat.S_ISDIR(status.st_mode):
        try:
            directory = parent.sub(name)
        except (FileNotFoundError, PermissionError):
            return  # an upload that was resumed may have ended; or a service made it for itself alone
        with directory:
            for child in directory.all_names():
                yield from _files(directory, child)
