"""Following a job by its files: steps and log as they come, then what the host recorded.

It only watches, so that it makes no difference to the job whether anybody does. Works for a job that
runs, one that has ended, and one that died.
"""

from __future__ import annotations

from collections.abc import Iterator

from relstore.formats import journal
from relstore.host.job.changes import Changes
from relstore.host.job.directory import Job
from relstore.host.job.values import DONE, QUEUED, STARTED, JobState
from relstore.protocol import MAX_STEP_TEXT, Ended, Output, Step
from relstore.store.app import App

_LOG_CHUNK = 64 * 1024


def follow(app: App, job: Job) -> Iterator[Step | Output | Ended]:
    """Events until the job has ended; the last one is Ended."""
    generation = job.request().generation
    offset = 0
    shown = told = ""
    with Changes(job.directory) as changes:
        while True:
            changes.expect()
            # In this order: a job that ends between the two looks is seen alive once more, never missed.
            alive = job.is_alive()
            state = job.state()
            if state.step not in (shown, QUEUED, STARTED, DONE):
                shown, told = state.step, ""
                yield Step(state.step, 0, 0)
            answer = job.answer()[:MAX_STEP_TEXT]
            if answer != told and state.step == shown:
                told = answer
                yield Step(state.step, 0, 0, answer)
            while True:
                data = job.log_from(offset, _LOG_CHUNK)
                if not data:
                    break
                offset += len(data)
                yield Output(data)
            if state.step == DONE:
                yield Ended(job.id, state.outcome, generation, state.previous, state.current, state.reason)
                return
            if not alive:
                yield _died(app, job, generation, state)
                return
            changes.wait()


def _died(app: App, job: Job, generation: int, state: JobState) -> Ended:
    reason = f"the job died while it was {state.step}; the next activation of {app.name} resolves it"
    reason += f"\n{state.reason}" if state.reason else ""
    return Ended(job.id, journal.INTERRUPTED, generation, state.previous, app.current() or 0, reason)
