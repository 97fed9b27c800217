"""Asking for an activation, following it, and what is said of an app."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from relstore.errors import (
    BusyError,
    NotFoundError,
    RefusedError,
    RelstoreError,
    SupersededError,
    UsageError,
)
from relstore.formats import journal
from relstore.formats.command import Command
from relstore.formats.hold import AppHold
from relstore.formats.names import AppName, JobId
from relstore.formats.recipe import Recipe
from relstore.host.helpers import Bundle
from relstore.host.job import directory as jobs
from relstore.host.job import withdrawal
from relstore.host.job.values import DONE, JobState
from relstore.host.job.withdrawal import Withdrawal
from relstore.host.requests import activation, status
from relstore.host.requests.activation import Asides
from relstore.host.requests.upload import probe
from relstore.protocol import Accepted, Activate, Ended, Probed, Status, Watch
from relstore.store.app import App
from relstore.store.hold import place as place_hold
from relstore.store.store import Store
from tests.support.host_side import (
    WEB,
    artifact,
    build_of,
    go_live,
    outcomes,
    push_build,
    record,
    release,
    run_job,
    snapshot,
)
from tests.support.jobs_by_hand import Gate, create, leave_half_done


def ask(spec: str, restart: str = "") -> Activate:
    recipe = Recipe(restart=Command(("sh", "-c", restart), 20) if restart else None)
    return Activate(WEB, spec, "me@desk", recipe)


def activate(store: Store, bundle: Bundle, spec: str, restart: str = "") -> list[Any]:
    return list(activation.activate(store, bundle, ask(spec, restart), ""))


def test_it_is_accepted_followed_and_ended(store: Store, app: App, bundle: Bundle) -> None:
    accepted, *_, ended = activate(store, bundle, "2")
    (job,) = jobs.names(app)
    assert accepted == Accepted(job, 2, 1, "nohup")
    assert ended == Ended(job, journal.ACTIVE, 2, 1, 2, "")
    assert jobs.open_job(app, job).request().who == "me@desk"


def test_one_that_fails(store: Store, app: App, bundle: Bundle) -> None:
    *_, ended = activate(store, bundle, "2", "echo no; exit $((RELSTORE_GENERATION - 1))")
    assert (ended.outcome, ended.current) == (journal.ROLLED_BACK, 1)
    assert ended.reason.endswith("\nno")


def test_the_helper_is_unpacked_before_the_first_job(
    store: Store, app: App, top: Path, bundle: Bundle
) -> None:
    activate(store, bundle, "2")
    assert sorted(os.listdir(top / "helpers")) == sorted([bundle.digest, "newest"])


def test_what_is_current_and_well_is_left_alone(store: Store, app: App, bundle: Bundle) -> None:
    assert activate(store, bundle, "1") == [Ended(None, activation.UNCHANGED, 1, 1, 1, "")]
    assert jobs.names(app) == []
    assert outcomes(app) == [("active", 1)]


def test_what_is_current_and_unsettled_is_activated(store: Store, app: App, bundle: Bundle) -> None:
    leave_half_done(app, 1, previous=0, switched=True)
    *_, ended = activate(store, bundle, "1")
    assert ended.outcome == journal.ACTIVE
    assert ended.job is not None


def test_what_is_current_but_was_marked_bad_is_activated(store: Store, app: App, bundle: Bundle) -> None:
    record(store, 1, journal.MARKED_BAD)
    *_, ended = activate(store, bundle, "1")
    assert ended.outcome == journal.ACTIVE


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        ("3", NotFoundError),
        ("-1", NotFoundError),
        ("x", UsageError),
        ("", UsageError),
        ("commit:abcd", NotFoundError),
    ],
)
def test_what_is_not_there_starts_nothing(
    store: Store, app: App, top: Path, bundle: Bundle, spec: str, kind: type[RelstoreError]
) -> None:
    before = snapshot(top / "apps")
    with pytest.raises(kind):
        activate(store, bundle, spec)
    assert snapshot(top / "apps") == before


def test_a_way_back_happens_only_while_what_it_leaves_is_current(
    store: Store, app: App, bundle: Bundle
) -> None:
    asides = Asides(withdrawn=Withdrawal(2, "r1", "it failed elsewhere"))
    with pytest.raises(SupersededError, match="generation 2 was not taken back: generation 1 is current"):
        list(activation.activate(store, bundle, ask("1"), "", asides))
    assert (jobs.names(app), outcomes(app)) == ([], [("active", 1)])
    activate(store, bundle, "2")
    *_, ended = activation.activate(store, bundle, ask("1"), "", asides)
    assert isinstance(ended, Ended)
    assert (ended.outcome, outcomes(app)[-1]) == (journal.ACTIVE, ("withdrawn", 2))


def test_the_job_compares_again_under_the_lock(app: App, top: Path, helper: str) -> None:
    """Somebody switched between the session's look and the job's turn."""
    job, lock = create(app, 1)
    withdrawal.write(job, Withdrawal(2, "r1", "it failed elsewhere"))
    assert run_job(helper, top, job, lock) == 0
    assert (job.state().step, job.state().outcome) == (DONE, "superseded")
    assert outcomes(app) == [("active", 1)]


def test_an_app_that_is_not_there(store: Store, bundle: Bundle) -> None:
    with pytest.raises(NotFoundError, match="there is no app 'web'"):
        activate(store, bundle, "1")


def test_one_that_is_under_way_is_not_disturbed(
    store: Store, app: App, bundle: Bundle, tmp_path: Path
) -> None:
    gate = Gate(tmp_path / "gate")
    first = activation.activate(store, bundle, ask("2", gate.line), "")
    accepted = next(first)
    assert isinstance(accepted, Accepted)
    with gate.reached():
        with pytest.raises(BusyError) as caught:
            activate(store, bundle, "1")
        assert accepted.job in caught.value.what
        assert "me@desk" in caught.value.what
        assert "relstore attach" in caught.value.hint
        assert jobs.names(app) == [accepted.job]
        assert status.status(store, Status(WEB)).job == accepted.job
    *_, ended = first
    assert isinstance(ended, Ended)
    assert ended.current == 2


def test_a_job_that_finds_the_lock_taken_after_all(store: Store, app: App, top: Path) -> None:
    """Two sessions looked at the same time; what the second one's job says becomes the same refusal."""
    job, lock = create(app, 2)
    os.close(lock)
    job.write_state(JobState(DONE, 0, "busy", 1, "another activation is under way"))
    with pytest.raises(BusyError, match="another activation is under way"):
        list(activation.watch_job(store, Watch(WEB, job.id)))


def test_a_hold_refuses(store: Store, app: App, bundle: Bundle) -> None:
    place_hold(app.directory, AppHold("ann", 0, "database migration"))
    with pytest.raises(
        RefusedError, match=r"web is held by ann since 1970-01-01 00:00:00 UTC: database migration"
    ):
        activate(store, bundle, "2")
    assert jobs.names(app) == []
    found = status.status(store, Status(WEB)).hold
    assert found is not None
    assert found.message == "database migration"


# --- watching -------------------------------------------------------------------------------------


def test_watching_the_newest_or_a_named_one(store: Store, app: App, bundle: Bundle) -> None:
    first, *_ = activate(store, bundle, "2")
    second, *_ = activate(store, bundle, "1")
    newest = max(first.job, second.job)
    for wanted, expected in ((None, newest), (first.job, first.job), (second.job, second.job)):
        accepted, *_, ended = activation.watch_job(store, Watch(WEB, wanted))
        assert isinstance(accepted, Accepted)
        assert isinstance(ended, Ended)
        assert accepted.job == ended.job == expected


def test_watching_what_is_not_there(store: Store, app: App) -> None:
    with pytest.raises(NotFoundError, match="no jobs yet"):
        list(activation.watch_job(store, Watch(WEB, None)))
    with pytest.raises(NotFoundError, match="has no job"):
        list(activation.watch_job(store, Watch(WEB, JobId("20200101T000000Z-01234567"))))


# --- before a push --------------------------------------------------------------------------------


def test_a_probe_of_an_empty_store(store: Store) -> None:
    assert probe(store, WEB, artifact({"a": b""}).build) == Probed(False, 0, None, 0)


def test_a_probe_of_what_is_there(store: Store, app: App) -> None:
    one, two = build_of(store, 1), build_of(store, 2)
    assert probe(store, WEB, one) == Probed(True, 1, one, 0)
    assert probe(store, WEB, two) == Probed(True, 1, one, 2)
    assert probe(store, AppName("other"), two) == Probed(True, 0, None, 0)
    published = push_build(store, {"more": b""})
    assert probe(store, WEB, published) == Probed(True, 1, one, 0)
    assert probe(store, WEB, artifact({"a": b"x"}).build) == Probed(False, 1, one, 0)


def test_the_newest_that_waits_is_used_and_an_old_one_is_not(store: Store, app: App) -> None:
    release(store, {"version": b"2", "shared": b"in both"})
    assert probe(store, WEB, build_of(store, 2)).waiting == 3
    go_live(store, {"version": b"4"})
    assert probe(store, WEB, build_of(store, 2)).waiting == 0


def test_the_current_one_waits_while_it_is_unsettled(store: Store, app: App) -> None:
    leave_half_done(app, 1, previous=0, switched=True)
    assert probe(store, WEB, build_of(store, 1)).waiting == 1


# --- status ---------------------------------------------------------------------------------------


def test_the_status_of_an_app(store: Store, app: App) -> None:
    go_live(store, {"version": b"3"})
    found = status.status(store, Status(WEB))
    assert found.current is not None
    assert (found.current.number, found.rollback_target, found.newest, found.generations) == (3, 1, 3, 3)
    assert (found.job, found.unresolved, found.drift, found.builds) == (None, False, "", 3)
    assert found.free_bytes > 0


def test_the_status_before_the_first_activation(store: Store) -> None:
    release(store, {"version": b"1"})
    found = status.status(store, Status(WEB))
    assert (found.current, found.rollback_target, found.newest) == (None, 0, 1)


def test_the_status_after_a_job_died(store: Store, app: App) -> None:
    leave_half_done(app, 2, switched=True)
    found = status.status(store, Status(WEB))
    assert found.unresolved is True
    assert found.current is not None
    assert found.current.number == 2


@pytest.mark.parametrize(
    ("target", "drift"),
    [
        ("/srv/other", "which is not a generation"),
        ("generations/0", "which is not a generation"),
        ("generations/9", "names generation 9, which is not there"),
    ],
)
def test_a_link_that_somebody_moved_shows(store: Store, app: App, top: Path, target: str, drift: str) -> None:
    link = top / "apps" / "web" / "current"
    link.unlink()
    link.symlink_to(target)
    found = status.status(store, Status(WEB))
    assert drift in found.drift
    assert found.current is None
