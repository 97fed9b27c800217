"""A started job belongs to the host: no streams, no session and no parent of it are those of who started it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from relstore.errors import StoreError
from relstore.formats import journal
from relstore.host.job import directory as jobs
from relstore.host.job import start as detach
from relstore.host.job.directory import Job
from relstore.host.job.start import Helper
from relstore.host.job.values import DONE
from relstore.store.app import App
from tests.support.host_side import WEB, program
from tests.support.jobs_by_hand import Gate, create, root_of, text_of


def start(helper: str, app: App, job: Job, lock: int) -> None:
    detach.start(Helper(helper), str(root_of(app)), WEB, job, lock, detach.NOHUP)


def wait(job: Job, *, path: Path) -> None:
    """Until the job has ended, by the lock that it holds: no look at the clock is needed."""
    subprocess.run(["flock", str(path / "lock"), "true"], check=True, timeout=60)


def test_it_runs_in_a_session_of_its_own_with_streams_of_its_own(helper: str, app: App) -> None:
    line = (
        "ps -o sid= -p $PPID; readlink /proc/$PPID/cwd; "
        "for fd in 0 1 2; do readlink /proc/$PPID/fd/$fd; done; "
        "grep SigCgt /proc/$PPID/status; grep SigIgn /proc/$$/status"
    )
    job, lock = create(app, 2, line)
    start(helper, app, job, lock)
    wait(job, path=Path(job.directory.path))
    _, session, cwd, stdin, stdout, stderr, caught, inherited = text_of(job).splitlines()
    assert int(session) != os.getsid(0)
    assert (cwd, stdin) == ("/", "/dev/null")
    assert stdout == stderr == f"{job.directory.path}/log"
    assert int(caught.split()[1], 16) & 1, "SIGHUP would end the job"
    assert not int(inherited.split()[1], 16) & 1, "what the job starts ignores SIGHUP"
    assert job.state().outcome == journal.ACTIVE


def test_it_holds_its_lock_from_the_first_moment_to_the_last(helper: str, app: App) -> None:
    gate = Gate(root_of(app).parent / "gate")
    job, lock = create(app, 2, gate.line)
    start(helper, app, job, lock)
    assert job.is_alive()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(lock)
    with gate.reached():
        assert job.is_alive()
        assert jobs.running(app) == job.id
    wait(job, path=Path(job.directory.path))
    assert not job.is_alive()


START = """
from relstore.host.job import start as detach, directory as jobs
from relstore.formats.names import AppName, JobId
from relstore.store.store import Store
import os, signal
helper, root, ident = sys.argv[1:]
with Store.open(root) as store, store.app(AppName("web")) as app:
    job = jobs.open_job(app, JobId(ident))
    lock = os.open("lock", os.O_RDWR, dir_fd=job.directory.fd)
    jobs.locks.try_lock(lock, exclusive=True)
    detach.start(detach.Helper(helper), root, app.name, job, lock, detach.NOHUP)
os.killpg(0, signal.SIGKILL)
"""


def test_it_outlives_whoever_started_it(helper: str, app: App) -> None:
    """The session's whole process group is killed right after the start."""
    job, lock = create(app, 2, "echo restarted")
    os.close(lock)
    words = program(START, helper, root_of(app), job.id)
    killed = subprocess.run(words, start_new_session=True, capture_output=True, timeout=60)
    assert killed.returncode == -9, killed.stderr
    wait(job, path=Path(job.directory.path))
    assert job.state().outcome == journal.ACTIVE
    assert app.current() == 2


def test_without_nohup_nothing_is_switched(
    helper: str, app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    job, lock = create(app, 2)
    with pytest.raises(StoreError, match="nohup: No such file") as caught:
        start(helper, app, job, lock)
    assert "needs nohup" in caught.value.hint
    assert (job.state().step, job.state().outcome) == (DONE, journal.FAILED)
    assert not job.is_alive()
    assert app.current() == 1


@pytest.mark.parametrize("locale", ["C", "POSIX", "de_DE.ISO-8859-1", "C.UTF-8"])
def test_names_are_utf8_whatever_the_locale(
    helper: str, app: App, monkeypatch: pytest.MonkeyPatch, locale: str
) -> None:
    monkeypatch.setenv("LC_ALL", locale)
    job, lock = create(app, 2, "tr '\\0' ' ' < /proc/$PPID/cmdline")
    start(helper, app, job, lock)
    wait(job, path=Path(job.directory.path))
    assert " -X utf8 " in text_of(job)
