"""Whether an activation may happen as far as rollouts go: for one, in spite of one, or without one.

Asked by the session, and again by the job under the app's lock. Not for keeping rollouts
(``store.rollouts``).
"""

from __future__ import annotations

from typing import Optional

from relstore.errors import NotFoundError, RelstoreError
from relstore.host.job import values
from relstore.host.job.directory import Job
from relstore.store import durable
from relstore.store.app import App
from relstore.store.rollouts import Claim, Rollouts, busy, is_in_the_way, taken_over

_FILE = "rollout"
JOB = "job"
BACK = "back"


def check(app: App, claim: Optional[Claim], *, goes_back: bool = False) -> None:
    """``claim``: what the session took, or None where it acts for no rollout. ``goes_back``: what cannot be
    read does not stop it then; that nobody else has switched is compared anyhow.

    Raises TakenOverError, BusyError, NotFoundError, OSError.
    """
    if claim is None and goes_back:
        return  # its record could not be written; what is current is compared anyhow
    rollouts = Rollouts(app.directory)
    try:
        newest = rollouts.newest()
    except (OSError, RelstoreError):
        if goes_back:
            return
        raise
    if claim is None:
        if newest is not None and is_in_the_way(newest):
            raise busy(newest)
        return
    if newest is not None and newest.record is not None and Claim.of(newest.record) == claim:
        return
    if newest is not None and newest.record is not None and newest.record.epoch >= claim.epoch:
        raise taken_over(newest.record)
    if not goes_back:
        raise NotFoundError(
            f"the record of rollout {claim.id} is gone from this host",
            state="Nothing was switched.",
            hint="Run the command again: it goes on from what each host runs.",
        )


def supersede(app: App, who: str, since: int) -> None:
    """Take over from what runs or waits here, for an activation of no rollout. Raises OSError."""
    rollouts = Rollouts(app.directory)
    newest = rollouts.newest()
    if newest is None or newest.record is None or newest.record.is_ended:
        return
    change = {
        "epoch": newest.record.epoch + 1,
        "claim": "0" * 8,
        "who": who,
        "since": since,
        "serial": 0,
        "state": "taken-over",
        "why": f"{who} activated something else here",
    }
    rollouts.supersede(newest.id, change)


def write(job: Job, claim: Optional[Claim]) -> None:
    """Into the job's directory, before it starts. Durable when this returns; nothing for None."""
    if claim is not None:
        durable.replace_file(job.directory, _FILE, values.encode(claim))


def read(job: Job) -> Optional[Claim]:
    """None where the job acts for no rollout. Raises DamagedError, NewerStoreError."""
    raw = job.directory.read_or_none(_FILE, values.MAX_BYTES)
    return None if raw is None else values.decode(raw, f"rollout of job {job.id}", Claim)


def remember(app: App, claim: Optional[Claim], job: Job, *, goes_back: bool) -> None:
    """Which job acts for the rollout: whoever goes on with it learns how that ended. Raises OSError."""
    if claim is None:
        return
    try:
        Rollouts(app.directory).put(claim.id, BACK if goes_back else JOB, job.id.encode())
    except (OSError, RelstoreError):
        if not goes_back:
            raise
