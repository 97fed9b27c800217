"""The journal: an app's append-only record of activations and their outcomes.

Every entry is durable before anyone is told of it, and its checksum covers the entry before, so
that the past cannot be edited unseen. A crash can tear only what one append wrote; the next writer cuts
that off. The format is in ``docs/formats/journal.md``. Not for one that was changed (``journal_repair``).
"""

from __future__ import annotations

import os

from relstore.errors import NotRecordedError
from relstore.formats.journal import HEADER, Event, Journal, encode_entries
from relstore.store import checkpoints, locks
from relstore.store.directory import Dir
from relstore.store.durable import write_all

NAME = "journal"
MAX_BYTES = 1 << 30


def read(directory: Dir) -> Journal:
    """The journal of an app; empty when there is none yet. Raises DamagedError."""
    return Journal.parse(directory.read_or_none(NAME, MAX_BYTES) or b"")


def _end(directory: Dir) -> Journal:
    """As ``read``, without the events that a checkpoint covers. Raises DamagedError."""
    raw = directory.read_or_none(NAME, MAX_BYTES) or b""
    known = checkpoints.read(directory)
    if known is None or not known.journal.is_of(raw):
        return Journal.parse(raw)
    return Journal.parse_after(raw, known.journal)


def append(directory: Dir, *events: Event) -> None:
    """Durable when this returns. Writers take turns by a lock on the file.

    Raises DamagedError, BusyError, FormatError for an event that could not be read again, and
    NotRecordedError. After an OSError nothing is recorded.
    """
    # A job, a collector and a person's mark may all want to write; each is done in an instant.
    fd = locks.open_locked(directory, NAME, exclusive=True)
    try:
        journal = _end(directory)
        entries = encode_entries(events, journal.sum)
        os.ftruncate(fd, journal.length)
        os.lseek(fd, 0, os.SEEK_END)
        try:
            write_all(fd, entries if journal.length else HEADER + entries)
        except OSError as error:
            _take_back(fd, journal.length, error)
            raise
        try:
            os.fsync(fd)
            os.fsync(directory.fd)
        except OSError as error:
            _take_back(fd, journal.length, error)
            raise NotRecordedError.of(error, certain=True) from None
    finally:
        os.close(fd)


def _take_back(fd: int, length: int, error: OSError) -> None:
    """Cut off what ``error`` kept from the disk, which would be read until the next boot, and maybe after it.

    Raises NotRecordedError when that fails too.
    """
    try:
        os.ftruncate(fd, length)
        os.fsync(fd)
    except OSError:
        raise NotRecordedError.of(error, certain=False) from None
