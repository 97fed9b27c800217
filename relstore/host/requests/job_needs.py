"""Which generations the jobs of an app need: neither the collector nor a person may remove those.

Not for what else keeps a generation (``gc.roots``).
"""

from __future__ import annotations

import contextlib
from typing import NamedTuple

from relstore.host.job import directory as jobs
from relstore.store.app import App


class JobNeeds(NamedTuple):
    """The jobs that run or wait for their turn, an unresolved one, and the generations they are about."""

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
    return needed
