"""A build out of a store, over real connections, and back into one."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.host_state import as_owner
from tests.support.hosts.sshd import Sshd
from tests.support.user import PROGRAM, TIMEOUT_S, User, make_site, target_of

pytestmark = pytest.mark.sshd


def build(user: User, *to: object) -> str:
    found: str = user.does("show", "-1", *to, "--json").document["hosts"][0]["generation"]["build"]
    return found


@pytest.fixture
def to(server: Sshd, store_path: Path, user: User, tmp_path: Path) -> tuple[str, str]:
    """A store with two generations of ``site``."""
    user.may_log_in_to(server)
    to = ("--to", target_of(server, store_path))
    for version in ("one", "two"):
        user.does("push", make_site(tmp_path / "site", version), *to)
    return to


def test_out_and_in_again(user: User, to: tuple[str, str], tmp_path: Path) -> None:
    ran = user.does("export", "-1", tmp_path / "out", *to, "--json")
    host = ran.document["hosts"][0]
    assert (host["app"], host["generation"]["number"], ran.document["path"]) == ("site", 1, f"{tmp_path}/out")
    make_site(tmp_path / "site", "one")
    assert subprocess.run(["diff", "-r", tmp_path / "site", tmp_path / "out"], check=False).returncode == 0
    tar = subprocess.run(
        [*PROGRAM, "export", "-1", "-", *to],
        env=user.environment, cwd=user.home, capture_output=True, timeout=TIMEOUT_S, check=True,
    ).stdout  # fmt: skip
    again = subprocess.run(
        [*PROGRAM, "push", "-", "--app", "site", "--to", str(tmp_path / "other")],
        env=user.environment, cwd=user.home, input=tar, capture_output=True, timeout=TIMEOUT_S, check=True,
    )  # fmt: skip
    assert b"generation 1 is active" in again.stdout
    user.does("push", make_site(tmp_path / "site", "two"), "--to", tmp_path / "other")
    assert build(user, "--to", tmp_path / "other") == host["generation"]["build"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "other", "out", "site"]


def test_what_is_there_is_never_overwritten(user: User, to: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("file", "empty", "link"):
        ran = user.run("export", "2", tmp_path / name, *to)
        assert (ran.code, "is there already" in ran.err) == (2, True)
    assert user.run("export", "2", tmp_path / "no/where", *to).code == 2
    assert (tmp_path / "file").read_text() == "mine"
    assert "several targets" in user.run("export", "2", tmp_path / "x", *to, "--to", tmp_path / "y").err
    assert "both write" in user.run("export", "2", "-", *to, "--json").out
    assert "no generation 9" in user.run("export", "9", tmp_path / "x", *to).err
    assert not (tmp_path / "x").exists()


def test_a_damaged_file_leaves_nothing(
    user: User, to: tuple[str, str], store_path: Path, tmp_path: Path
) -> None:
    victim = (store_path / "apps/site/current/index.html").resolve()
    with as_owner(store_path):
        victim.chmod(0o600)
        victim.write_text("bad")
        victim.chmod(0o444)
    before = sorted(os.listdir(tmp_path))
    ran = user.run("export", "2", tmp_path / "out", *to)
    assert ran.code == 1
    assert "'index.html' is not what the build should have" in ran.err
    assert sorted(os.listdir(tmp_path)) == before
