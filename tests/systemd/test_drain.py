"""What becomes of the connections of an old release: they have their time, then they are closed, and that is told."""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Iterator

import pytest

from tests.systemd.deployer import Deployer
from tests.systemd.slot_host import KEYS, push, release, roles, wait_for_one_slot

pytestmark = pytest.mark.root

THOROUGH = os.environ.get("RELSTORE_TEST_THOROUGH") == "1"

HOLD = """
import socket, sys, time
held = []
for _ in range(int(sys.argv[2])):
    held.append(socket.socket(socket.AF_UNIX))
    held[-1].connect(sys.argv[1])
time.sleep(600)
"""
_names = itertools.count()


def hold(deployer: Deployer, slot: str, count: int) -> None:
    """Somebody keeps idle connections to a slot open."""
    name = f"caller-{next(_names)}"
    words = ("/usr/bin/python3", "-c", HOLD, f"/run/web-{slot}/sock", str(count))
    deployer.host.run("systemd-run", "--quiet", f"--unit={name}", *words)
    deadline = time.monotonic() + 20
    while connections(deployer, slot) < count:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def connections(deployer: Deployer, slot: str) -> int:
    found: list[dict[str, int]] = deployer.status()["slots"]  # type: ignore[assignment]
    return next(each["connections"] or 0 for each in found if each["name"] == slot)


def closed(deployer: Deployer) -> Iterator[tuple[int, int, str]]:
    document = deployer.does("log", "--app", "web", "--json").document
    for event in document["hosts"][0]["events"]:
        if event["event"] == "connections-closed":
            yield event["generation"], event["connections"], event["reason"]


def test_connections_that_outlast_their_time_are_closed_and_told(slots: Deployer) -> None:
    hold(slots, "a", 2)
    assert push(slots, "second", "good", "--drain", "3s").code == 0
    assert wait_for_one_slot(slots) == "b"
    assert list(closed(slots)) == [(1, 2, "2 connections of generation 1 were closed after 3 s")]
    assert "2 connections of generation 1 were closed after 3 s" in slots.does("log", "--app", "web").out

    # The next but one needs the slot in which the second one still drains.
    hold(slots, "b", 1)
    assert push(slots, "third", "good", "--drain", "60s").code == 0
    began = time.monotonic()
    fourth = push(slots, "fourth", "good", "--drain", "60s", "--cut-old")
    assert fourth.code == 0, fourth.err
    assert time.monotonic() - began < 50
    assert "1 connection of generation 2 was closed after 0 s (--cut-old)" in fourth.err
    assert "waiting up to" not in fourth.err

    hold(slots, "b", 1)
    assert push(slots, "fifth", "good", "--drain", "60s").code == 0
    sixth = push(slots, "sixth", "good", "--drain", "4s")
    assert sixth.code == 0, sixth.err
    assert (
        "waiting up to 4 s for 1 connection of generation 4 in slot b; --cut-old ends them at once"
        in sixth.err
    )
    assert "1 connection of generation 4 was closed after 4 s" in sixth.err
    assert [generation for generation, _, _ in closed(slots)] == [1, 2, 4]

    # Who does not want to wait may cancel; nothing has changed then.
    hold(slots, "b", 1)
    assert push(slots, "seventh", "good", "--drain", "60s").code == 0
    with slots.start("push", release(slots, "eighth"), *KEYS, "--drain", "60s") as client:
        assert client.stderr is not None
        assert any("waiting up to" in line for line in client.stderr)
        for _ in range(2):
            client.send_signal(signal.SIGINT)
            time.sleep(0.5)
        assert "asked the host to cancel" in client.stderr.read()
    attached = slots.run("attach", "--app", "web")
    assert (attached.code, "before the switch" in attached.err) == (1, True), attached.err
    assert slots.events()[-1] == ("failed", 8)
    assert roles(slots.status()) == {"a": "live", "b": "draining"}


@pytest.mark.skipif(not THOROUGH, reason="the way there is that of the test above")
def test_one_that_does_not_end_when_it_is_asked_to_is_killed_when_its_time_is_up(slots: Deployer) -> None:
    announced = ("--drain-announce", "--drain")
    assert push(slots, "second", "ignores SIGTERM").code == 0
    hold(slots, "b", 1)
    third = push(slots, "third", "ignores SIGTERM", *announced, "3s")
    assert third.code == 0, third.err
    began = time.monotonic()
    assert wait_for_one_slot(slots) == "a"
    assert time.monotonic() - began < 15  # the unit itself would give it 25 s
    assert list(closed(slots)) == [(2, 1, "1 connection of generation 2 was closed after 3 s")]

    hold(slots, "a", 3)
    assert push(slots, "fourth", "good", *announced, "20s").code == 0
    began = time.monotonic()
    fifth = push(slots, "fifth", "good", *announced, "20s", "--cut-old")
    assert fifth.code == 0, fifth.err
    assert time.monotonic() - began < 18
    assert "3 connections of generation 3 were closed after 0 s (--cut-old)" in fifth.err
