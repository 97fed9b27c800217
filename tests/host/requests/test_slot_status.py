"""What a status says of slots, from links, sockets and jobs as they may be found; nothing runs here."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from relstore.formats.command import Command
from relstore.formats.cut_over import COMMAND, LINK, NONE, CutOver
from relstore.formats.front import Front
from relstore.formats.journal import SWITCHING, Event
from relstore.formats.names import TemplateName
from relstore.formats.recipe import Recipe
from relstore.host.job import directory as jobs
from relstore.host.job.directory import Job
from relstore.host.job.values import DONE, JobRequest, JobState
from relstore.host.requests import slot_status
from relstore.host.requests.status import status
from relstore.protocol import SlotOut, Status, UnitOut
from relstore.store import journal
from relstore.store.app import App
from relstore.store.slots import Slots
from relstore.store.store import Store
from tests.support.host_side import NOW, WEB


@pytest.fixture
def cut_over(tmp_path: Path) -> CutOver:
    return CutOver(TemplateName.parse("web@"), LINK, f"{tmp_path}/{{slot}}", 60, False, 10_000)


@pytest.fixture
def slots(store: Store, app: App) -> Slots:
    return Slots(app.directory, store.durability)


def create(app: App, generation: int, cut_over: CutOver) -> tuple[Job, int]:
    return jobs.create(app, JobRequest(generation, "me@desk", NOW, Recipe(cut_over=cut_over)))


def ended_job(app: App, cut_over: CutOver) -> None:
    """An activation of generation 1, whose job has ended."""
    job, lock = create(app, 1, cut_over)
    job.write_state(JobState(DONE, 0, "active", 1, ""))
    job.close()
    os.close(lock)


def seen(store: Store) -> dict[str, SlotOut]:
    found = status(store, Status(WEB)).slots
    assert found is not None
    assert [slot.name for slot in found] == ["a", "b"]
    return {slot.name: slot for slot in found}


def test_an_app_without_slots_has_none(store: Store, app: App) -> None:
    assert status(store, Status(WEB)).slots is None


def test_live_and_free(store: Store, app: App, cut_over: CutOver, slots: Slots) -> None:
    ended_job(app, cut_over)
    slots.set("a", 1)
    slots.set_live(cut_over, "a")
    found = seen(store)
    assert found["a"][:3] == ("a", 1, "web@a.service")
    assert (found["a"].role, found["a"].connections) == ("live", 0)
    assert abs(found["a"].since - time.time()) < 60
    assert found["b"] == SlotOut("b", 0, "web@b.service", found["b"].state, "none", 0, 0, None, "")
    assert status(store, Status(WEB)).drift == ""


def test_a_slot_that_drains_has_its_connections_and_how_long_it_has(
    store: Store, app: App, cut_over: CutOver, slots: Slots
) -> None:
    ended_job(app, cut_over)
    slots.set("a", 1)
    slots.set("b", 2)
    slots.set_live(cut_over, "a")
    moved = time.time() - 12
    os.utime(f"{app.directory.path}/live", (moved, moved), follow_symlinks=False)
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(cut_over.socket_of("b"))
        server.listen()
        client.connect(cut_over.socket_of("b"))
        old = seen(store)["b"]
    assert (old.role, old.generation, old.connections) == ("draining", 2, 1)
    assert 12 <= old.seconds < 60
    # The job that would end it has ended itself.
    assert "slot b still has generation 2" in status(store, Status(WEB)).drift
    slots.set_standby("b")
    assert seen(store)["b"].role == "standby"
    assert status(store, Status(WEB)).drift == ""


def test_a_job_that_drains_is_no_activation_under_way(
    store: Store, app: App, cut_over: CutOver, slots: Slots
) -> None:
    job, lock = create(app, 1, cut_over)
    slots.set("a", 1)
    slots.set("b", 2)
    slots.set_live(cut_over, "a")
    assert status(store, Status(WEB)).job == job.id
    job.write_state(JobState(DONE, 2, "active", 1, ""))
    found = status(store, Status(WEB))
    assert (found.job, found.drift) == (None, "")
    os.close(lock)


def test_the_slot_of_an_activation_without_an_outcome_is_starting(
    store: Store, app: App, cut_over: CutOver, slots: Slots
) -> None:
    job, lock = create(app, 2, cut_over)
    slots.set("a", 1)
    slots.set_live(cut_over, "a")
    job.write_slots("b", "a")
    journal.append(app.directory, Event(NOW, SWITCHING, 2, 1, job.id, "me@desk", ""))
    slots.set("b", 2)
    assert {name: slot.role for name, slot in seen(store).items()} == {"a": "live", "b": "starting"}
    slots.set_live(cut_over, "b")
    assert {name: slot.role for name, slot in seen(store).items()} == {"a": "draining", "b": "live"}
    os.close(lock)


def test_the_new_slot_shows_its_share(store: Store, app: App, cut_over: CutOver, slots: Slots) -> None:
    gradual = cut_over._replace(way=COMMAND, front=Front((10,), None, Command(("true",), 5)))
    job, lock = create(app, 2, gradual)
    slots.set("a", 1)
    slots.set("b", 2)
    slots.set_live(gradual, "a")
    job.write_slots("b", "a")
    journal.append(app.directory, Event(NOW, SWITCHING, 2, 1, job.id, "me@desk", ""))
    slots.begin_shift(gradual, "b", 10)
    assert {name: (slot.role, slot.share) for name, slot in seen(store).items()} == {
        "a": ("live", 90), "b": ("starting", 10),
    }  # fmt: skip
    assert status(store, Status(WEB)).drift == ""
    os.close(lock)
    drift = "slot b generation 2, 10 %: the next activation takes that back"
    assert status(store, Status(WEB)).drift == drift
    slots.end_shift()
    assert {slot.share for slot in seen(store).values()} == {None}


def test_workers_have_no_connections(store: Store, app: App, cut_over: CutOver, slots: Slots) -> None:
    workers = cut_over._replace(way=NONE, socket="")
    ended_job(app, workers)
    slots.set("a", 1)
    slots.set_live(workers, "a")
    assert (seen(store)["a"].role, seen(store)["a"].connections) == ("live", None)


def test_a_link_that_leads_elsewhere_is_drift_and_no_slot_is_live(
    store: Store, app: App, cut_over: CutOver, slots: Slots
) -> None:
    ended_job(app, cut_over)
    slots.set("a", 1)
    os.symlink("/elsewhere", f"{app.directory.path}/live")
    assert seen(store)["a"].role == "draining"
    assert "points to '/elsewhere'" in status(store, Status(WEB)).drift


def test_a_slot_that_runs_another_build_than_its_link_is_drift() -> None:
    slot = SlotOut("a", 42, "web@a.service", "active (running)", "live", 0, 0, 0, "")
    for runs, sentences in ((42, []), (0, []), (41, ["slot a runs generation 41 instead of 42"])):
        unit = UnitOut(slot.unit, slot.state, runs, "")
        assert list(slot_status.runs_another([unit], [slot])) == sentences
