"""A host that was set back to an old backup, or whose history was written anew, is noticed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.host_side import remove_store
from tests.support.hosts.sshd import Sshd
from tests.support.user import User, make_site, target_of


def push(user: User, site: Path, version: str, *to: object) -> str:
    """What was said on standard error."""
    return user.does("push", make_site(site, version), "--app", "site", *to).err


@pytest.mark.sshd
def test_a_backup_that_was_restored(server: Sshd, store_path: Path, user: User, tmp_path: Path) -> None:
    user.may_log_in_to(server)
    to = ("--to", target_of(server, store_path))
    site, backup = tmp_path / "site", tmp_path / "backup"
    assert "history" not in push(user, site, "1", *to)
    shutil.copytree(store_path, backup, symlinks=True)
    assert "history" not in push(user, site, "2", *to)
    remove_store(store_path)
    shutil.copytree(backup, store_path, symlinks=True)
    shutil.chown(store_path, server.user)
    for path in store_path.rglob("*"):
        if not path.is_symlink():
            shutil.chown(path, server.user)
    said = user.does("list-generations", "--app", "site", *to).err
    assert "the history is shorter than it was: 2 generations on" in said
    assert "history" not in user.does("list-generations", "--app", "site", *to).err
    assert "history" not in push(user, site, "another 2", *to)


def test_a_history_that_was_written_anew(user: User, tmp_path: Path) -> None:
    store, site = tmp_path / "store", tmp_path / "site"
    to = ("--to", store)
    for version in ("1", "2"):
        push(user, site, version, *to)
    remove_store(store)
    somebody = User.create(tmp_path / "somebody")
    for version in ("1", "another 2", "3"):
        push(somebody, site, version, *to)
    said = push(user, site, "4", *to)
    assert "the record of generation 2 has changed" in said
    assert "history" not in user.does("status", "--app", "site", *to).err


def test_what_others_pushed_is_followed(user: User, tmp_path: Path) -> None:
    store, site = tmp_path / "store", tmp_path / "site"
    to = ("--to", store)
    push(user, site, "1", *to)
    somebody = User.create(tmp_path / "somebody")
    for version in ("2", "3"):
        assert "history" not in push(somebody, site, version, *to)
    assert "history" not in push(user, site, "4", *to)
    assert "history" not in user.does("switch-generation", "-1", "--app", "site", *to).err
