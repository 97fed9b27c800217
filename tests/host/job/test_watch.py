"""Following a job by its files, while it runs, after it ended, and when it died."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from relstore.formats import journal
from relstore.host.job import changes, watch
from relstore.host.job import directory as jobs
from relstore.host.job.directory import Job
from relstore.host.job.values import QUEUED, JobState
from relstore.protocol import Ended, Output, Step
from relstore.store.app import App
from tests.support.host_side import run_job, started_job
from tests.support.jobs_by_hand import Gate, create, leave_half_done, root_of, run, text_of


def follow(app: App, job: Job) -> tuple[list[str], bytes, Ended]:
    """The steps, the log, and the end."""
    *events, ended = watch.follow(app, job)
    assert isinstance(ended, Ended)
    steps = [event.name for event in events if isinstance(event, Step)]
    log = b"".join(event.data for event in events if isinstance(event, Output))
    assert len(events) == len(steps) + sum(isinstance(event, Output) for event in events)
    return steps, log, ended


def test_one_that_ended(helper: str, app: App) -> None:
    job = run(helper, app, 2, "echo restarted")
    steps, log, ended = follow(app, job)
    assert steps == []
    assert log == b"relstore: restarting for generation 2\nrestarted\n"
    assert ended == Ended(job.id, journal.ACTIVE, 2, 1, 2, "")


def test_one_that_failed_tells_why(helper: str, app: App) -> None:
    job = run(helper, app, 2, "echo no; exit $((RELSTORE_GENERATION - 1))")
    _, _, ended = follow(app, job)
    assert (ended.outcome, ended.generation, ended.previous, ended.current) == (journal.ROLLED_BACK, 2, 1, 1)
    assert ended.reason.endswith("\nno")


def test_one_that_runs_is_followed_as_it_goes(helper: str, app: App) -> None:
    gate = Gate(root_of(app).parent / "gate")
    job, lock = create(app, 2, f"echo before; {gate.line}; echo after")
    with started_job(helper, root_of(app), job, lock):
        events = watch.follow(app, job)
        log = b""
        steps = []
        while not log.endswith(b"before\n"):
            event = next(events)
            if isinstance(event, Output):
                log += event.data
            else:
                assert isinstance(event, Step)
                steps.append(event.name)
        with gate.reached():
            pass
        rest = list(events)
    steps += [event.name for event in rest if isinstance(event, Step)]
    log += b"".join(event.data for event in rest if isinstance(event, Output))
    assert log == text_of(job).encode()
    assert log.endswith(b"before\nafter\n")
    assert set(steps) <= {"verifying", "switching", "restarting"}
    assert rest[-1] == Ended(job.id, journal.ACTIVE, 2, 1, 2, "")


@pytest.mark.skipif(not hasattr(signal, "sigtimedwait"), reason="PyPy cannot wait for a signal")
def test_the_end_of_a_job_of_another_session_is_noticed_by_its_files(
    helper: str, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing but what the kernel tells of the directory ends a wait here."""
    monkeypatch.setattr(changes, "_LAST_S", 3600.0)
    gate = Gate(root_of(app).parent / "gate")
    job, lock = create(app, 2, gate.line)
    with started_job(helper, root_of(app), job, lock):
        events = watch.follow(app, job)
        while next(events) != Step("restarting", 0, 0):
            pass
        with gate.reached():
            pass
        *_, last = events
    assert last == Ended(job.id, journal.ACTIVE, 2, 1, 2, "")


def test_two_may_watch(helper: str, app: App) -> None:
    job = run(helper, app, 2)
    assert follow(app, job) == follow(app, jobs.open_job(app, job.id))


def test_a_long_log_comes_whole_and_in_pieces(helper: str, app: App) -> None:
    job = run(helper, app, 2, "seq 50000")
    events = [event for event in watch.follow(app, job) if isinstance(event, Output)]
    assert len(events) > 3
    assert b"".join(event.data for event in events).endswith(b"\n49999\n50000\n")
    assert max(len(event.data) for event in events) <= 64 * 1024


@pytest.mark.parametrize("step", [QUEUED, "verifying", "switching", "restarting"])
def test_one_that_died(app: App, step: str) -> None:
    job, lock = create(app, 2)
    os.close(lock)
    if step != QUEUED:
        job.write_state(JobState(step, 1, "", 1, ""))
    Path(job.directory.path, "log").write_bytes(b"last words\n")
    steps, log, ended = follow(app, job)
    assert steps == ([] if step == QUEUED else [step])
    assert log == b"last words\n"
    assert (ended.job, ended.outcome, ended.generation, ended.current) == (job.id, journal.INTERRUPTED, 2, 1)
    assert ended.reason == f"the job died while it was {step}; the next activation of web resolves it"


def test_one_that_was_killed_while_it_is_watched(helper: str, app: App) -> None:
    gate = Gate(root_of(app).parent / "gate")
    job, lock = create(app, 2, gate.line)
    with started_job(helper, root_of(app), job, lock) as process, gate.reached():
        events = watch.follow(app, job)
        while next(events) != Step("restarting", 0, 0):
            pass
        process.kill()
        process.wait()
        *_, last = events
    assert isinstance(last, Ended)
    assert (last.outcome, last.current) == (journal.INTERRUPTED, 2)
    assert "died while it was restarting" in last.reason


def test_one_that_died_and_was_resolved_tells_how(helper: str, app: App) -> None:
    job = leave_half_done(app, 2, switched=True)
    assert follow(app, job)[2].outcome == journal.INTERRUPTED
    run(helper, app, 1)
    assert follow(app, job)[2] == Ended(job.id, journal.ACTIVE, 2, 1, 2, "")


def test_what_it_waits_for_is_told_while_that_lasts(app: App) -> None:
    job, lock = create(app, 2)
    job.write_state(JobState("checking", 1, "", 2, ""))
    events = watch.follow(app, job)
    assert next(events) == Step("checking", 0, 0)
    job.tell("last answer: 404" + "x" * 5000)
    told = next(events)
    assert isinstance(told, Step)
    assert told.text is not None
    assert told.text.startswith("last answer: 404")
    assert len(told.text) == 200
    job.tell("last answer: 503")
    assert next(events) == Step("checking", 0, 0, "last answer: 503")
    job.tell("")
    assert next(events) == Step("checking", 0, 0, "")
    job.tell("old")
    job.write_state(JobState("returning", 1, "", 2, ""))
    assert next(events) == Step("returning", 0, 0)
    os.close(lock)


def test_an_answer_that_cannot_be_told_stops_nothing(app: App) -> None:
    job, lock = create(app, 2)
    os.close(lock)
    Path(job.directory.path, "answer").symlink_to("/etc/passwd")
    job.tell("x")
    assert job.answer() == ""
    Path(job.directory.path, "answer").unlink()
    Path(job.directory.path, "answer").mkdir()
    job.tell("x")
    job.tell("")
    assert job.answer() == ""


def test_it_makes_no_difference_that_nobody_watches(helper: str, app: App) -> None:
    job, lock = create(app, 2, "echo restarted")
    events = watch.follow(app, job)
    assert run_job(helper, root_of(app), job, lock) == 0
    events.close()  # type: ignore[attr-defined]
    assert app.current() == 2
