"""The journal: an app's append-only record of activations and their outcomes.

Every entry is durable before anyone is told of it, and its checksum covers the entry before, so
that the past cannot be edited unseen. A crash can tear only the last entry; the next writer cuts
that off. The format is in ``docs/formats/journal.md``.
"""

from __future__ import annotations

import fcntl
import hashlib
import os

from relstore.formats.journal import (
    _LENGTH_BYTES,
    HEADER,
    Event,
    Journal,
)
from relstore.store.directory import Dir
from relstore.store.durable import write_all

NAME = "journal"
MAX_BYTES = 1 << 30


def read(directory: Dir) -> Journal:
    """The journal of an app; empty when there is none yet. Raises DamagedError."""
    return Journal.parse(directory.read_or_none(NAME, MAX_BYTES) or b"")


def append(directory: Dir, *events: Event) -> None:
    """Durable when this returns. Writers take turns by a lock on the file. Raises DamagedError, OSError."""
    fd = directory.open_to_write(NAME, os.O_CREAT)
    try:
        # A job, a collector and a person's mark may all want to write; each is done in an instant.
        fcntl.flock(fd, fcntl.LOCK_EX)
        journal = read(directory)
        os.ftruncate(fd, journal.length)
        os.lseek(fd, 0, os.SEEK_END)
        written = b"" if journal.length else HEADER
        checksum = journal.sum
        for event in events:
            body = event.encode()
            checksum = hashlib.sha256(checksum + body).digest()
            written += len(body).to_bytes(_LENGTH_BYTES, "big") + checksum + body
        write_all(fd, written)
        os.fsync(fd)
    finally:
        os.close(fd)
    os.fsync(directory.fd)
