"""Jobs as the tests make them: asked for, run in this process or in one of their own, looked at after."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from relstore.formats import journal as journal_format
from relstore.formats.command import Command
from relstore.formats.journal import Event
from relstore.formats.recipe import Recipe, Variable
from relstore.host.job import directory as jobs
from relstore.host.job import rejection, withdrawal
from relstore.host.job.activation import Activation
from relstore.host.job.directory import Job
from relstore.host.job.record import Ending
from relstore.host.job.values import JobRequest, JobState
from relstore.host.job.withdrawal import Withdrawal
from relstore.store import journal
from relstore.store.app import App
from relstore.store.store import Store
from tests.support.host_side import NOW, run_job

_MICROS = itertools.count()


def request(
    generation: int,
    restart: str = "",
    seconds: int = 20,
    variables: tuple[Variable, ...] | None = None,
) -> JobRequest:
    """``restart``: a shell line, or nothing."""
    command = Command(("sh", "-c", restart), seconds) if restart else None
    recipe = Recipe(restart=command, variables=variables)
    return JobRequest(generation, "me@desk", NOW, recipe)


def create(
    app: App,
    generation: int,
    restart: str = "",
    seconds: int = 20,
    variables: tuple[Variable, ...] | None = None,
) -> tuple[Job, int]:
    """A job and the descriptor of its lock, a microsecond after the one before."""
    return jobs.create(app, request(generation, restart, seconds, variables), next(_MICROS))


class Ran(NamedTuple):
    """An activation that has ended."""

    ending: Ending
    log: str
    job: Job


def activate_here(
    store: Store,
    app: App,
    generation: int,
    restart: str = "",
    seconds: int = 20,
    *,
    rejected: str | None = None,
    withdrawn: Withdrawal | None = None,
    variables: tuple[Variable, ...] | None = None,
) -> Ran:
    """Run an activation in this process, without the lock and the state's last word that its job sees to."""
    job, lock = create(app, generation, restart, seconds, variables)
    rejection.write(job, rejected)
    withdrawal.write(job, withdrawn)
    log = os.open(f"{job.directory.path}/log", os.O_RDWR | os.O_APPEND)
    try:
        ending = Activation(store, app, job, job.request(), log).run()
    finally:
        os.close(log)
        os.close(lock)
    return Ran(ending, text_of(job), job)


def run(helper: str, app: App, generation: int, restart: str = "", seconds: int = 20) -> Job:
    """Run a whole job in a process of its own, to its end."""
    job, lock = create(app, generation, restart, seconds)
    code = run_job(helper, root_of(app), job, lock)
    assert code == 0, text_of(job)
    return job


def text_of(job: Job) -> str:
    """The beginning of a job's log."""
    return job.log_from(0, 100_000).decode("utf-8", "replace")


def leave_half_done(
    app: App, generation: int, restart: str = "", *, step: str = "", previous: int = 1, switched: bool
) -> Job:
    """What a job leaves that died at ``step`` (``""``: before its first one) with its intent recorded."""
    job, lock = create(app, generation, restart)
    os.close(lock)
    journal.append(
        app.directory, Event(NOW, journal_format.SWITCHING, generation, previous, job.id, "me@desk", "")
    )
    if step:
        job.write_state(JobState(step, previous, "", previous, ""))
    if switched:
        app.switch(generation)
    return job


class Gate:
    """A FIFO at which a restart waits until the test lets it through, once and for all."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._path = path
        self.line = f"test ! -e {path} || read line < {path}"
        """What the restart runs."""

    @contextmanager
    def reached(self) -> Iterator[None]:
        """Wait until a restart stands at the gate; the end of the block lets it through."""
        with open(self._path, "w") as opened:
            yield
            self._path.unlink()
            opened.write("go\n")


def root_of(app: App) -> Path:
    return Path(app.directory.path).parent.parent
