"""A job's rejection: that the generation which it leaves was bad, and why, for the record of its outcome.

The session writes it before the job starts, so that the mark does not depend on the client's coming back. Not
for the marks that a person makes at other times (``requests.keeping``).
"""

from __future__ import annotations

from typing import Optional

from relstore.formats.journal import MAX_REASON
from relstore.host.job.directory import Job
from relstore.store import durable

_FILE = "reject"


def write(job: Job, reason: Optional[str]) -> None:
    """Durable when this returns; nothing for None. Raises OSError."""
    if reason is not None:
        durable.replace_file(job.directory, _FILE, reason[:MAX_REASON].encode("utf-8", "replace"))


def read(job: Job) -> Optional[str]:
    """The reason, or None where nothing is rejected."""
    raw = job.directory.read_or_none(_FILE, 4 * MAX_REASON)
    return None if raw is None else raw.decode("utf-8", "replace")
