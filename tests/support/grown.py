"""Stores with a long history: thousands of generations and events, written at once instead of one push after the other.

What is written is what pushes would have left, by the same encoders; only the syncs between are left out. For
tests of what reads it and for ``bench.growth``; nothing here writes as relstore does.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from relstore.formats import journal as journal_format
from relstore.formats.blake3 import digest
from relstore.formats.generation import Description, Generation
from relstore.formats.journal import HEADER, Event, encode_entries, first_sum
from relstore.formats.manifest import File, Manifest, ObjectRef
from relstore.formats.names import AppName, Digest
from relstore.store import app as apps
from relstore.store.builds import MANIFEST_NAME, TREE_NAME
from relstore.store.store import Store

try:
    from blake3 import blake3
except ImportError:  # as on a host
    blake3 = None  # type: ignore[assignment]

FIRST = 1_700_000_000
"""When the first generation was released, in seconds since 1970."""
EVERY_S = 3600
FAILS = 7
"""Every so many releases one fails, and is rolled back."""
SIZE = 27


def _digest(data: bytes) -> Digest:
    return Digest.from_bytes(digest(data) if blake3 is None else blake3(data).digest())


def grow(top: Path, name: AppName, count: int, *, kept: int | None = None) -> None:
    """Make the app ``name`` with ``count`` generations, each with a build of its own, and two events each.

    ``kept``: how many of the newest still have a link and their build; all by default.
    """
    with Store.open(str(top), create=True) as store:
        store.make_app(name)
    place = top / "apps" / name
    linked = range(1 if kept is None else max(1, count - kept + 1), count + 1)
    parent: Digest | None = None
    builds: list[Digest] = []
    for number in range(1, count + 1):
        build = _build(top, name, number, exists=number in linked)
        builds.append(build)
        commit = hashlib.sha1(f"{name} {number}".encode()).hexdigest()
        said = Description("ada@laptop", commit, False, f"release {number} of {name}")
        record = Generation(name, number, build, parent, FIRST + number * EVERY_S, SIZE, 1, said)
        raw = record.encode()
        file = place / apps.RECORDS / str(number)
        file.write_bytes(raw)
        file.chmod(0o444)
        parent = _digest(raw)
        if number in linked:
            os.symlink(apps.link_target(build), place / apps.GENERATIONS / str(number))
    last = _write_journal(place / "journal", count)
    if last:
        os.symlink(f"{apps.GENERATIONS}/{last}", place / apps.CURRENT)


def _write_journal(path: Path, count: int) -> int:
    """Write the journal; the generation that is current afterwards."""
    good = 0
    pieces = [HEADER]
    before = first_sum()
    for number in range(1, count + 1):
        for event in _events(number, good, fails=number % FAILS == 0 and number < count):
            entry = encode_entries([event], before)
            before = entry[4:36]
            pieces.append(entry)
        if number % FAILS or number == count:
            good = number
    path.write_bytes(b"".join(pieces))
    path.chmod(0o600)
    return good


def _events(number: int, previous: int, *, fails: bool) -> Iterator[Event]:
    at = FIRST + number * EVERY_S + 5
    begun = Event(at, journal_format.SWITCHING, number, previous, "", "ada@laptop", "")
    yield begun
    ended = begun._replace(time=at + 3, event=journal_format.ACTIVE)
    why = "not healthy within 30 s: http://127.0.0.1:8080/: status 500"
    yield ended._replace(event=journal_format.ROLLED_BACK, reason=why) if fails else ended


def _build(top: Path, name: AppName, number: int, *, exists: bool) -> Digest:
    """The build of one small file; made unless it is gone."""
    data = f"{name} {number}".encode().ljust(SIZE, b".")
    content = _digest(data)
    ref = ObjectRef(content, hashlib.sha256(data).digest(), len(data), False)
    raw = Manifest.from_entries([File("file", ref)]).encode()
    build = _digest(raw)
    if exists:
        tree = top / "builds" / build / TREE_NAME
        tree.mkdir(parents=True)
        place = top / "objects" / content[:2] / content
        place.write_bytes(data)
        place.chmod(0o444)
        os.link(place, tree / "file")
        manifest = tree.parent / MANIFEST_NAME
        manifest.write_bytes(raw)
        manifest.chmod(0o444)
        for directory in (tree, tree.parent):
            directory.chmod(0o555)
    return build
