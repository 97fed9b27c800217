"""A journal that cannot be read is repaired: what is proved is kept, a copy of all of it is set aside.

Only for ``verify --repair``, which a person asks for. A torn tail needs none of it (``journal``).
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from typing import NamedTuple

from relstore.errors import DamagedError, FormatError
from relstore.formats.journal import HEADER, Event, Journal, encode_entries, entry_at, first_sum
from relstore.store import damage, durable, journal, locks
from relstore.store.directory import Dir
from relstore.store.store import Store

_HEAD_BYTES = 36
"""Those of an entry before its body: its length and its checksum."""

_FIRST_BYTE = b"\x97"
"""With which the body of every entry begins: an array of seven."""


class Gap(NamedTuple):
    """Bytes that hold no entry that can be proved."""

    begin: int
    end: int


class Salvaged(NamedTuple):
    """What can still be read of a journal."""

    events: list[Event]
    gaps: list[Gap]


class Repaired(NamedTuple):
    """What became of a journal."""

    kept: int
    """Events."""
    gaps: list[Gap]

    def words(self) -> str:
        """What was lost, for people."""
        if not self.kept and not self.gaps:
            return f"no event is kept; what was there is in {damage.QUARANTINE}/"
        lost = ", ".join(f"{gap.begin} to {gap.end - 1}" for gap in self.gaps)
        return (
            f"{self.kept} events are kept; what the bytes {lost} held is lost; "
            f"the journal as it was is in {damage.QUARANTINE}/"
        )


def repair(store: Store, app: Dir) -> Repaired | None:
    """Make the journal of an app readable; None when it is. Raises OSError, StoreError."""
    status = app.lstat(journal.NAME)
    if status is not None and not stat.S_ISREG(status.st_mode):
        # Nobody can hold its lock.
        damage.move_away(store, app, journal.NAME)
        durable.replace_file(app, journal.NAME, HEADER, locks.MODE)
        return Repaired(0, [])
    fd = locks.open_locked(app, journal.NAME, exclusive=True)
    try:
        raw = app.read_or_none(journal.NAME, journal.MAX_BYTES) or b""
        try:
            Journal.parse(raw)
        except DamagedError:
            pass
        else:
            return None
        salvaged = salvage(raw)
        damage.set_aside(store, app, journal.NAME)
        # Whoever waits for the lock sees that the file has lost its name, and opens the new one.
        durable.replace_file(
            app, journal.NAME, HEADER + encode_entries(salvaged.events, first_sum()), locks.MODE
        )
        return Repaired(len(salvaged.events), salvaged.gaps)
    finally:
        os.close(fd)


def salvage(raw: bytes) -> Salvaged:
    """The events whose entries are proved by the checksum of the entry before, whatever is between them."""
    events: list[Event] = []
    gaps: list[Gap] = []
    position, checksum = (len(HEADER), first_sum()) if raw.startswith(HEADER) else (0, b"")
    while position < len(raw):
        entry = entry_at(raw, position)
        event = _event(entry.body) if entry.follows(checksum) else None
        if event is None:
            gap = Gap(position, _next_proved(raw, position, checksum))
            if raw[gap.begin : gap.end].strip(b"\0"):
                gaps.append(gap)
            position = gap.end
            if position < len(raw):
                event = _event(entry_at(raw, position).body)
        if event is not None:
            entry = entry_at(raw, position)
            events.append(event)
            position, checksum = entry.end, entry.sum
    return Salvaged(events, gaps)


def _next_proved(raw: bytes, begin: int, before: bytes) -> int:
    """Where the first entry after ``begin`` stands that follows a checksum from there; or the end of ``raw``.

    ``before``: the checksum that an entry at ``begin`` would follow.
    """
    unproved = entry_at(raw, begin)
    # Which of the two was changed, the checksum or the body, only the next entry can tell.
    sums = {unproved.sum, hashlib.sha256(before + unproved.body).digest()} if begin else {first_sum()}
    for position in _candidates(raw, begin):
        entry = entry_at(raw, position)
        if _event(entry.body) is None:
            continue
        if any(entry.follows(before) for before in sums):
            return position
        sums.add(entry.sum)
    return len(raw)


def _candidates(raw: bytes, begin: int) -> Iterator[int]:
    """The places after ``begin`` at which an entry may stand."""
    at = raw.find(_FIRST_BYTE, begin + 1 + _HEAD_BYTES)
    while at >= 0:
        position = at - _HEAD_BYTES
        if entry_at(raw, position).end <= len(raw):
            yield position
        at = raw.find(_FIRST_BYTE, at + 1)


def _event(body: bytes) -> Event | None:
    try:
        return Event.parse(body)
    except FormatError:
        return None
