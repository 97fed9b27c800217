"""Which generations the jobs and the rollout of an app need: nobody may remove those.

Not for what else keeps a generation (``gc.roots``).
"""

from __future__ import annotations

import contextlib
from typing import NamedTuple

from relstore.host.job import directory as jobs
from relstore.store.app import App
from relstore.store.rollouts import Rollouts


class JobNeeds(NamedTuple):
    """The jobs that run or wait for their turn, and an unresolved one; and the generations that they are
    about, and a rollout that has not ended: those to go to, and to go back to."""

    jobs: set[str]
    generations: set[int]


def of(app: App) -> JobNeeds:
    needed = JobNeeds(set(), set())
    for ident in jobs.alive(app):
        with contextlib.closing(jobs.open_job(app, ident)) as job:
            needed.jobs.add(ident)
            needed.generations.update((job.request().generation, job.state().previous))
    event = app.unresolved()
    if event is not None:
        needed.jobs.add(event.job)
        needed.generations.update((event.generation, event.previous))
    rollout = Rollouts(app.directory).newest()
    if rollout is not None and rollout.record is not None and not rollout.record.is_ended:
        needed.generations.update((rollout.record.generation, rollout.record.previous))
    return needed
