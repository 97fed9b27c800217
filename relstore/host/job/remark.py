"""A job's remark: what its activation disregards, for the record of its intent and for its log.

The session writes it before the job starts. Not for a hold, which the job itself meets (``process``).
"""

from __future__ import annotations

from collections.abc import Sequence

from relstore.formats.journal import MAX_REASON
from relstore.host.job.directory import Job
from relstore.protocol import Problem
from relstore.store import durable

_FILE = "remark"


def of_findings(problems: Sequence[Problem]) -> str:
    """That somebody let these findings of preflight pass; empty without any."""
    if not problems:
        return ""
    return f"in spite of preflight: {'; '.join(problem.what for problem in problems)}"


def write(job: Job, text: str) -> None:
    """Durable when this returns; nothing for an empty text. Raises OSError."""
    if text:
        # The record has room for a reason beside it.
        durable.replace_file(job.directory, _FILE, text[: MAX_REASON // 2].encode("utf-8", "replace"))


def read(job: Job) -> str:
    """The remark, or ``""``."""
    return (job.directory.read_or_none(_FILE, 4 * MAX_REASON) or b"").decode("utf-8", "replace")
