"""The checkpoint of an app on disk: read, and written by whoever reads much that is not in it yet.

A cache, so that nothing here ever fails: what cannot be read is none, and what cannot be written is left. Not
for what it says (``formats.checkpoint``) nor for whether that still holds (``ledger``).
"""

from __future__ import annotations

import contextlib
import os

from relstore.errors import RelstoreError
from relstore.formats.checkpoint import MAX_BYTES, Checkpoint
from relstore.formats.names import random_suffix
from relstore.store.directory import TEMPORARY, Dir
from relstore.store.durable import write_all
from relstore.store.room import RESERVE_BYTES, free

FILE = "checkpoint"
MODE = 0o600


def read(app: Dir) -> Checkpoint | None:
    """What is there and whole; None for anything else."""
    try:
        raw = app.read_or_none(FILE, MAX_BYTES)
        return None if raw is None else Checkpoint.parse(raw)
    except (RelstoreError, OSError, MemoryError):
        return None


def write(app: Dir, checkpoint: Checkpoint) -> None:
    """Replace what was there, if that can be done and leaves room for what matters.

    It is not synced: after a power cut it may be empty or torn, which whoever reads it sees.
    """
    with contextlib.suppress(RelstoreError, OSError, MemoryError):
        raw = checkpoint.encode()
        if free(app)[0] < len(raw) + 2 * RESERVE_BYTES:
            return
        temporary = TEMPORARY + random_suffix()
        fd = app.create_file(temporary, MODE)
        try:
            write_all(fd, raw)
            app.rename(temporary, app, FILE)
        except BaseException:
            app.unlink(temporary)
            raise
        finally:
            os.close(fd)
