"""An app leaves a store, as a person asks for it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path

import pytest

from tests.support.user import PROGRAM, User, make_site


@pytest.fixture
def store(user: User, site: Path, tmp_path: Path) -> Path:
    """``old`` with two generations, and ``site``, which has the second of them too."""
    path = tmp_path / "store"
    user.does("push", site, "--app", "old", "--to", path)
    user.does("push", make_site(site, "two"), "--app", "old", "--to", path)
    user.does("push", site, "--to", path)
    return path


def test_it_shows_what_goes_and_then_removes_it(user: User, store: Path) -> None:
    shown = user.does("app", "remove", "old", "--to", store, "--dry-run")
    assert "would remove 2 generations (current: 2), 0 pins, 1 build" in shown.out
    assert (store / "apps/old").exists()
    document = user.does("app", "remove", "old", "--to", store, "--yes", "--json").document
    (host,) = document["hosts"]
    assert (document["app"], document["dry_run"], host["generations"], host["builds"]) == ("old", False, 2, 1)
    assert not (store / "apps/old").exists()
    copy = json.loads(Path(host["log_copy"]).read_text())
    assert [event["generation"] for event in copy["events"] if event["event"] == "active"] == [1, 2]
    assert user.does("verify", "--to", store).code == 0
    assert "no app 'old'" in user.run("app", "remove", "old", "--to", store, "--yes").err
    assert (store / "apps/site/current/index.html").read_text() == "two"
    # Its name is free, and nobody complains about its history.
    again = user.does("push", store.parent / "site", "--app", "old", "--to", store)
    assert "generation 1 is active" in again.out
    assert "history" not in again.err


def test_without_a_person_it_needs_a_word(user: User, store: Path) -> None:
    ran = user.run("app", "remove", "old", "--to", store)
    assert ran.code == 2
    assert "Give --yes" in ran.err
    assert (store / "apps/old").exists()
    for words in (["app", "remove"], ["app", "delete", "old"], ["app", "remove", "Bad Name"]):
        assert user.run(*words, "--to", store, "--yes").code == 2


@pytest.mark.parametrize(("answer", "gone"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_a_person_is_asked(user: User, store: Path, answer: str, gone: bool) -> None:
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, "app", "remove", "old", "--to", str(store)],
        env=user.environment, cwd=user.home, stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    os.close(slave)
    os.write(master, answer.encode())
    _, said = process.communicate(timeout=120)
    os.close(master)
    assert "Remove old for good?" in said
    assert (store / "apps/old").exists() is not gone
    assert process.returncode == (0 if gone else 1)


def test_with_several_targets_it_goes_everywhere_or_nowhere(user: User, store: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    user.does("push", tmp_path / "site", "--app", "old", "--to", other)
    user.does("hold", "--app", "old", "-m", "audit", "--to", other)
    ran = user.run("app", "remove", "old", "--to", store, "--to", other, "--yes")
    assert ran.code == 4
    assert "old is on hold: audit" in ran.err
    assert (store / "apps/old").exists()
    user.does("unhold", "--app", "old", "--to", other)
    user.does("app", "remove", "old", "--to", store, "--to", other, "--yes")
    assert not (store / "apps/old").exists()
    assert not (other / "apps/old").exists()


def test_without_room_for_the_copy_of_the_log_nothing_goes(
    user: User, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "closed").write_text("no directory")
    process = subprocess.run(
        [*PROGRAM, "app", "remove", "old", "--to", str(store), "--yes"],
        env={**user.environment, "RELSTORE_STATE_DIR": str(tmp_path / "closed")},
        cwd=user.home, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert process.returncode == 1
    assert "the copy of the log cannot be written" in process.stderr
    assert (store / "apps/old").exists()
