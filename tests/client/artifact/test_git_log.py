"""What is known of commits, from real repositories."""

from __future__ import annotations

import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from relstore.client.artifact.git_log import Checkout, CommitBetween, CommitsBetween

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

UNKNOWN = "0123456789" * 4


class Repository:
    """A repository, and its checkout."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.checkout = Checkout(
            directory,
            {
                "PATH": str(Path(shutil.which("git") or "").parent) + ":/usr/bin:/bin",
                "HOME": str(directory),
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_CEILING_DIRECTORIES": str(directory.parent),
                "GIT_AUTHOR_NAME": "Ada",
                "GIT_AUTHOR_EMAIL": "ada@example.com",
                "GIT_COMMITTER_NAME": "Ada",
                "GIT_COMMITTER_EMAIL": "ada@example.com",
            },
            timeout=60,
        )
        self.git("init", "--quiet", *options)

    def git(self, *arguments: str) -> str:
        return subprocess.run(
            ("git", *arguments),
            cwd=self.checkout.directory,
            env=dict(self.checkout.env),
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    def commit(self, message: str) -> str:
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def test_subjects_of_what_is_here(repository: Repository) -> None:
    one = repository.commit("Faster search\n\nMuch faster.")
    two = repository.commit("Übersee: über\x1b[31m")
    found = repository.checkout.subjects([two, UNKNOWN, one, None, "", "HEAD", "--all", "0" * 64, one + "\n"])
    assert found == {one: "Faster search", two: "Übersee: über\x1b[31m"}


def test_what_is_no_commit_has_no_subject(repository: Repository) -> None:
    (repository.checkout.directory / "file").write_text("x")
    repository.git("add", "file")
    one = repository.commit("one")
    repository.git("tag", "--annotate", "--message", "a tag", "v1")
    others = [repository.git("rev-parse", name) for name in ("HEAD:file", "HEAD^{tree}", "v1")]
    assert repository.checkout.subjects([*others, one]) == {one: "one"}


def test_a_repository_of_long_names(tmp_path: Path) -> None:
    repository = Repository(tmp_path, "--object-format=sha256")
    one = repository.commit("one")
    assert repository.checkout.subjects([one, UNKNOWN]) == {one: "one"}


def test_the_settings_of_a_person_add_nothing(repository: Repository) -> None:
    for name, value in (
        ("log.showSignature", "true"),
        ("color.ui", "always"),
        ("format.pretty", "full"),
        ("log.date", "relative"),
        ("log.decorate", "full"),
        ("i18n.logOutputEncoding", "latin1"),
    ):
        repository.git("config", name, value)
    one, two = repository.commit("one"), repository.commit("zwei ü")
    assert repository.checkout.subjects([two]) == {two: "zwei ü"}
    between = repository.checkout.between(one, two, 10)
    assert between == CommitsBetween((CommitBetween(two, "zwei ü", True),), is_cut=False)


def test_the_commits_between_two(repository: Repository) -> None:
    base = repository.commit("base")
    ours = [repository.commit(f"ours {number}") for number in range(3)]
    repository.git("checkout", "--quiet", base)
    theirs = repository.commit("theirs")
    between = repository.checkout.between
    assert between(base, ours[-1], 2) == CommitsBetween(
        (CommitBetween(ours[2], "ours 2", True), CommitBetween(ours[1], "ours 1", True)), is_cut=True
    )
    back = between(ours[0], base, 2)
    assert back == CommitsBetween((CommitBetween(ours[0], "ours 0", False),), is_cut=False)
    aside = between(ours[0], theirs, 9)
    assert aside is not None
    assert {(each.subject, each.is_added) for each in aside.commits} == {("theirs", True), ("ours 0", False)}
    assert between(base, base, 2) == CommitsBetween((), is_cut=False)


@pytest.mark.parametrize("unknown", [UNKNOWN, None, "", "HEAD", "--output=x", "0" * 64])
def test_nothing_is_said_of_what_is_not_here(repository: Repository, unknown: str | None) -> None:
    one = repository.commit("one")
    assert repository.checkout.between(one, unknown, 5) is None
    assert repository.checkout.between(unknown, one, 5) is None
    assert repository.checkout.between(unknown, unknown, 5) is None
    assert [path.name for path in repository.checkout.directory.iterdir()] == [".git"]


@pytest.mark.parametrize("directory", ["", "missing"])
def test_no_repository(tmp_path: Path, directory: str) -> None:
    checkout = Checkout(
        tmp_path / directory, {"PATH": "/usr/bin:/bin", "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)}
    )
    assert checkout.subjects([UNKNOWN]) == {}
    assert checkout.between(UNKNOWN, UNKNOWN, 5) is None


def test_no_git(repository: Repository) -> None:
    one = repository.commit("one")
    without = replace(repository.checkout, env={"PATH": "/nowhere"})
    assert without.subjects([one]) == {}
    assert without.between(one, one, 5) is None


def test_a_git_that_hangs(repository: Repository, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nsleep 600 &\nwait\n")
    program.chmod(0o755)
    slow = replace(repository.checkout, env={"PATH": f"{program.parent}:/usr/bin:/bin"}, timeout=0.1)
    began = time.monotonic()
    assert slow.subjects([UNKNOWN]) == {}
    assert time.monotonic() - began < 30, "it waited for what git had started"
