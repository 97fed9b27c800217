"""A started job belongs to the host: no streams, no session and no parent of it are those of who started it."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
from pathlib import Path

import pytest

from relstore.errors import StoreError
from relstore.formats import journal
from relstore.host.job import directory as jobs
from relstore.host.job import forked, survival
from relstore.host.job import start as detach
from relstore.host.job.directory import Job
from relstore.host.job.start import Helper
from relstore.host.job.values import DONE
from relstore.store.app import App
from tests.support.host_side import WEB, program
from tests.support.jobs_by_hand import Gate, create, root_of, text_of

FORKED, EXECUTED = True, False


def choose(monkeypatch: pytest.MonkeyPatch, how: bool) -> None:
    if how is FORKED and not hasattr(gc, "freeze"):
        pytest.skip("PyPy is not forked")
    monkeypatch.setattr(forked, "can_fork", lambda: how)


@pytest.fixture(params=[FORKED, EXECUTED], ids=["forked", "executed"])
def is_forked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Both ways to start a job give the same."""
    choose(monkeypatch, request.param)
    return bool(request.param)


def start(helper: str, app: App, job: Job, lock: int) -> None:
    detach.start(Helper(helper), str(root_of(app)), WEB, job, lock, survival.SESSION)


def wait(job: Job, *, path: Path) -> None:
    """Until the job has ended, by the lock that it holds: no look at the clock is needed."""
    subprocess.run(["flock", str(path / "lock"), "true"], check=True, timeout=60)


def ran(helper: str, app: App, line: str) -> list[str]:
    """What ``line`` prints, run by a job."""
    job, lock = create(app, 2, line)
    start(helper, app, job, lock)
    wait(job, path=Path(job.directory.path))
    assert job.state().outcome == journal.ACTIVE, text_of(job)
    return [line.replace(job.directory.path, "JOB") for line in text_of(job).splitlines()[1:]]


@pytest.mark.usefixtures("is_forked")
def test_it_runs_in_a_session_of_its_own_with_streams_of_its_own(helper: str, app: App) -> None:
    line = (
        "ps -o sid= -p $PPID; readlink /proc/$PPID/cwd; "
        "for fd in 0 1 2; do readlink /proc/$PPID/fd/$fd; done; "
        "grep SigCgt /proc/$PPID/status; grep SigIgn /proc/$$/status"
    )
    session, cwd, stdin, stdout, stderr, caught, inherited = ran(helper, app, line)
    assert int(session) != os.getsid(0)
    assert (cwd, stdin) == ("/", "/dev/null")
    assert stdout == stderr == "JOB/log"
    assert int(caught.split()[1], 16) & 1, "SIGHUP would end the job"
    assert not int(inherited.split()[1], 16) & 1, "what the job starts ignores SIGHUP"


@pytest.mark.usefixtures("is_forked")
def test_its_descriptors_are_its_own(helper: str, app: App, tmp_path: Path) -> None:
    """None of the connection, which the other side would take for open, and none of the session's files."""
    (tmp_path / "ours").touch()
    ends = os.pipe()
    with open(tmp_path / "ours") as ours:
        os.set_inheritable(ours.fileno(), True)
        found = ran(helper, app, "for fd in /proc/$PPID/fd/*; do readlink $fd; done")
    for end in ends:
        os.close(end)
    store = str(root_of(app))
    others = [name for name in found if not name.startswith((store, "JOB", "/dev/null"))]
    # One pipe is that from which it reads what the command prints.
    assert [name for name in others if not name.startswith("pipe:")] == []
    assert len(others) <= 1
    assert found.count("JOB/lock") == 1


@pytest.mark.usefixtures("is_forked")
def test_what_it_inherits_is_what_nohup_would_leave_it(
    helper: str, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_THE_SESSION", "yes")
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    before = signal.signal(signal.SIGQUIT, signal.SIG_IGN)
    try:
        line = (
            "echo $OF_THE_SESSION $XDG_RUNTIME_DIR; nice; cat /proc/$PPID/cgroup | tail -n 1; "
            "grep SigBlk /proc/$PPID/status; grep SigIgn /proc/$$/status"
        )
        environment, nice, cgroup, blocked, ignored = ran(helper, app, line)
    finally:
        signal.signal(signal.SIGQUIT, before)
    assert environment == f"yes /run/user/{os.geteuid()}"
    assert int(nice) == os.nice(0)
    assert cgroup == Path("/proc/self/cgroup").read_text().splitlines()[-1]
    assert int(blocked.split()[1], 16) == 0
    assert int(ignored.split()[1], 16) & 1 << signal.SIGQUIT - 1


def test_ps_tells_a_forked_job_from_its_session(
    helper: str, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(monkeypatch, FORKED)
    assert ran(helper, app, "cat /proc/$PPID/comm") == ["relstore-job"]


def test_a_process_with_threads_is_not_forked() -> None:
    """A thread could hold a lock at that moment, which nobody would release in the job."""
    code = (
        "import threading\n"
        "from relstore.host.job import forked\n"
        "before = forked.can_fork()\n"
        "over = threading.Event()\n"
        "thread = threading.Thread(target=over.wait)\n"
        "thread.start()\n"
        "print(before, forked.can_fork())\n"
        "over.set()\n"
    )
    words = program(code)
    before = hasattr(gc, "freeze")
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == f"{before} False\n"


@pytest.mark.usefixtures("is_forked")
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
    detach.start(detach.Helper(helper), root, app.name, job, lock, "nohup")
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


def test_what_cannot_be_started_switches_nothing(
    helper: str, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fork() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    choose(monkeypatch, FORKED)
    monkeypatch.setattr(os, "fork", fork)
    job, lock = create(app, 2)
    with pytest.raises(StoreError, match="Resource temporarily unavailable") as caught:
        start(helper, app, job, lock)
    assert "ulimit -u" in caught.value.hint
    assert (job.state().step, job.state().outcome) == (DONE, journal.FAILED)
    assert not job.is_alive()
    assert app.current() == 1


def test_a_job_that_ends_before_it_begins_is_told_of(
    helper: str, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*_: object) -> int:
        os.write(2, b"killed early\n")
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    choose(monkeypatch, FORKED)
    monkeypatch.setattr("relstore.host.job.process.run", run)
    job, lock = create(app, 2)
    with pytest.raises(StoreError, match="killed early"):
        start(helper, app, job, lock)
    assert not job.is_alive()


@pytest.mark.parametrize("locale", ["C", "POSIX", "de_DE.ISO-8859-1", "C.UTF-8"])
def test_names_are_utf8_whatever_the_locale(
    helper: str, app: App, monkeypatch: pytest.MonkeyPatch, locale: str
) -> None:
    monkeypatch.setenv("LC_ALL", locale)
    choose(monkeypatch, EXECUTED)  # a session has it from its own command line
    job, lock = create(app, 2, "tr '\\0' ' ' < /proc/$PPID/cmdline")
    start(helper, app, job, lock)
    wait(job, path=Path(job.directory.path))
    assert " -X utf8 " in text_of(job)
