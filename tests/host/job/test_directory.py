"""A job's directory: what was asked, how far it is, whether it lives."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from relstore.errors import DamagedError, NewerStoreError, NotFoundError, RelstoreError
from relstore.formats.command import Command
from relstore.formats.cut_over import COMMAND, HAPROXY, LINK, NONE, SOCKET, CutOver
from relstore.formats.front import Front, HaproxyApi
from relstore.formats.names import BackendName, JobId, TemplateName, UnitName
from relstore.formats.recipe import Recipe, Variable
from relstore.host.job import directory as jobs
from relstore.host.job.values import DONE, QUEUED, JobRequest, JobState
from relstore.store import locks
from relstore.store.app import App
from tests.support.host_side import NOW, WEB, need_strace, program, strace

ACCOUNT = 1500
REQUEST = JobRequest(2, "me@desk", NOW, Recipe(restart=Command(("sh", "-c", "true"), 60)))


@pytest.fixture
def made(app: App) -> Iterator[jobs.Job]:
    """A job whose process has ended, or was never started."""
    job, lock = jobs.create(app, REQUEST)
    os.close(lock)
    yield job
    job.close()


def job_path(top: Path, ident: str) -> Path:
    return top / "apps" / WEB / "jobs" / ident


@pytest.mark.parametrize(
    "restart", [None, ("systemctl", "restart", "web"), ("sh", "-c", "a b; c 'd'"), ("é\n",)]
)
def test_the_request_comes_back(app: App, restart: tuple[str, ...] | None) -> None:
    command = Command(restart, 60) if restart else None
    request = REQUEST._replace(recipe=Recipe(restart=command, before=command))
    job, lock = jobs.create(app, request)
    os.close(lock)
    assert job.request() == request
    assert jobs.open_job(app, job.id).request() == request


def test_its_id_begins_with_the_time(app: App) -> None:
    job, lock = jobs.create(app, REQUEST._replace(created=0))
    os.close(lock)
    assert job.id.startswith("19700101T000000Z-")
    assert JobId.parse(job.id) == job.id


def test_a_new_job_is_queued_and_has_no_log(made: jobs.Job) -> None:
    assert made.state() == JobState(QUEUED, 0, "", 0, "")
    assert made.log_from(0, 100) == b""


def test_the_last_state_counts(made: jobs.Job) -> None:
    last = JobState(DONE, 1, "active", 2, "reason\nin two lines")
    made.write_state(JobState("verifying", 0, "", 0, ""))
    made.write_state(last)
    assert made.state() == last


def test_the_log_is_read_piece_by_piece(made: jobs.Job, top: Path) -> None:
    (job_path(top, made.id) / "log").write_bytes(b"0123456789")
    assert (made.log_from(0, 4), made.log_from(4, 100), made.log_from(10, 4)) == (b"0123", b"456789", b"")


def test_it_lives_while_its_lock_is_held(app: App) -> None:
    job, lock = jobs.create(app, REQUEST)
    assert job.is_alive()
    assert jobs.running(app) == job.id
    os.close(lock)
    assert not job.is_alive()
    assert jobs.running(app) is None


def test_a_child_that_inherited_the_lock_keeps_it_alive(app: App) -> None:
    job, lock = jobs.create(app, REQUEST)
    kept = os.dup(lock)
    os.close(lock)
    assert job.is_alive()
    os.close(kept)
    assert not job.is_alive()


def test_a_new_job_is_alive_however_often_somebody_looks(app: App) -> None:
    """Who looks whether a job lives takes its lock for an instant; that must not cost the job its own."""
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            jobs.running(app)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for number in range(40):
            job, lock = jobs.create(app, REQUEST._replace(created=NOW + number))
            alive = locks.open_lock(job.directory, jobs.LOCK)
            taken = locks.lock_within(alive, exclusive=True, seconds=0.05)
            os.close(alive)
            os.close(lock)
            job.close()
            assert not taken, "the job does not hold its own lock"
    finally:
        stop.set()
        looking.join()


CREATE = """
from relstore.host.job import directory as jobs
from relstore.host.job.values import JobRequest
from relstore.formats.recipe import Recipe, Variable
from relstore.formats.names import AppName
from relstore.store.store import Store
with Store.open(sys.argv[1]) as store, store.app(AppName("web")) as app:
    jobs.create(app, JobRequest(2, "me@desk", 0, Recipe()))
"""


@pytest.mark.slow
@pytest.mark.parametrize("call", ["mkdirat", "fchmod", "write", "fsync", "renameat"])
def test_a_session_killed_while_it_makes_one_leaves_a_whole_one_or_none(
    app: App, top: Path, call: str
) -> None:
    need_strace()
    for number in range(1, 1000):
        words = [*strace(call, f"signal=KILL:when={number}"), *program(CREATE, top)]
        ended = subprocess.run(words, capture_output=True)
        for name in jobs.names(app):
            assert jobs.open_job(app, name).request().generation == 2
            assert jobs.open_job(app, name).state().step == QUEUED
        if ended.returncode == 0:
            break
    assert len(jobs.names(app)) in (1, 2)


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="root has to become another account")
def test_rights_that_a_release_took_away_are_regained(made: jobs.Job, top: Path) -> None:
    """tests/systemd/test_harm.py has the release."""
    directory = job_path(top, made.id)
    step = JobState("checking", 1, "", 2, "")
    uses: list[Callable[[], object]] = [
        made.is_alive,
        lambda: made.write_state(step),
        made.state,
        made.request,
    ]
    for path in (directory, *directory.iterdir()):
        os.chown(path, ACCOUNT, ACCOUNT)
    for use in uses:
        directory.chmod(0)
        os.seteuid(ACCOUNT)
        try:
            use()
        finally:
            os.seteuid(0)
    assert made.state() == step


def test_one_without_a_lock_is_dead(made: jobs.Job, top: Path) -> None:
    """Its session died while it made the directory."""
    (job_path(top, made.id) / "lock").unlink()
    assert not made.is_alive()


def test_the_newest_is_opened_by_default(app: App) -> None:
    """The one that was made last, also when the clock was set back between them."""
    made = []
    for second in (5, 3, 4, 4, 0, 6):
        job, lock = jobs.create(app, REQUEST._replace(created=NOW + second))
        os.close(lock)
        made.append(job.id)
        assert jobs.open_job(app, None).id == job.id
    assert jobs.names(app) == made
    assert jobs.open_job(app, made[1]).id == made[1]


def test_none_yet(app: App) -> None:
    assert jobs.names(app) == []
    assert jobs.running(app) is None
    with pytest.raises(NotFoundError, match="web has no jobs yet"):
        jobs.open_job(app, None)


def test_one_that_is_not_there(app: App) -> None:
    with pytest.raises(NotFoundError, match="web has no job 20200101T000000Z-00000000"):
        jobs.open_job(app, JobId.parse("20200101T000000Z-00000000"))


def test_what_is_no_job_among_them_is_passed_over(app: App, top: Path) -> None:
    before = jobs.names(app)
    job_path(top, "something").mkdir()
    job_path(top, "20200101T000000Z-00000000").write_bytes(b"no directory")
    assert jobs.names(app) == before


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\xc1", id="no msgpack"),
        pytest.param(b"\x93\xacrelstore-job\x02\x90", id="another version"),
        pytest.param(b"\x93\xacrelstore-job\x01\x90", id="no fields"),
        pytest.param(b"\x91\xacrelstore-job", id="not three values"),
        pytest.param(b"\xc0" * 300_000, id="too long"),
    ],
)
def test_damaged_files_are_said(made: jobs.Job, top: Path, data: bytes) -> None:
    for name in ("request", "state"):
        (job_path(top, made.id) / name).write_bytes(data)
    with pytest.raises(RelstoreError, match="request"):
        made.request()
    with pytest.raises(RelstoreError, match="state"):
        made.state()


@pytest.mark.parametrize("name", ["request", "state"])
def test_what_a_newer_relstore_wrote_is_an_error_of_its_own(made: jobs.Job, top: Path, name: str) -> None:
    (job_path(top, made.id) / name).write_bytes(b"\x94\xacrelstore-job\x63\x90\xc0")
    with pytest.raises(NewerStoreError, match=f"the {name} of job {made.id} needs a newer relstore"):
        made.request() if name == "request" else made.state()


def test_a_missing_request_is_said(made: jobs.Job, top: Path) -> None:
    (job_path(top, made.id) / "request").unlink()
    with pytest.raises(DamagedError, match=f"job {made.id} has no request"):
        made.request()


def test_the_slots_of_a_job(made: jobs.Job) -> None:
    assert made.slots() is None
    made.write_slots("a", None)
    assert made.slots() == ("a", None)
    made.write_slots("b", "a")
    assert made.slots() == ("b", "a")
    Path(made.directory.path, "slots").write_text("b c\n")
    with pytest.raises(DamagedError, match="are not what relstore writes"):
        made.slots()


SLOTS = CutOver(TemplateName.parse("web@"), LINK, "/run/web-{slot}/sock", 60, False, 10_000)
HAPROXY_API = HaproxyApi("/run/haproxy/admin.sock", BackendName("web"))


@pytest.mark.parametrize(
    ("cut_over", "version"),
    [
        (None, 2),
        (SLOTS, 3),
        (SLOTS._replace(way=NONE, socket=""), 3),
        (SLOTS._replace(way=HAPROXY, front=Front((10, 50), HAPROXY_API, None)), 4),
        (SLOTS._replace(way=COMMAND, front=Front((), None, Command(("move",), 60))), 4),
        (SLOTS._replace(way=SOCKET, trial=UnitName("web-trial.service")), 4),
    ],
)
def test_a_request_has_the_version_that_knows_its_way_to_cut_over(
    app: App, cut_over: CutOver | None, version: int
) -> None:
    """An older relstore must not take it for one that restarts nothing, or that only moves a link."""
    request = REQUEST._replace(recipe=Recipe(cut_over=cut_over))
    job, lock = jobs.create(app, request)
    os.close(lock)
    assert job.request() == request
    assert job.directory.read("request", 10_000)[14] == version
    job.close()


def test_a_request_with_variables_has_a_version_that_knows_them(app: App) -> None:
    """An older relstore must not run its commands without them."""
    request = REQUEST._replace(recipe=Recipe(variables=(Variable("REGION", "eu"),), cut_over=SLOTS))
    job, lock = jobs.create(app, request)
    os.close(lock)
    assert job.request() == request
    assert job.directory.read("request", 10_000)[14] == 5
    job.close()
