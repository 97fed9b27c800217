"""Waits for the deployer to come back with the token, which proves that the host can still be reached."""

from __future__ import annotations

import time

from relstore.errors import RelstoreError
from relstore.host.job.directory import CONFIRMED, EXPIRED, Job

_POLL_S = 0.05


def wait(job: Job, seconds: int) -> str:
    """``""`` when the confirmation came in time; else why the release does not stay."""
    deadline = time.monotonic() + seconds
    while True:
        verdict = _verdict(job, expired=time.monotonic() >= deadline)
        if verdict == CONFIRMED:
            return ""
        if verdict:
            return f"nobody came back to confirm it within {seconds} s"
        time.sleep(_POLL_S)


def _verdict(job: Job, *, expired: bool) -> str:
    """What is decided; a disk that takes no verdict does not keep the time from being over."""
    try:
        return job.verdict() or (job.decide(EXPIRED) if expired else "")
    except (OSError, RelstoreError):
        return EXPIRED if expired else ""
