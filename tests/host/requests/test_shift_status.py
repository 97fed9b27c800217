"""What a status says of a gradual shift of the traffic, and of one that ended otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from relstore.formats.command import Command
from relstore.formats.cut_over import COMMAND, HAPROXY, LINK, CutOver, Slot
from relstore.formats.front import Front, HaproxyApi
from relstore.formats.names import BackendName, TemplateName
from relstore.host.requests import preflight_front, shift_status
from relstore.host.service.haproxy import Haproxy
from relstore.store.app import App
from relstore.store.slots import Slots
from relstore.store.store import Store
from tests.support.haproxy import running

WEB = CutOver(TemplateName.parse("web@"), LINK, "/run/web-{slot}/sock", 60, False, 10_000)
BY_COMMAND = WEB._replace(way=COMMAND, front=Front((10,), None, Command(("true",), 5)))


@pytest.fixture
def slots(store: Store, app: App) -> Slots:
    """Slot a has the traffic, and slot b runs generation 2."""
    made = Slots(app.directory, store.durability)
    made.set("a", 1)
    made.set("b", 2)
    made.set_live(WEB, "a")
    return made


def unfit(slots: Slots, cut_over: CutOver) -> list[str]:
    return list(shift_status.unfit(slots, cut_over, slots.live(cut_over), slots.generations()))


def test_what_a_dead_job_left(slots: Slots) -> None:
    assert unfit(slots, BY_COMMAND) == []
    slots.begin_shift(WEB, "b", 10)
    assert unfit(slots, BY_COMMAND) == ["slot b generation 2, 10 %: the next activation takes that back"]


def test_what_a_command_did_not_take_back(slots: Slots) -> None:
    slots.begin_shift(WEB, "b", 10)
    slots.turn_shift(WEB, "a")
    (found,) = unfit(slots, BY_COMMAND)
    assert found.startswith("the cut-over command did not take back up to 10 % of the traffic from slot b")


def test_what_a_command_did_not_give(slots: Slots) -> None:
    slots.begin_shift(WEB, "b", 100)
    slots.set_live(WEB, "b")
    (found,) = unfit(slots, BY_COMMAND)
    assert found.startswith("the cut-over command did not move all of the traffic to slot b")


def test_what_haproxy_does_instead(slots: Slots, tmp_path: Path) -> None:
    with running(tmp_path) as real:
        cut_over = WEB._replace(way=HAPROXY, front=Front((10,), real.api, None))
        assert unfit(slots, cut_over) == []
        Haproxy(real.api).set_share(10)
        assert unfit(slots, cut_over) == [
            "HAProxy sends 10 % of the traffic to `next`, which leads to nothing"
        ]
        slots.begin_shift(WEB, "b", 10)
        slots.turn_shift(WEB, "a")
        assert unfit(slots, cut_over) == [
            "HAProxy sends 10 % of the traffic to `next`, which leads to slot a"
        ]
        assert list(preflight_front.front_problems(cut_over)) == []
    (found,) = unfit(slots, cut_over)
    assert "admin.sock cannot be used: No such file or directory" in found
    (problem,) = preflight_front.front_problems(cut_over)
    assert problem.kind == "haproxy-silent"
    assert problem.what.endswith("[haproxy-silent]")


@pytest.mark.parametrize(
    ("live", "turned", "expected"),
    [("a", "b", {"b": 10, "a": 90}), ("a", "a", {"b": 10, "a": 90}), ("b", "b", {}), (None, "b", {})],
)
def test_the_shares_that_a_command_was_asked_for(
    slots: Slots, live: Slot | None, turned: Slot, expected: dict[Slot, int]
) -> None:
    assert shift_status.shares(slots, BY_COMMAND, "a") == {}
    slots.begin_shift(WEB, "b", 10)
    slots.turn_shift(WEB, turned)
    assert shift_status.shares(slots, BY_COMMAND, live) == expected


def test_the_shares_are_those_that_haproxy_tells(slots: Slots, tmp_path: Path) -> None:
    with running(tmp_path) as real:
        cut_over = WEB._replace(way=HAPROXY, front=Front((10,), real.api, None))
        slots.begin_shift(WEB, "b", 50)
        assert shift_status.shares(slots, cut_over, "a") == {"b": 0, "a": 100}
        Haproxy(real.api).set_share(50)
        assert shift_status.shares(slots, cut_over, "a") == {"b": 50, "a": 50}
    assert shift_status.shares(slots, cut_over, "a") == {"b": 50, "a": 50}  # as it was told
    slots.turn_shift(WEB, "a")
    assert shift_status.shares(slots, cut_over, "a") == {}


def test_only_haproxy_is_asked_before_a_push() -> None:
    assert list(preflight_front.front_problems(WEB)) == []
    assert list(preflight_front.front_problems(BY_COMMAND)) == []
    api = HaproxyApi("/nothing", BackendName("web"))
    assert list(preflight_front.front_problems(WEB._replace(way=HAPROXY, front=Front((), api, None))))
