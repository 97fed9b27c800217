"""A job's withdrawal: a rollout failed, so what it made current here is taken back, if that still is current.

The session writes it before the job starts; the job compares under the app's lock, and records it together
with its outcome. Not for a person's rejection of what is left (``rejection``).
"""

from __future__ import annotations

from typing import NamedTuple, Optional

from relstore.errors import SupersededError
from relstore.formats.journal import MAX_REASON
from relstore.host.job import values
from relstore.host.job.directory import Job
from relstore.store import durable
from relstore.store.app import App

_FILE = "withdraw"


class Withdrawal(NamedTuple):
    """What is taken back, and why."""

    generation: int
    """The one that the rollout made current. Nothing is done where another one is."""
    rollout: str
    reason: str


def write(job: Job, withdrawal: Optional[Withdrawal]) -> None:
    """Durable when this returns; nothing for None. Raises OSError, FormatError."""
    if withdrawal is not None:
        short = withdrawal._replace(reason=withdrawal.reason[:MAX_REASON])
        durable.replace_file(job.directory, _FILE, values.encode(short))


def read(job: Job) -> Optional[Withdrawal]:
    """None where nothing is withdrawn. Raises DamagedError, NewerStoreError."""
    raw = job.directory.read_or_none(_FILE, values.MAX_BYTES)
    return None if raw is None else values.decode(raw, f"withdrawal of job {job.id}", Withdrawal)


def check(app: App, withdrawal: Optional[Withdrawal]) -> None:
    """Raises SupersededError where something else is current by now."""
    current = app.current() or 0
    if withdrawal is None or current == withdrawal.generation:
        return
    now = f"generation {current}" if current else "no generation"
    raise SupersededError(
        f"generation {withdrawal.generation} was not taken back: {now} is current by now",
        state="Somebody switched this host since; nothing was changed.",
        hint="`relstore log` shows who.",
    )
