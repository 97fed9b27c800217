"""What a job left that died half-way is finished or undone, once, and recorded."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from relstore.errors import NewerStoreError
from relstore.formats import journal
from relstore.formats.journal import Event
from relstore.host.job import activation, recovery
from relstore.host.job.directory import Job
from relstore.host.job.process import recover_all
from relstore.host.job.record import RECORDING, Ending
from relstore.host.job.values import DONE, JobState
from relstore.host.machine.clock import Moment
from relstore.store import journal as store_journal
from relstore.store.app import App
from relstore.store.store import Store
from tests.support.host_side import NOW, outcomes, release
from tests.support.host_state import problems
from tests.support.jobs_by_hand import leave_half_done, root_of, run

FAILS_ON_2 = "echo trying $RELSTORE_GENERATION; test $RELSTORE_GENERATION != 2"


def event(kind: str, generation: int = 2) -> Event:
    return Event(NOW, kind, generation, 1, "", "", "")


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ((), None),
        (("switching",), 0),
        (("switching", "active"), None),
        (("active", "switching"), 1),
        (("switching", "rolled-back", "switching", "stuck"), None),
        (("switching", "interrupted"), None),
        (("failed",), None),
        (("switching", "deleted", "deleted"), 0),
        (("switching", "active", "deleted"), None),
    ],
)
def test_an_intent_without_an_outcome_is_unresolved(
    app: App, kinds: tuple[str, ...], expected: int | None
) -> None:
    before = app.events()
    assert before[-1].event == journal.ACTIVE
    for kind in kinds:
        store_journal.append(app.directory, event(kind))
    assert app.unresolved() == (None if expected is None else event(kinds[expected]))


def died(app: App, step: str, restart: str = "", *, switched: bool, previous: int = 1) -> Job:
    """A job that died while it activated generation 2."""
    if not previous:
        app.switch(None)
    return leave_half_done(app, 2, restart, step=step, previous=previous, switched=switched)


def recover(store: Store, app: App, tmp_path: Path) -> Ending | None:
    log = os.open(tmp_path / "log", os.O_RDWR | os.O_CREAT | os.O_APPEND)
    try:
        return recovery.recover(store, app, log)
    finally:
        os.close(log)


def log_of(tmp_path: Path) -> str:
    return (tmp_path / "log").read_text()


def is_settled(store: Store, app: App, tmp_path: Path) -> bool:
    """Whether a second recovery finds nothing, changes nothing, and the store is whole."""
    events = app.events()
    again = recover(store, app, tmp_path)
    return again is None and app.events() == events and not problems(root_of(app))


def test_nothing_to_do(store: Store, app: App, tmp_path: Path) -> None:
    assert is_settled(store, app, tmp_path)


def test_it_died_before_the_link_moved(store: Store, app: App, tmp_path: Path) -> None:
    job = died(app, activation.SWITCHING, "echo restarted", switched=False)
    ending = recover(store, app, tmp_path)
    assert ending == (journal.INTERRUPTED, 1, "the job died before the switch")
    assert log_of(tmp_path) == ""
    assert app.current() == 1
    assert outcomes(app)[1:] == [("switching", 2), ("interrupted", 2)]
    assert job.state() == JobState(DONE, 1, journal.INTERRUPTED, 1, "the job died before the switch")
    # It never got as far as failing, so it may be tried again.
    assert [row.state for row in app.rows()] == ["current", "never-active"]
    assert is_settled(store, app, tmp_path)


@pytest.mark.parametrize("step", [activation.SWITCHING, activation.RESTARTING, activation.RETURNING])
def test_it_died_with_the_link_moved_and_is_well(store: Store, app: App, tmp_path: Path, step: str) -> None:
    job = died(app, step, "echo restarted $RELSTORE_GENERATION", switched=True)
    assert recover(store, app, tmp_path) == (journal.ACTIVE, 1, "")
    assert log_of(tmp_path) == "relstore: restarting for generation 2\nrestarted 2\n"
    assert app.current() == 2
    assert outcomes(app)[1:] == [("switching", 2), ("active", 2)]
    assert app.events()[-1].job == job.id
    assert job.state() == JobState(DONE, 1, journal.ACTIVE, 2, "")
    assert is_settled(store, app, tmp_path)


def test_it_died_with_the_link_moved_and_is_not_well(store: Store, app: App, tmp_path: Path) -> None:
    job = died(app, activation.RESTARTING, FAILS_ON_2, switched=True)
    ending = recover(store, app, tmp_path)
    assert ending is not None
    assert (ending.outcome, ending.previous) == (journal.ROLLED_BACK, 1)
    assert "ended with exit code 1" in ending.reason
    assert log_of(tmp_path).splitlines()[-2:] == ["relstore: restarting for generation 1", "trying 1"]
    assert app.current() == 1
    assert outcomes(app)[1:] == [("switching", 2), ("rolled-back", 2)]
    assert job.state().outcome == journal.ROLLED_BACK
    assert is_settled(store, app, tmp_path)


def test_the_reason_has_the_last_words_of_the_restart_that_failed_now(
    store: Store, app: App, tmp_path: Path
) -> None:
    job = died(app, activation.RESTARTING, FAILS_ON_2, switched=True)
    Path(job.directory.path, "log").write_text("words of the first try\n")
    ending = recover(store, app, tmp_path)
    assert ending is not None
    assert ending.reason.endswith("\ntrying 2")


def test_the_first_activation_died_and_is_not_well(store: Store, app: App, tmp_path: Path) -> None:
    died(app, activation.RESTARTING, "false", switched=True, previous=0)
    ending = recover(store, app, tmp_path)
    assert ending is not None
    assert (ending.outcome, ending.previous) == (journal.ROLLED_BACK, 0)
    assert app.current() is None
    assert is_settled(store, app, tmp_path)


def test_neither_the_new_nor_the_former_one_is_well(store: Store, app: App, tmp_path: Path) -> None:
    died(app, activation.RESTARTING, "false", switched=True)
    ending = recover(store, app, tmp_path)
    assert ending is not None
    assert ending.outcome == journal.STUCK
    assert app.current() == 1
    assert is_settled(store, app, tmp_path)


def test_it_died_on_its_way_back(store: Store, app: App, tmp_path: Path) -> None:
    """The link was back, what it names was not restarted yet: that is done now, and the failure recorded."""
    job = died(app, activation.RETURNING, "echo restarted $RELSTORE_GENERATION", switched=False)
    job.write_state(job.state()._replace(reason="`x` ended with exit code 7"))
    ending = recover(store, app, tmp_path)
    assert ending == (journal.ROLLED_BACK, 1, "`x` ended with exit code 7")
    assert log_of(tmp_path) == "relstore: restarting for generation 1\nrestarted 1\n"
    assert app.current() == 1
    assert outcomes(app)[1:] == [("switching", 2), ("rolled-back", 2)]
    assert [row.state for row in app.rows()] == ["current", "failed"]
    assert is_settled(store, app, tmp_path)


def test_the_first_activation_died_on_its_way_back(store: Store, app: App, tmp_path: Path) -> None:
    job = died(app, activation.RETURNING, "echo restarted", switched=False, previous=0)
    job.write_state(job.state()._replace(reason="it did not start"))
    assert recover(store, app, tmp_path) == (journal.ROLLED_BACK, 0, "it did not start")
    assert log_of(tmp_path) == ""
    assert app.current() is None
    assert is_settled(store, app, tmp_path)


@pytest.mark.parametrize("switched", [True, False])
@pytest.mark.parametrize("lost", ["directory", "request"])
def test_without_its_request_the_link_goes_back_and_nothing_is_restarted(
    store: Store, app: App, tmp_path: Path, switched: bool, lost: str
) -> None:
    job = died(app, activation.RESTARTING, "echo restarted", switched=switched)
    for name in ("request", "state", "log", "lock") if lost == "directory" else ("request",):
        Path(job.directory.path, name).unlink()
    if lost == "directory":
        Path(job.directory.path).rmdir()
    ending = recover(store, app, tmp_path)
    assert ending is not None
    assert (ending.outcome, ending.previous) == (journal.ROLLED_BACK, 1)
    assert "left no request" in ending.reason
    assert log_of(tmp_path) == ""
    assert app.current() == 1
    assert outcomes(app)[1:] == [("switching", 2), ("rolled-back", 2)]
    assert is_settled(store, app, tmp_path)


NEWER = b"\x94\xacrelstore-job\x63\x90\xc0"


@pytest.mark.parametrize("name", ["request", "state"])
def test_what_a_newer_relstore_left_is_left_to_it(
    helper: str, store: Store, app: App, tmp_path: Path, name: str
) -> None:
    dead = died(app, activation.CHECKING, "echo restarted", switched=True)
    Path(dead.directory.path, name).write_bytes(NEWER)
    before = app.events()
    with pytest.raises(NewerStoreError):
        recover(store, app, tmp_path)
    assert recover_all(str(root_of(app))) == 1
    job = run(helper, app, 1)
    assert (job.state().step, job.state().outcome) == (DONE, journal.FAILED)
    assert "needs a newer relstore" in job.state().reason
    assert app.events() == before
    assert app.current() == 2
    assert log_of(tmp_path) == ""


@pytest.mark.parametrize("step", [activation.CHECKING, activation.CONFIRMING, activation.FINISHING])
def test_what_was_restarted_is_not_restarted_again(store: Store, app: App, tmp_path: Path, step: str) -> None:
    job = died(app, step, "echo restarted", switched=True)
    job.set_aside(Moment.now())
    assert recover(store, app, tmp_path) == (journal.ACTIVE, 1, "")
    assert log_of(tmp_path) == ""
    assert is_settled(store, app, tmp_path)


def test_without_the_moment_of_the_switch_it_is_restarted_again(
    store: Store, app: App, tmp_path: Path
) -> None:
    """An older relstore left none, and then nobody can tell which process is younger."""
    died(app, activation.CHECKING, "echo restarted $RELSTORE_GENERATION", switched=True)
    assert recover(store, app, tmp_path) == (journal.ACTIVE, 1, "")
    assert log_of(tmp_path).endswith("restarted 2\n")


@pytest.mark.parametrize(
    ("outcome", "switched"), [(journal.ACTIVE, True), (journal.ROLLED_BACK, False), (journal.STUCK, False)]
)
def test_what_was_done_and_not_recorded_is_only_recorded(
    store: Store, app: App, tmp_path: Path, outcome: str, switched: bool
) -> None:
    job = died(app, RECORDING, "echo restarted", switched=switched)
    job.write_state(JobState(RECORDING, 1, outcome, 1, "why"))
    assert recover(store, app, tmp_path) == (outcome, 1, "why")
    assert log_of(tmp_path) == ""
    assert outcomes(app)[-1] == (outcome, 2)
    assert job.state().step == DONE
    assert is_settled(store, app, tmp_path)


def test_a_state_that_cannot_be_written_is_told_and_does_not_end_the_recovery(
    store: Store, app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = died(app, activation.CHECKING, switched=True)

    def refuse(_job: Job, _state: JobState) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Job, "write_state", refuse)
    recover(store, app, tmp_path)
    assert outcomes(app)[-1] == ("active", 2)
    assert job.state().step == activation.CHECKING
    assert "the job's state cannot be written: [Errno 5] Input/output error\n" in log_of(tmp_path)


def test_a_state_that_only_the_spare_room_takes_is_told(
    store: Store, app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = died(app, activation.CHECKING, switched=True)
    job.set_aside(Moment.now())

    def refuse(_job: Job, _state: JobState) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Job, "write_state", refuse)
    recover(store, app, tmp_path)
    assert (job.state().step, job.state().outcome) == (DONE, journal.ACTIVE)
    assert "the room set aside for it took it" in log_of(tmp_path)


def test_without_its_request_the_first_one_leaves_no_link(store: Store, app: App, tmp_path: Path) -> None:
    job = died(app, activation.RESTARTING, switched=True, previous=0)
    Path(job.directory.path, "request").write_bytes(b"")
    assert recover(store, app, tmp_path) is not None
    assert app.current() is None
    assert is_settled(store, app, tmp_path)


def test_a_link_that_went_back_without_a_word_is_followed(store: Store, app: App, tmp_path: Path) -> None:
    """The job died between the link and the state, or somebody put it back by hand: what runs may be either."""
    died(app, activation.RESTARTING, "echo restarted $RELSTORE_GENERATION", switched=True)
    app.switch(1)
    ending = recover(store, app, tmp_path)
    assert ending == (journal.INTERRUPTED, 1, "the job died after the link had gone back")
    assert log_of(tmp_path).endswith("restarted 1\n")
    assert app.current() == 1
    assert is_settled(store, app, tmp_path)


def test_a_link_moved_by_hand_to_a_third_one_stays(store: Store, app: App, tmp_path: Path) -> None:
    release(store, {"version": b"3"})
    died(app, activation.RESTARTING, "echo restarted", switched=True)
    app.switch(3)
    ending = recover(store, app, tmp_path)
    assert ending is not None
    assert ending.outcome == journal.INTERRUPTED
    assert app.current() == 3
    assert log_of(tmp_path) == ""
    assert is_settled(store, app, tmp_path)
