"""Holds, marks, and waiting for one's turn."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.support.user import TIMEOUT_S, User, make_site


@pytest.fixture
def store(user: User, site: Path, tmp_path: Path) -> Path:
    path = tmp_path / "store"
    for version in ("1", "2", "3"):
        user.does("push", make_site(site, version), "--to", path)
    return path


def states(user: User, store: Path) -> dict[int, str]:
    listed = user.does("list-generations", "--to", store, "--json").document["hosts"][0]
    return {row["number"]: row["state"] for row in listed["generations"]}


def test_a_hold_refuses_until_it_is_lifted(user: User, store: Path, site: Path) -> None:
    user.does("hold", "-m", "database migration", "--to", store)
    shown = user.does("status", "--to", store)
    assert "database migration" in shown.out
    make_site(site, "4")
    for words in (["push", site], ["switch-generation", "-1"], ["rollback", "--lock-wait", "1h"]):
        began = time.monotonic()
        ran = user.run(*words, "--to", store)
        assert ran.code == 1
        assert "is held by" in ran.err
        assert "database migration" in ran.err
        assert time.monotonic() - began < 120
    assert os.readlink(store / "apps/site/current") == "generations/3"
    user.does("push", site, "--to", store, "--no-switch")
    assert "is no longer on hold" in user.does("unhold", "--to", store).out
    assert "was not on hold" in user.does("unhold", "--to", store).out
    assert "generation 4 is active" in user.does("push", site, "--to", store).out


def test_going_on_in_spite_of_a_hold_is_recorded(user: User, store: Path) -> None:
    user.does("hold", "-m", "freeze", "--to", store)
    user.does("rollback", "--override-hold", "--to", store)
    events = user.does("log", "--json", "--to", store).document["hosts"][0]["events"]
    (intent,) = [event for event in events if "in spite of a hold" in event["reason"]]
    assert (intent["event"], intent["generation"]) == ("switching", 2)
    assert "freeze" in intent["reason"]
    assert user.run("rollback", "--to", store).code == 1


def test_a_hold_that_cannot_be_read_holds(user: User, store: Path) -> None:
    user.does("hold", "-m", "x", "--to", store)
    (store / "apps/site/hold").write_bytes(b"garbage")
    ran = user.run("rollback", "--to", store)
    assert ran.code == 1
    assert "counts as held" in ran.err
    user.does("unhold", "--to", store)
    user.does("rollback", "--to", store)


def test_what_is_marked_bad_is_never_gone_back_to(user: User, store: Path) -> None:
    user.does("mark", "bad", "2", "-m", "leaks", "--to", store)
    assert states(user, store) == {1: "good", 2: "failed", 3: "current"}
    user.does("rollback", "--to", store)
    assert os.readlink(store / "apps/site/current") == "generations/1"
    user.does("mark", "good", "2", "--to", store)
    assert states(user, store)[2] == "good"
    lines = user.does("log", "--to", store).out.splitlines()
    marks = [tuple(line.split()[2:4]) for line in lines if "marked-" in line]
    assert marks == [("2", "marked-bad"), ("3", "marked-bad"), ("2", "marked-good")]
    assert "  leaks" in lines


def test_the_current_one_marked_bad_is_still_current_but_no_target(user: User, store: Path) -> None:
    user.does("mark", "bad", "3", "--to", store)
    assert states(user, store)[3] == "current"
    user.does("rollback", "--to", store)
    assert states(user, store) == {1: "good", 2: "current", 3: "failed"}
    assert user.run("switch-generation", "+1", "--to", store).code == 1


def test_a_rejected_release_does_not_come_back(user: User, store: Path, site: Path) -> None:
    ran = user.does("rollback", "-m", "loses sessions", "--to", store)
    assert "generation 3 is marked as bad, so -1 never leads to it; `relstore mark good 3` reverts" in ran.out
    assert states(user, store) == {1: "good", 2: "current", 3: "failed"}
    user.does("push", make_site(site, "fix"), "--to", store)
    ran = user.does("rollback", "--to", store, "--json")
    (host,) = ran.document["hosts"]
    assert (host["generation"], host["previous"], host["previous_counts_as"]) == (2, 4, "bad")
    events = user.does("log", "--json", "--to", store).document["hosts"][0]["events"]
    marks = [(event["generation"], event["reason"]) for event in events if event["event"] == "marked-bad"]
    assert marks == [(3, "loses sessions"), (4, "rolled back to 2")]


def test_who_goes_back_without_a_mark_is_told(user: User, store: Path) -> None:
    ran = user.does("switch-generation", "-1", "--to", store)
    assert "generation 3 stays good, so -1 may lead to it again; `relstore mark bad 3` prevents" in ran.out
    assert "stays good" not in user.does("switch-generation", "+1", "--to", store).out
    ran = user.does("rollback", "--no-mark", "--to", store)
    assert "generation 3 stays good" in ran.out
    assert states(user, store) == {1: "good", 2: "current", 3: "good"}
    ran = user.run("rollback", "--no-mark", "-m", "why", "--to", store)
    assert ran.code == 2


def test_a_dead_service_is_seen_and_restarted(user: User, store: Path, site: Path, tmp_path: Path) -> None:
    """The service is a file that the restart makes, and that the probe looks for."""
    alive = tmp_path / "alive"
    words = ("--to", store, "--restart", f"touch {alive}", "--health-command", f"test -e {alive}")
    probe = (*words, "--health-timeout", "300ms")
    make_site(site, "3")
    for command in (["push", site], ["switch-generation", "3"]):
        ran = user.run(*command, *probe)
        assert ran.code == 3, ran.err
        assert "generation 3 is current already, but it is not healthy" in ran.err
        assert "`relstore restart`" in ran.err
    (host,) = user.run("push", site, *probe, "--json").document["hosts"]
    assert (host["outcome"], host["error"]["kind"]) == ("unchanged", "Unhealthy")
    ran = user.does("restart", *probe)
    assert "generation 3 was restarted and is active: site on this machine" in ran.out
    assert "is already current" in user.does("push", site, *probe).out
    assert "is already current" in user.does("switch-generation", "3", *probe).out
    assert user.does("push", site, "--to", store, "--no-switch").code == 0
    log = user.does("log", "-n", "1", "--json", "--to", store).document["hosts"][0]["events"]
    assert [(event["event"], event["generation"], event["previous"]) for event in log] == [
        ("switching", 3, 3),
        ("active", 3, 3),
    ]


def test_a_restart_that_fails_switches_nothing(user: User, store: Path) -> None:
    ran = user.run("restart", "--restart", "exit 4", "--to", store)
    assert ran.code == 3
    assert "generation 3 was restarted, but it is not healthy: `exit 4` ended with exit code 4" in ran.err
    assert os.readlink(store / "apps/site/current") == "generations/3"
    assert user.run("restart", "--to", store).code == 2
    assert "generation 3 was restarted" in user.does("restart", "--restart", "true", "--to", store).out


def test_what_nothing_checks_is_said_once(user: User, store: Path, site: Path) -> None:
    make_site(site, "4")
    ran = user.does("push", site, "--to", store)
    assert ran.err.count("note: Nothing checks whether the release works") == 1
    assert "Nothing checks" not in user.does("push", site, "--to", store, "--no-switch").err
    ran = user.run("push", site, "--to", store, "--restart", "sudo systemctl restart web", "--json")
    (warning,) = ran.document["warnings"]
    assert 'unit = "web" and become = "sudo"' in warning


def test_waiting_for_ones_turn(user: User, store: Path, site: Path, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    restart = ("--restart", f"read x < {gate}")
    with user.start("push", make_site(site, "4"), "--to", store, "-v", *restart) as first:
        assert first.stderr is not None
        for line in first.stderr:
            if "restarting" in line:
                break
        assert user.run("rollback", "--to", store, "--lock-wait", "1s").code == 5
        with user.start("switch-generation", "1", "--to", store, "-v", "--lock-wait", "60s") as second:
            assert second.stderr is not None
            for line in second.stderr:
                if "waiting" in line:
                    break
            gate.write_text("go\n")
            first.communicate(timeout=TIMEOUT_S)
            out, err = second.communicate(timeout=TIMEOUT_S)
        assert first.returncode == 0
        assert second.returncode == 0, err
    assert "generation 1 is active" in out
    assert os.readlink(store / "apps/site/current") == "generations/1"
