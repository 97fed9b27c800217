"""P5: the job itself is killed, with its restart half done; the next push or switch resolves it."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.host_state import problems
from tests.support.job_processes import job_processes
from tests.support.user import TIMEOUT_S, User, make_site


def jobs_of(store: Path) -> list[int]:
    """The processes that were started as jobs of this store."""
    return [pid for pid, (of, _) in job_processes().items() if of == store]


@pytest.fixture
def restart(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A restart command that hangs, unless the test has said how it is to end."""
    line = f'test -e {tmp_path}/end && exit "$(cat {tmp_path}/end)"; echo $$ >{tmp_path}/restarting; exec sleep 600'
    yield ("--restart", line)
    # Its job was killed and could not end it.
    with contextlib.suppress(FileNotFoundError, ProcessLookupError, ValueError):
        os.kill(int((tmp_path / "restarting").read_text()), signal.SIGKILL)


@pytest.fixture
def killed(user: User, site: Path, tmp_path: Path, restart: tuple[str, str]) -> Path:
    """A store where generation 2 was switched to and its job killed during the restart."""
    store = tmp_path / "store"
    user.does("push", site, "--to", store)
    with user.start("push", make_site(site, "two"), "--to", store, "-v", *restart) as client:
        while not (tmp_path / "restarting").exists():
            assert client.poll() is None
            time.sleep(0.01)
        for pid in jobs_of(store):
            os.kill(pid, signal.SIGKILL)
        out, err = client.communicate(timeout=TIMEOUT_S)
    assert client.returncode == 1, out
    assert "the job died while it was restarting" in err
    assert user.does("status", "--to", store, "--json").document["hosts"][0]["unresolved"] is True
    assert outcomes(user, store) == [("switching", 1), ("active", 1), ("switching", 2)]
    return store


def outcomes(user: User, store: Path) -> list[tuple[str, int]]:
    events = user.does("log", "--to", store, "--json").document["hosts"][0]["events"]
    return [(event["event"], event["generation"]) for event in events]


def test_the_same_push_finishes_it(
    killed: Path, user: User, site: Path, tmp_path: Path, restart: tuple[str, str]
) -> None:
    (tmp_path / "end").write_text("0")
    pushed = user.does("push", site, "--to", killed, *restart)
    assert "generation 2 is active" in pushed.out
    assert outcomes(user, killed)[2:] == [("switching", 2), ("active", 2)]
    assert problems(killed) == []
    assert "nothing was changed" in user.does("push", site, "--to", killed).out


def test_another_push_resolves_it_first(
    killed: Path, user: User, site: Path, tmp_path: Path, restart: tuple[str, str]
) -> None:
    (tmp_path / "end").write_text("1")
    user.does("push", make_site(site, "three"), "--to", killed, "--restart", "true")
    assert outcomes(user, killed)[2:] == [
        ("switching", 2), ("stuck", 2), ("switching", 3), ("active", 3),
    ]  # fmt: skip
    assert (killed / "apps/site/current/index.html").read_text() == "three"
    assert problems(killed) == []


def test_a_rollback_resolves_it_first(killed: Path, user: User, tmp_path: Path) -> None:
    (tmp_path / "end").write_text("0")
    user.does("rollback", "--no-mark", "--to", killed)
    assert outcomes(user, killed)[2:] == [
        ("switching", 2), ("active", 2), ("switching", 1), ("active", 1),
    ]  # fmt: skip


def test_the_collector_keeps_what_it_is_about(killed: Path, user: User) -> None:
    kept = user.does("gc", "--keep", "1", "--to", killed, "--json").document["hosts"][0]["verdicts"]
    assert {row["name"] for row in kept if row["kind"] == "generation" and row["keep"]} == {"1", "2"}
    assert (killed / "apps/site/current/index.html").read_text() == "two"
