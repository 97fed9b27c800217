"""The slots of an app are links, moved by rename; what they lead to is checked when it is read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from relstore.errors import StoreError
from relstore.formats.cut_over import LINK, NONE, SOCKET, CutOver
from relstore.formats.names import TemplateName, UnitName
from relstore.store.app import App
from relstore.store.slots import Shift, Slots
from relstore.store.store import Store
from tests.support.host_side import WEB as WEB_APP
from tests.support.host_side import go_live, release

WEB = CutOver(TemplateName.parse("web@"), LINK, "/run/web-{slot}/sock", 60, False, 10_000)


@pytest.fixture
def app(store: Store) -> Iterator[App]:
    """An app with two generations."""
    go_live(store, {"version": b"1"})
    release(store, {"version": b"2"})
    with store.app(WEB_APP) as opened:
        yield opened


@pytest.fixture
def slots(store: Store, app: App) -> Slots:
    return Slots(app.directory, store.durability)


def test_an_app_without_slots(slots: Slots) -> None:
    assert slots.generations() == {}
    assert slots.live(WEB) is None
    slots.remove("a")


def test_a_slot_runs_its_generation_until_it_is_removed(slots: Slots, app: App) -> None:
    slots.set("a", 1)
    slots.set("b", 2)
    assert slots.generations() == {"a": 1, "b": 2}
    assert (Path(slots.path("b")) / "version").read_bytes() == b"2"
    slots.set("a", 2)
    slots.remove("b")
    assert slots.generations() == {"a": 2}


def test_the_traffic_moves_to_a_socket_and_for_workers_to_a_slot(slots: Slots, app: App) -> None:
    slots.set_live(WEB, "b")
    assert app.directory.readlink("live") == "/run/web-b/sock"
    assert slots.live(WEB) == "b"
    slots.set_live(WEB, "a")
    assert slots.live(WEB) == "a"
    workers = WEB._replace(way=NONE, socket="")
    slots.set_live(workers, "b")
    assert app.directory.readlink("live") == "slots/b"
    assert slots.live(workers) == "b"
    slots.set_live(workers, None)
    assert slots.live(workers) is None


def test_what_is_on_trial_is_no_slot_and_is_kept(slots: Slots) -> None:
    assert slots.on_trial() is None
    slots.set("a", 1)
    slots.set("trial", 2)
    assert slots.on_trial() == 2
    assert slots.generations() == {"a": 1}
    assert sorted(slots.all_generations()) == [1, 2]
    slots.remove("trial")
    assert slots.all_generations() == [1]


def test_behind_a_shared_socket_the_link_only_notes_the_slot(slots: Slots, app: App) -> None:
    shared = WEB._replace(way=SOCKET, trial=UnitName("web-trial.service"))
    slots.set_live(shared, "b")
    assert app.directory.readlink("live") == "slots/b"
    assert slots.live(shared) == "b"


def test_one_slot_may_be_kept_running(slots: Slots) -> None:
    assert slots.standby() is None
    slots.set_standby(None)
    slots.set("a", 1)
    slots.set_standby("a")
    assert slots.standby() == "a"
    assert slots.generations() == {"a": 1}
    slots.set_standby(None)
    assert slots.standby() is None


def test_a_shift_is_there_until_it_is_wound_up(slots: Slots, app: App) -> None:
    slots.set("a", 1)
    slots.set_live(WEB, "a")
    assert slots.shift(WEB) is None
    slots.end_shift()
    slots.begin_shift(WEB, "b", 10)
    assert app.directory.readlink("next") == "/run/web-b/sock"
    assert slots.shift(WEB) == Shift("b", "b", 10)
    slots.begin_shift(WEB, "b", 50)
    slots.turn_shift(WEB, "a")
    assert slots.shift(WEB) == Shift("a", "b", 50)
    assert slots.live(WEB) == "a"
    assert slots.generations() == {"a": 1}
    slots.end_shift()
    assert slots.shift(WEB) is None
    assert app.directory.readlink("next") is None
    assert not (Path(app.directory.path) / "slots/share").is_symlink()


@pytest.mark.parametrize("noted", ["c:10", "b:0", "b:101", "b:010", "10", "/etc"])
def test_a_shift_whose_share_is_unknown_may_be_all(slots: Slots, app: App, noted: str) -> None:
    slots.begin_shift(WEB, "b", 10)
    share = Path(app.directory.path) / "slots/share"
    share.unlink()
    share.symlink_to(noted)
    assert slots.shift(WEB) == Shift("b", "b", 100)


@pytest.mark.parametrize("target", ["../generations/0", "../../etc", "/etc", "../generations/1/deep"])
def test_a_link_that_leads_elsewhere_is_named_and_left_alone(slots: Slots, app: App, target: str) -> None:
    slots.set("a", 1)
    link = Path(slots.path("b"))
    link.symlink_to(target)
    with pytest.raises(StoreError, match="slots/b points to"):
        slots.generations()
    live = Path(app.directory.path) / "live"
    live.symlink_to(target)
    with pytest.raises(StoreError, match="which is not the socket of a slot"):
        slots.live(WEB)
    assert link.is_symlink()
    assert live.is_symlink()
    (Path(app.directory.path) / "next").symlink_to(target)
    with pytest.raises(StoreError, match="next points to"):
        slots.shift(WEB)
