"""Commits are named by what they are about, where the checkout around the person has them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.support.user import User

LOG = (("old", "Add a page"), ("new", "Faster search\x07"), ("newer", "Fix the search"))


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> User:
    return User.create(tmp_path_factory.mktemp("commits") / "home")


@pytest.fixture(scope="module")
def checkout(user: User) -> Path:
    """A checkout from whose three commits was pushed, to ``store`` beside it."""
    work = user.home.parent / "work"
    (work / "site").mkdir(parents=True)
    _git(work, user.environment, "init", "-q")
    (work / "relstore.toml").write_text(
        f'to = "{user.home.parent / "store"}"\napp = "web"\nartifact = "site"\n'
    )
    for text, subject in LOG:
        (work / "site" / "page").write_text(text)
        _git(work, user.environment, "add", ".")
        _git(work, user.environment, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", subject)
        user.does("push", cwd=work)
    return work


def _git(directory: Path, environment: Mapping[str, str], *words: str) -> str:
    ran = subprocess.run(
        ["git", *words], cwd=directory, check=True, env=environment, capture_output=True, text=True
    )
    return ran.stdout.strip()


def _subjects(out: str) -> Sequence[str]:
    return [line for line in out.splitlines() if line.startswith("  subject ")]


def test_show_and_status_name_the_subject(user: User, checkout: Path) -> None:
    assert _subjects(user.does("status", cwd=checkout).out) == ["  subject      Fix the search"]
    assert _subjects(user.does("show", cwd=checkout).out) == ["  subject   Fix the search"]
    assert _subjects(user.does("show", "-1", cwd=checkout).out) == ["  subject   Faster search\\x07"]
    for words in ("status", "show"):
        (host,) = user.does(words, "--json", cwd=checkout).document["hosts"]
        assert host["commit_subject"] == "Fix the search"


def test_elsewhere_there_is_no_subject(user: User, checkout: Path, tmp_path: Path) -> None:
    where = ["--to", str(checkout.parent / "store")]
    assert _subjects(user.does("status", *where, cwd=tmp_path).out) == []
    (host,) = user.does("show", "--json", *where, cwd=tmp_path).document["hosts"]
    assert host["commit_subject"] is None
    (host,) = user.does("diff", "1", "--json", *where, cwd=tmp_path).document["hosts"]
    assert (host["commits"], host["commits_are_cut"]) == (None, False)


def test_a_checkout_without_the_artifact_knows_them_too(user: User, checkout: Path) -> None:
    other = checkout / "other.toml"
    other.write_text((checkout / "relstore.toml").read_text().replace('"site"', '"not-built"'))
    shown = user.does("show", "--config", other, cwd=checkout.parent).out
    assert _subjects(shown) == ["  subject   Fix the search"]


def test_diff_ends_with_the_commits_between(user: User, checkout: Path) -> None:
    head, middle, _ = _git(checkout, user.environment, "log", "--format=%h", "--abbrev=9").split()
    changed = "change   before  after  path\nchanged  {}     {}    page\n\n"
    assert user.does("diff", "1", cwd=checkout).out == changed.format("3 B", "5 B") + (
        f"change  commit     subject\nadded   {head}  Fix the search\nadded   {middle}  Faster search\\x07\n"
    )
    assert user.does("diff", "-1", cwd=checkout).out.endswith(f"subject\nadded   {head}  Fix the search\n")
    back = user.does("diff", "3", "2", cwd=checkout).out
    assert back == changed.format("5 B", "3 B") + (
        f"change   commit     subject\nremoved  {head}  Fix the search\n"
    )
    (host,) = user.does("diff", "-1", "--json", cwd=checkout).document["hosts"]
    (commit,) = host["commits"]
    assert (commit["subject"], commit["change"]) == ("Fix the search", "added")
    assert commit["commit"].startswith(head)


def test_the_files_of_the_current_generation_come_on_demand(user: User, checkout: Path) -> None:
    assert " page\n" not in user.does("show", cwd=checkout).out
    assert user.does("show", "--files", cwd=checkout).out.endswith(" page\n")
    (host,) = user.does("show", "--json", cwd=checkout).document["hosts"]
    assert [entry["path"] for entry in host["entries"]] == ["page"]


def test_nothing_is_current(user: User, tmp_path: Path) -> None:
    (tmp_path / "page").write_text("x")
    where = ["--to", str(tmp_path / "none"), "--app", "web"]
    user.does("push", tmp_path / "page", "--no-switch", *where)
    for words in (["show"], ["diff", "1"]):
        ran = user.run(*words, *where)
        assert (ran.code, "no generation of web is current" in ran.err) == (1, True)
    assert not os.path.lexists(tmp_path / "none" / "apps" / "web" / "current")
