"""A job's process from its start to the last word of its state."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest

from relstore.formats import journal
from relstore.formats.hold import AppHold
from relstore.host.job import directory as jobs
from relstore.host.job import process as job_module
from relstore.host.job.directory import Job
from relstore.host.job.values import DONE, JobState
from relstore.store import hold, locks
from relstore.store.app import LOCK, App
from relstore.store.store import Store
from tests.support.host_side import NOW, build_of, outcomes, release, run_job, started_job
from tests.support.host_state import problems
from tests.support.jobs_by_hand import Gate, create, leave_half_done, request, root_of, run, text_of


def test_it_activates_and_says_so(helper: str, app: App) -> None:
    job = run(helper, app, 2, "echo restarted")
    assert job.state() == JobState(DONE, 1, journal.ACTIVE, 2, "")
    assert text_of(job) == "relstore: restarting for generation 2\nrestarted\n"
    assert app.current() == 2
    assert not job.is_alive()
    assert problems(root_of(app)) == []


def test_it_says_what_went_wrong(helper: str, app: App) -> None:
    job = run(helper, app, 2, "echo broken; exit $((RELSTORE_GENERATION - 1))")
    state = job.state()
    assert (state.step, state.previous, state.outcome, state.current) == (
        DONE,
        1,
        journal.ROLLED_BACK,
        1,
    )
    assert state.reason.endswith("ended with exit code 1\nbroken")


def test_its_files_have_the_right_modes_whatever_the_umask(helper: str, app: App) -> None:
    before = os.umask(0o077)
    try:
        job, lock = create(app, 2, "umask; touch ../made")
        run_job(helper, root_of(app), job, lock)
    finally:
        os.umask(before)
    assert text_of(job).splitlines()[1] == "0022"
    assert (root_of(app) / "apps" / "web" / "journal").stat().st_mode & 0o777 == 0o600


def test_a_hangup_is_ignored_by_the_job_and_its_command(helper: str, app: App) -> None:
    """As when the login session ends."""
    run(helper, app, 2, "kill -HUP $PPID; sleep 0.05")
    assert app.current() == 2


# --- taking turns ---------------------------------------------------------------------------------


def hold_lock(app: App, text: str) -> int:
    fd = locks.open_lock(app.directory, LOCK)
    assert locks.try_lock(fd, exclusive=True)
    os.ftruncate(fd, 0)
    os.pwrite(fd, text.encode(), 0)
    return fd


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("20260101T000000Z-01234567 7 ann at the desk\n", ["20260101T000000Z-01234567", "ann at the desk"]),
        ("", ["another activation of web is under way"]),
        ("20260101T000000Z-01234567", ["another activation of web is under way"]),
        ("\xff\xfe \xff \xff", ["another activation of web is under way"]),
    ],
)
def test_somebody_else_has_the_lock(helper: str, app: App, text: str, words: list[str]) -> None:
    fd = hold_lock(app, text)
    job = run(helper, app, 2, "echo restarted")
    os.close(fd)
    state = job.state()
    assert (state.step, state.outcome, state.previous, state.current) == (DONE, job_module.BUSY, 0, 1)
    assert all(word in state.reason for word in words)
    assert outcomes(app)[1:] == []
    assert text_of(job) == ""


def test_the_lock_names_who_has_it(helper: str, app: App, top: Path) -> None:
    job = run(helper, app, 2, f"cp {top}/apps/web/lock ../seen")
    words = (top.parent / "seen").read_text().split()
    assert words[0] == job.id
    assert words[-1] == "me@desk"


def test_it_waits_for_its_turn_when_told_to(helper: str, app: App) -> None:
    gate = Gate(root_of(app).parent / "gate")
    first, first_lock = create(app, 2, gate.line)
    second, second_lock = jobs.create(app, request(1)._replace(lock_wait=60))
    with ExitStack() as stack:
        one = stack.enter_context(started_job(helper, root_of(app), first, first_lock))
        with gate.reached():
            two = stack.enter_context(started_job(helper, root_of(app), second, second_lock))
            while second.state().step != job_module.WAITING:
                assert two.poll() is None
        assert (one.wait(30), two.wait(30)) == (0, 0)
    assert outcomes(app)[1:] == [("switching", 2), ("active", 2), ("switching", 1), ("active", 1)]
    assert first.id in text_of(second)


def test_a_hold_is_minded(helper: str, app: App) -> None:
    hold.place(app.directory, AppHold("ann", NOW, "database migration"))
    state = run(helper, app, 2).state()
    assert state.outcome == job_module.HELD
    assert "database migration" in state.reason
    assert app.current() == 1
    job, lock = jobs.create(app, request(2)._replace(override_hold=True))
    run_job(helper, root_of(app), job, lock)
    assert job.state().outcome == journal.ACTIVE


# --- what a dead one left -------------------------------------------------------------------------


def test_it_finishes_that_first_and_then_does_its_own(helper: str, store: Store, app: App) -> None:
    release(store, {"version": b"3"})
    dead = leave_half_done(app, 2, "echo finished", switched=True)
    job = run(helper, app, 3, "echo mine")
    assert outcomes(app)[1:] == [("switching", 2), ("active", 2), ("switching", 3), ("active", 3)]
    assert dead.state().outcome == job.state().outcome == journal.ACTIVE
    assert job.state().previous == 2


def test_what_the_dead_one_had_begun_is_not_done_twice(helper: str, app: App) -> None:
    leave_half_done(app, 2, "echo finished", switched=True)
    job = run(helper, app, 2, "echo mine")
    assert outcomes(app)[1:] == [("switching", 2), ("active", 2)]
    assert text_of(job) == "relstore: restarting for generation 2\nfinished\n"
    assert job.state() == JobState(DONE, 1, journal.ACTIVE, 2, "")


def test_it_undoes_that_first(helper: str, store: Store, app: App) -> None:
    release(store, {"version": b"3"})
    leave_half_done(app, 2, "test $RELSTORE_GENERATION != 2", switched=True)
    job = run(helper, app, 3)
    assert outcomes(app)[1:] == [("switching", 2), ("rolled-back", 2), ("switching", 3), ("active", 3)]
    assert job.state().previous == 1


# --- whatever goes wrong is an outcome ------------------------------------------------------------


def failed(job: Job) -> str:
    state = job.state()
    assert (state.step, state.outcome) == (DONE, journal.FAILED)
    return state.reason


def test_a_damaged_chain(helper: str, app: App, top: Path) -> None:
    job, lock = create(app, 2)
    record = top / "apps" / "web" / "records" / "1"
    record.chmod(0o644)
    record.write_bytes(b"else")
    run_job(helper, top, job, lock)
    assert "record 1 of web" in failed(job)
    assert app.current() == 1


def test_a_damaged_journal(helper: str, app: App, top: Path) -> None:
    job, lock = create(app, 2)
    (top / "apps" / "web" / "journal").write_bytes(b"else")
    assert run_job(helper, top, job, lock) == 0
    assert "the journal does not begin as one" in failed(job)
    assert app.current() == 1


def test_a_link_that_somebody_changed_by_hand(helper: str, app: App, top: Path) -> None:
    job, lock = create(app, 2)
    (top / "apps" / "web" / "current").unlink()
    (top / "apps" / "web" / "current").symlink_to("/srv/other")
    run_job(helper, top, job, lock)
    assert "which is not a generation" in failed(job)
    assert os.readlink(top / "apps" / "web" / "current") == "/srv/other"


def test_a_request_that_cannot_be_read(helper: str, app: App, top: Path) -> None:
    job, lock = create(app, 2)
    Path(job.directory.path, "request").write_bytes(b"else")
    run_job(helper, top, job, lock)
    assert "request" in failed(job)


def test_what_the_system_refuses_before_the_switch(helper: str, app: App, top: Path) -> None:
    """A directory where the journal should be: nothing can be recorded, so nothing is done."""
    job, lock = create(app, 2)
    (top / "apps" / "web" / "lock").mkdir()
    assert run_job(helper, top, job, lock) == 0
    assert "during the activation: Is a directory" in failed(job)
    assert app.current() == 1


def test_what_the_system_refuses_at_the_switch(helper: str, app: App, top: Path) -> None:
    """A directory where the link should be, since the intent was recorded: the next one resolves it."""
    job, lock = create(app, 2, "true")
    current = top / "apps" / "web" / "current"
    current.unlink()
    current.mkdir()
    run_job(helper, top, job, lock)
    assert job.state().step == DONE
    assert job.state().outcome in (journal.FAILED, journal.INTERRUPTED)
    current.rmdir()
    current.symlink_to("generations/1")
    run(helper, app, 2)
    assert app.current() == 2
    assert problems(top) == []


def test_a_signal_in_the_middle_leaves_it_to_the_next(helper: str, app: App) -> None:
    gate = Gate(root_of(app).parent / "gate")
    job, lock = create(app, 2, gate.line)
    with started_job(helper, root_of(app), job, lock) as process, gate.reached():
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    assert not job.is_alive()
    run(helper, app, 1)
    assert outcomes(app)[1:] == [("switching", 2), ("active", 2), ("switching", 1), ("active", 1)]
    assert app.current() == 1


def test_a_build_that_is_damaged(helper: str, store: Store, app: App, top: Path) -> None:
    (top / "builds" / build_of(store, 2) / "tree" / "version").unlink()
    job = run(helper, app, 2, "echo restarted")
    assert "the build is damaged in the store" in failed(job)
    assert outcomes(app)[1:] == [("failed", 2)]
