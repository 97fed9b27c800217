"""Holds, marks, and waiting for one's turn."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.e2e.user import TIMEOUT_S, User, make_site


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
    assert "in spite of a hold" in events[-2]["reason"]
    assert "freeze" in events[-2]["reason"]
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
    assert user.does("log", "--to", store).out.count("marked-") == 2


def test_the_current_one_marked_bad_is_still_current_but_no_target(user: User, store: Path) -> None:
    user.does("mark", "bad", "3", "--to", store)
    assert states(user, store)[3] == "current"
    user.does("rollback", "--to", store)
    assert states(user, store) == {1: "good", 2: "current", 3: "failed"}
    assert user.run("switch-generation", "+1", "--to", store).code == 1


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
