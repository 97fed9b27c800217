"""Ctrl-C while a host works: the first leaves it to itself, a second one asks it to cancel."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.host_state import wait_for_jobs
from tests.support.user import TIMEOUT_S, User, make_site


@pytest.fixture
def store(user: User, site: Path, tmp_path: Path) -> Path:
    """A store with one generation."""
    user.does("push", site, "--to", tmp_path / "store")
    return tmp_path / "store"


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A pipe: a command that reads it waits until the test writes to it."""
    os.mkfifo(tmp_path / "gate")
    return tmp_path / "gate"


def until(client: subprocess.Popen[str], sign: str) -> str:
    assert client.stderr is not None
    said = ""
    for line in client.stderr:
        said += line
        if sign in line:
            return said
    raise AssertionError(f"{sign!r} was never said: {said}")


def outcome(user: User, store: Path) -> tuple[str, int, str]:
    last = user.does("log", "--to", store, "--json").document["hosts"][0]["events"][-1]
    return last["event"], last["generation"], last["reason"]


def test_once_leaves_the_host_to_itself(user: User, store: Path, site: Path, gate: Path) -> None:
    make_site(site, "two")
    with user.start("push", site, "--to", store, "--before", f"read x < {gate}") as client:
        until(client, "running before")
        client.send_signal(signal.SIGINT)
        _out, err = client.communicate(timeout=TIMEOUT_S)
    assert client.returncode == 130
    assert "Ctrl-C again asks the host to cancel" in err
    assert "relstore attach" in err
    gate.write_text("go\n")
    wait_for_jobs(store, "site")
    assert outcome(user, store) == ("active", 2, "")


def test_twice_asks_it_to_cancel_before_the_switch(user: User, store: Path, site: Path, gate: Path) -> None:
    make_site(site, "two")
    with user.start("push", site, "--to", store, "--before", f"read x < {gate}") as client:
        until(client, "running before")
        client.send_signal(signal.SIGINT)
        until(client, "Ctrl-C again")
        client.send_signal(signal.SIGINT)
        _out, err = client.communicate(timeout=TIMEOUT_S)
    assert client.returncode == 130
    assert "error: this machine: asked the host to cancel job " in err
    gate.write_text("go\n")
    wait_for_jobs(store, "site")
    event, generation, reason = outcome(user, store)
    assert (event, generation) == ("failed", 2)
    assert "before the switch" in reason
    assert "cancelled by" in reason
    assert user.run("attach", "--to", store).code == 1


def test_after_the_switch_it_is_too_late_to_cancel(user: User, store: Path, site: Path, gate: Path) -> None:
    make_site(site, "two")
    with user.start("push", site, "--to", store, "--restart", f"read x < {gate}") as client:
        until(client, "restarting")
        client.send_signal(signal.SIGINT)
        until(client, "Ctrl-C again")
        client.send_signal(signal.SIGINT)
        client.communicate(timeout=TIMEOUT_S)
    gate.write_text("go\n")
    wait_for_jobs(store, "site")
    assert outcome(user, store) == ("active", 2, "")


def test_before_the_host_accepts_it_just_ends(user: User, store: Path, site: Path) -> None:
    with user.start(
        "push", site, "--to", store, "--build", "echo building >&2; exec sleep 30 >/dev/null 2>&1"
    ) as client:
        until(client, "building")
        client.send_signal(signal.SIGINT)
        _out, err = client.communicate(timeout=TIMEOUT_S)
    assert client.returncode == 130
    assert "interrupted" in err
    assert outcome(user, store) == ("active", 1, "")
