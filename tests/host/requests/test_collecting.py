"""Deleting and collecting as a session asks for it: what jobs need stays, what is refused changes nothing."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from relstore.errors import NotFoundError, RefusedError, RelstoreError, UsageError
from relstore.formats import journal
from relstore.formats.names import AppName, PinName
from relstore.formats.retention import Policy
from relstore.gc import trash
from relstore.gc.leftovers import Leftover
from relstore.gc.processes import builds_in_use
from relstore.host.requests import collecting, keeping
from relstore.protocol import Collect, Delete, PlanLine
from relstore.store.app import App, NewBuild
from relstore.store.store import Store
from tests.support.host_side import (
    DESCRIPTION,
    NOW,
    WEB,
    artifact,
    begin_upload,
    build_of,
    go_live,
    need_strace,
    outcomes,
    program,
    record,
    release,
    snapshot,
    strace,
)
from tests.support.host_state import problems
from tests.support.jobs_by_hand import create, leave_half_done, run

OURS = {"whose": b"the collector's"}
"""In builds of this module alone: what runs beside it may use others, and then they are not collected."""


@pytest.fixture
def app(store: Store) -> Iterator[App]:
    """As in the other tests, of builds of our own."""
    go_live(store, {"version": b"1", **OURS})
    release(store, {"version": b"2", **OURS})
    with store.app(WEB) as opened:
        yield opened


@pytest.fixture
def five(store: Store, app: App) -> App:
    """Generations 1 to 5 were good in turn and 5 is current."""
    record(store, 2, journal.ACTIVE)
    for text in (b"3", b"4", b"5"):
        go_live(store, {"version": text, **OURS})
    return app


def ask(keep: int | None = 1, *, app: AppName | None = None, dry_run: bool = False) -> Collect:
    return Collect(app, Policy(keep, None) if keep else None, None, "me@desk", dry_run)


def gone(store: Store) -> set[int]:
    with store.app(WEB) as app:
        return {found.number for found in app.generations()} - set(app.linked())


def verdict_of(verdicts: list[PlanLine], name: object) -> PlanLine:
    (found,) = [verdict for verdict in verdicts if verdict.name == str(name)]
    return found


def between_the_looks(monkeypatch: pytest.MonkeyPatch, do: Callable[[], object]) -> None:
    """Have something happen while the store's lock is free: after the plan, before anything goes."""
    find = collecting.leftovers.find

    def found(*arguments: Any) -> list[Leftover]:
        do()
        return find(*arguments)

    monkeypatch.setattr(collecting.leftovers, "find", found)


def test_what_somebody_needs_since_the_plan_stays(
    store: Store, five: App, top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pin, a switch and a release of a build that was to go: each is too late for the plan, and in time."""

    def somebody() -> None:
        with Store.open(str(top)) as another, another.shared(), another.app(WEB) as app:
            app.pin(PinName("late"), 1)
            build = build_of(another, 2)
            app.append(NewBuild(build, 9, 2), DESCRIPTION, NOW)

    between_the_looks(monkeypatch, somebody)
    collecting.collect(store, ask())
    # Of generation 2 only the number went: generation 6 has its build now.
    assert gone(store) == {2, 3}
    assert {build_of(store, number) for number in (1, 2, 4, 5)} == set(store.builds.ids())
    assert problems(top) == []


def test_what_nobody_needs_since_the_plan_waits_for_the_next_time(
    store: Store, five: App, top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    five.pin(PinName("early"), 1)

    def somebody() -> None:
        with Store.open(str(top)) as another, another.shared(), another.app(WEB) as app:
            app.unpin(PinName("early"))

    between_the_looks(monkeypatch, somebody)
    collecting.collect(store, ask())
    assert gone(store) == {2, 3}
    monkeypatch.undo()
    collecting.collect(store, ask())
    assert gone(store) == {1, 2, 3}


def test_one_at_a_time(store: Store, five: App, top: Path) -> None:
    with Store.open(str(top)) as another, trash.alone(another):
        collector = threading.Thread(target=lambda: collecting.collect(store, ask()))
        collector.start()
        collector.join(0.2)
        assert collector.is_alive()
        assert gone(another) == set()
    collector.join(10)
    assert gone(store) == {1, 2, 3}


# --- collecting -----------------------------------------------------------------------------------


def test_it_says_what_goes_and_it_goes(store: Store, five: App, top: Path) -> None:
    collected, verdicts = collecting.collect(store, ask())
    assert gone(store) == {1, 2, 3}
    assert collected.kept_generations == 2
    assert collected.objects == 3
    assert collected.bytes == sum(verdict.bytes for verdict in verdicts) > 0
    assert verdict_of(verdicts, 1) == PlanLine(
        "generation", "1", WEB, False, "beyond the last 1 good ones", 0
    )
    assert verdict_of(verdicts, build_of(store, 5)).reason == "of web 5"
    assert problems(top) == []
    assert collecting.collect(store, ask())[0].bytes == 0


def test_a_dry_run_says_the_same_and_changes_nothing(store: Store, five: App, top: Path) -> None:
    before = snapshot(top)
    dry = collecting.collect(store, ask(dry_run=True))
    assert snapshot(top) == before
    assert collecting.collect(store, ask()) == dry


def test_without_a_policy_only_what_nothing_uses_goes(store: Store, five: App) -> None:
    collecting.collect(store, ask(None))
    assert gone(store) == set()


def test_the_policy_may_be_for_one_app(store: Store, five: App) -> None:
    for text in (b"1", b"2", b"3"):
        go_live(store, {"other": text, **OURS}, name=AppName("other"))
    collecting.collect(store, ask(app=AppName("other")))
    assert gone(store) == set()
    collecting.collect(store, ask(app=WEB))
    assert gone(store) == {1, 2, 3}


def test_for_an_app_that_is_not_there(store: Store, five: App, top: Path) -> None:
    before = snapshot(top)
    with pytest.raises(NotFoundError, match="there is no app 'other'"):
        collecting.collect(store, ask(app=AppName("other")))
    assert snapshot(top) == before


def test_a_pin_keeps(store: Store, five: App) -> None:
    five.pin(PinName("stable"), 1)
    collecting.collect(store, ask())
    assert gone(store) == {2, 3}


def test_what_a_running_job_is_about_stays(store: Store, five: App) -> None:
    job, lock = create(five, 2)
    job.write_state(job.state()._replace(step="switching", previous=3))
    _, verdicts = collecting.collect(store, ask())
    assert gone(store) == {1}
    assert verdict_of(verdicts, 2).reason == "a job or a rollout needs it"
    os.close(lock)
    collecting.collect(store, ask())
    assert gone(store) == {1, 2, 3}


def test_what_each_of_several_jobs_is_about_stays(store: Store, five: App) -> None:
    """One works, and a newer one waits for its turn."""
    locks = [create(five, number)[1] for number in (1, 3)]
    collecting.collect(store, ask())
    assert gone(store) == {2}
    for lock in locks:
        os.close(lock)
    collecting.collect(store, ask())
    assert gone(store) == {1, 2, 3}


def test_what_a_job_that_died_is_about_stays_until_it_is_resolved(
    store: Store, five: App, helper: str
) -> None:
    leave_half_done(five, 2, previous=1, switched=False)
    collecting.collect(store, ask())
    assert gone(store) == {3}
    run(helper, five, 5)
    collecting.collect(store, ask())
    assert gone(store) == {1, 2, 3}


def test_what_an_upload_needs_stays(store: Store, five: App, top: Path) -> None:
    upload = begin_upload(store, artifact({"a": b"1", "b": b"new"}))
    collecting.collect(store, ask())
    assert gone(store) == {1, 2, 3}
    kept = {name for _, name in store.objects.refs()}
    assert upload.contents[0].blake3 in kept
    upload.close(done=True)
    collecting.collect(store, ask())
    assert upload.contents[0].blake3 not in {name for _, name in store.objects.refs()}


def test_what_dead_uploads_left_goes(store: Store, five: App, top: Path) -> None:
    upload = begin_upload(store, artifact({"a": b"never"}))
    upload.put(0, 0, b"nev")
    upload.close(done=False)
    (top / "leases" / upload.build).write_bytes(upload.raw_manifest)
    os.utime(top / "staging" / upload.build, (1, 1))
    collecting.collect(store, ask(dry_run=True))
    assert os.listdir(top / "leases") == os.listdir(top / "staging") == [upload.build]
    collecting.collect(store, ask(None))
    assert os.listdir(top / "leases") == os.listdir(top / "staging") == []


@pytest.mark.parametrize("damage", ["journal", "record", "link"])
def test_what_cannot_be_read_ends_it_with_nothing_removed(
    store: Store, five: App, top: Path, damage: str
) -> None:
    web = top / "apps" / "web"
    if damage == "journal":
        data = bytearray((web / "journal").read_bytes())
        data[60] ^= 1
        (web / "journal").write_bytes(data)
    elif damage == "record":
        (web / "records" / "2").unlink()
    else:
        (web / "current").unlink()
        (web / "current").symlink_to("../../somewhere")
    before = snapshot(top)
    with pytest.raises((RelstoreError, OSError)):
        collecting.collect(store, ask())
    assert snapshot(top) == before


def test_a_lease_that_a_dead_upload_left_half_written_ends_nothing(
    store: Store, five: App, top: Path
) -> None:
    made = artifact({"a": b"of nobody"})
    (top / "leases" / made.build).write_bytes(made.raw[: len(made.raw) // 2])
    (top / "leases" / ("0" * 64)).mkdir()
    upload = begin_upload(store, artifact({"a": b"under way"}))
    collecting.collect(store, ask())
    assert os.listdir(top / "leases") == [upload.build]
    upload.close(done=True)


def test_processes_that_could_not_be_looked_into_are_warned_of(store: Store, five: App) -> None:
    """Root sees all of them, unless it lacks a right of root as in many containers."""
    hidden = builds_in_use().closed
    warnings = collecting.collect(store, ask())[0].warnings
    assert len(warnings) == (1 if hidden else 0)
    assert all("processes of other accounts that could not be looked into" in line for line in warnings)
    assert collecting.collect(store, ask())[0].warnings == ()


COLLECT = """
from relstore.gc.leftovers import Leftover
from relstore.host.requests import collecting
from relstore.formats.retention import Policy
from relstore.protocol import Collect
from relstore.store.store import Store
with Store.open(sys.argv[1]) as store:
    collecting.collect(store, Collect(None, Policy(1, None), None, "me@desk", False))
"""


def test_a_job_and_the_collector_write_the_journal_in_turn(
    helper: str, store: Store, five: App, top: Path
) -> None:
    """The collector stands still between its look at the journal and its write, while a job ends."""
    need_strace()
    release(store, {"version": b"6"})
    words = [*strace("ftruncate", "delay_enter=700000:when=1"), *program(COLLECT, top)]
    with subprocess.Popen(words) as collector:
        while not gone(store):
            assert collector.poll() is None
        job = run(helper, five, 6)
        assert collector.wait(30) == 0
    assert job.state().outcome == journal.ACTIVE
    events = outcomes(five)[5:]
    assert {("switching", 6), ("active", 6), ("deleted", 1), ("deleted", 2), ("deleted", 3)} == set(events)
    assert len(events) == 5


# --- deleting -------------------------------------------------------------------------------------


def delete(store: Store, *specs: str, dry_run: bool = False) -> list[int]:
    _, rows = keeping.delete(store, Delete(WEB, specs, "me@desk", dry_run))
    return [row.number for row in rows]


def test_what_is_named_is_let_go(store: Store, five: App, top: Path) -> None:
    assert delete(store, "1", "3") == [1, 3]
    assert gone(store) == {1, 3}
    assert outcomes(five)[-2:] == [("deleted", 1), ("deleted", 3)]
    assert five.events()[-1].reason == "by hand"
    assert five.events()[-1].who == "me@desk"
    assert problems(top) == []


def test_one_that_is_named_twice_is_let_go_once(store: Store, five: App) -> None:
    assert delete(store, "3", "-2", build_of(store, 3)) == [3]
    assert outcomes(five)[5:] == [("deleted", 3)]


def test_a_dry_run_of_a_deletion_changes_nothing(store: Store, five: App, top: Path) -> None:
    before = snapshot(top)
    assert delete(store, "1", "2", dry_run=True) == [1, 2]
    assert snapshot(top) == before


@pytest.mark.parametrize(
    ("specs", "kind", "words"),
    [
        (("5",), RefusedError, "generation 5 cannot be deleted: it is current"),
        (("4",), RefusedError, "it is the one to roll back to"),
        (("2",), RefusedError, "it is pinned as best, stable"),
        (("3",), RefusedError, "a job or a rollout needs it"),
        (("1", "5"), RefusedError, "it is current"),
        (("1", "9"), NotFoundError, "there is no generation 9"),
        (("1", "what"), UsageError, "does not name a generation"),
    ],
)
def test_when_one_is_needed_none_goes(
    store: Store, five: App, top: Path, specs: tuple[str, ...], kind: type[RelstoreError], words: str
) -> None:
    five.pin(PinName("stable"), 2)
    five.pin(PinName("best"), 2)
    leave_half_done(five, 3, previous=5, switched=False)
    before = snapshot(top)
    with pytest.raises(kind, match=words):
        delete(store, *specs)
    assert snapshot(top) == before


def test_what_was_deleted_cannot_be_deleted_again(store: Store, five: App) -> None:
    delete(store, "1")
    with pytest.raises(RefusedError, match="generation 1 was deleted"):
        delete(store, "1")
    assert outcomes(five)[5:] == [("deleted", 1)]


def test_its_build_goes_with_the_next_collection(store: Store, five: App) -> None:
    build = build_of(store, 1)
    delete(store, "1")
    assert store.builds.has(build)
    collecting.collect(store, ask(None))
    assert not store.builds.has(build)
