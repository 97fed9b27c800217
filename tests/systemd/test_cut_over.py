"""A new release without a failed request: two slots, a front that connects to ``live``, and load meanwhile.

The short form: ``make proof-cut-over`` does it at every step, with every kind of release and behind every front.
"""

from __future__ import annotations

import re
import time

import pytest

from tests.support.load.running import Mix
from tests.systemd.deployer import Deployer
from tests.systemd.slot_host import (
    KEYS,
    install,
    live,
    push,
    release,
    roles,
    under_load,
    wait_for_one_slot,
)
from tests.systemd.steps import caught, events

pytestmark = pytest.mark.root


def test_a_push_and_the_way_back_fail_no_request(slots: Deployer) -> None:
    with under_load(slots) as load:
        time.sleep(1)
        longer = ("--drain", "60s")  # it still drains in all that follows
        second = push(slots, "second", "good", *longer)
        assert second.code == 0, second.err
        status = slots.status()
        assert [(unit["name"], unit["runs"], unit["state"]) for unit in status["units"]] == [  # type: ignore[attr-defined]
            ("web@a.service", 1, "active (running)"),
            ("web@b.service", 2, "active (running)"),
        ]
        assert roles(status) == {"a": "draining", "b": "live"}
        assert (status["job"], status["drift"]) == (None, None)
        shown = slots.does("status", "--app", "web").out
        assert re.search(r"slot a +generation 1, draining for \d+ s, \d+ connections? left\n", shown), shown
        assert re.search(r"slot b +generation 2, live, web@b\.service active, \d+ connections?\n", shown), (
            shown
        )
        unfit = ("--http-body", "second", "--health-timeout", "1s")
        failed = slots.run("switch-generation", "-1", *KEYS, *longer, *unfit)
        assert failed.code == 3, failed.err
        assert "the traffic did not move to it" in failed.err
        assert "no request reached it" not in failed.err
        back = slots.run("switch-generation", "1", *KEYS)
        assert back.code == 0, back.err
        time.sleep(1)
    assert load.account.broken == []
    assert load.account.asked > 500
    assert load.account.releases["second"] > 100
    assert wait_for_one_slot(slots) == "a"
    assert live(slots) == "/run/web-a/sock"
    assert slots.status()["drift"] is None
    before = events(slots)
    unchanged = push(slots, "first")
    assert unchanged.code == 0, unchanged.err
    assert events(slots) == before
    restarted = slots.run("restart", *KEYS)
    assert restarted.code == 0, restarted.err
    assert wait_for_one_slot(slots) == "b"
    slots.host.run("systemctl", "stop", "web@b")
    dead = push(slots, "first")
    assert dead.code == 3, dead.err


@pytest.mark.parametrize(
    ("mode", "says"),
    [
        ("answers 500", "status 500"),
        ("exits at once", "web@b.service"),
        ("crashes after 1 s", "web@b.service"),
    ],
)
def test_a_release_that_fails_its_check_is_reached_by_nobody(slots: Deployer, mode: str, says: str) -> None:
    with under_load(slots) as load:
        time.sleep(0.5)
        ran = push(slots, "second", mode, "--http-body", "first|second", "--health-stable", "2s")
        time.sleep(0.5)
    assert (ran.code, load.account.broken) == (3, []), ran.err
    assert says in ran.err
    assert "no request reached it" in ran.err
    assert set(load.account.releases) == {"first"}
    assert wait_for_one_slot(slots) == "a"
    assert live(slots) == "/run/web-a/sock"


def test_one_that_turns_bad_with_the_traffic_loses_it_at_once(slots: Deployer) -> None:
    with under_load(slots) as load:
        time.sleep(0.5)
        ran = push(slots, "second", "turns bad", "--watch", "10s")
        time.sleep(3)
    assert ran.code == 3, ran.err
    # One look at its health, and up to a second to move the traffic back. Connections that are kept go back too.
    assert load.account.bad_for("new", "work") < 0.1 + 1
    assert load.account.bad_for("new", "work", "busy", "idle") < 0.1 + 1
    assert wait_for_one_slot(slots) == "a"


def test_a_standby_is_gone_back_to_without_a_start(slots: Deployer) -> None:
    second = push(slots, "second", "good", "--standby", "--drain", "2s")
    assert second.code == 0, second.err
    time.sleep(4)
    assert roles(slots.status()) == {"a": "standby", "b": "live"}
    with under_load(slots) as load:
        time.sleep(0.5)
        back = slots.run("switch-generation", "-1", *KEYS, "--standby")
        time.sleep(0.5)
    assert back.code == 0, back.err
    assert "starting generation" not in back.err
    assert load.account.broken == []
    third = push(slots, "third", "good", "--standby")
    assert third.code == 0, third.err
    assert slots.host.run("cat", "/srv/web/apps/web/slots/b/version").stdout == "third"
    fourth = push(slots, "fourth", "good", "--no-standby")
    assert fourth.code == 0, fourth.err
    assert wait_for_one_slot(slots) == "a"


STEPS = ("checking", "watching")
SLOW = ("-v", "--health-stable", "2s", "--watch", "2s", "--confirm", "20s")


def slow_push(slots: Deployer) -> tuple[object, ...]:
    return ("push", release(slots, "second"), *KEYS, *SLOW)


@pytest.mark.parametrize("step", STEPS)
def test_a_job_that_is_killed_is_undone_and_no_request_fails(slots: Deployer, step: str) -> None:
    with under_load(slots) as load:
        time.sleep(0.5)
        with caught(slots, step, *slow_push(slots)) as client:
            slots.host.run("pkill", "-KILL", "-f", " job /srv/web web ", check=False)
            client.kill()
        third = push(slots, "third")
        assert third.code == 0, third.err
        if step == "watching":
            assert "waiting up to 10 s for " in third.err
        time.sleep(1)
    assert load.account.broken == []
    assert load.account.releases["third"] > 20
    assert events(slots)[-3:] == [("interrupted", 2), ("switching", 3), ("active", 3)]
    wait_for_one_slot(slots)
    assert slots.host.run("sh", "-c", "cat /srv/web/apps/web/slots/*/version").stdout == "third"


@pytest.mark.parametrize("step", STEPS)
def test_after_a_power_cut_one_slot_serves_and_the_other_is_gone(slots: Deployer, step: str) -> None:
    if step == "watching":  # then the one that is gone back to needs some time after the boot
        slow = push(slots, "slow", "starts slowly")
        assert slow.code == 0, slow.err
    kept = wait_for_one_slot(slots)
    install(slots, "--recover")
    slots.host.run("systemctl", "enable", "--quiet", "relstore-recover")
    with caught(slots, step, *slow_push(slots), "--drain", "2s") as client:
        slots.host.power_cut()
        client.kill()
    slots.host.boot()
    with under_load(slots, mix=Mix(answer=0, stream=0, patience=2)) as load:
        slots.host.wait_running()
        assert wait_for_one_slot(slots) == kept
        time.sleep(1)
    assert live(slots) == f"/run/web-{kept}/sock"
    assert events(slots)[-1][0] == "interrupted"
    first = load.account.first_good(0)
    assert first is not None
    assert [request for request in load.account.broken if request.began > first.ended] == []
