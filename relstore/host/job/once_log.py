"""What happened to the command that runs once in a rollout; kept with the rollout, and shown in the log.

Light to import, since every log reads it. Not for running it (``once``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

from relstore.errors import RelstoreError
from relstore.formats.journal import MAX_REASON
from relstore.host.job import values
from relstore.protocol import LogRow
from relstore.store import durable
from relstore.store.app import App
from relstore.store.directory import Dir
from relstore.store.rollouts import Rollouts

FILE = "once"


class OnceEvent(NamedTuple):
    time: int
    """Seconds since 1970, by the host's clock."""
    event: str
    """``once-began``, ``once-done`` or ``once-failed``; a later relstore may know more."""
    generation: int
    who: str
    reason: str


class OnceLog(NamedTuple):
    """The content of the file."""

    items: tuple[OnceEvent, ...] = ()

    @property
    def last(self) -> OnceEvent | None:
        return self.items[-1] if self.items else None


def read(rollout: Dir) -> OnceLog:
    """Raises DamagedError, NewerStoreError, OSError."""
    raw = rollout.read_or_none(FILE, values.MAX_BYTES)
    return OnceLog() if raw is None else values.decode(raw, "record of what runs once", OnceLog)


def append(rollout: Dir, event: OnceEvent) -> None:
    """Durable when this returns. Raises as ``read``."""
    short = event._replace(reason=event.reason[:MAX_REASON])
    durable.replace_file(rollout, FILE, values.encode(OnceLog((*read(rollout).items, short))), 0o600)


def rows(app: App) -> Iterator[LogRow]:
    """By time. What cannot be read is left out: the journal is what counts."""
    found: list[LogRow] = []
    rollouts = Rollouts(app.directory)
    for known in rollouts.all():
        with contextlib.suppress(OSError, RelstoreError), rollouts.open(known.id) as one:
            found += [
                LogRow(each.time, each.event, each.generation, 0, known.id, each.who, each.reason)  # type: ignore[arg-type]
                for each in read(one).items
            ]
    yield from sorted(found, key=lambda row: row.time)
