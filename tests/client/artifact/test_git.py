"""What a record says of the commit, from real repositories."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from relstore.client.artifact import git as artifact_git
from relstore.client.artifact.git import TIMEOUT, GitInfo
from relstore.client.artifact.git_program import LOCAL_VARIABLES

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """An environment in which neither this account's settings nor a repository around us count."""
    return {
        "PATH": str(Path(shutil.which("git") or "").parent) + ":/usr/bin:/bin",
        "HOME": str(tmp_path),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CEILING_DIRECTORIES": str(tmp_path),
        "GIT_AUTHOR_NAME": "Ada",
        "GIT_AUTHOR_EMAIL": "ada@example.com",
        "GIT_COMMITTER_NAME": "Ada",
        "GIT_COMMITTER_EMAIL": "ada@example.com",
    }


def describe(directory: Path, env: Mapping[str, str], timeout: float = TIMEOUT) -> GitInfo | None:
    """What is known of a directory about which git has nothing to complain."""
    notices: list[str] = []
    info = artifact_git.describe(directory, env, notices.append, timeout)
    assert notices == []
    return info


def git(directory: Path, env: Mapping[str, str], *arguments: str) -> str:
    return subprocess.run(
        ("git", *arguments), cwd=directory, env=env, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, env: dict[str, str]) -> Path:
    """One commit: ``tracked`` and a ``.gitignore`` for ``*.o``."""
    path = tmp_path / "repository"
    path.mkdir()
    git(path, env, "init", "--quiet")
    (path / "tracked").write_text("1")
    (path / ".gitignore").write_text("*.o\n")
    git(path, env, "add", "--all")
    git(path, env, "commit", "--quiet", "--message", "first")
    return path


def test_a_clean_commit(repository: Path, env: dict[str, str]) -> None:
    head = git(repository, env, "rev-parse", "HEAD")
    assert describe(repository, env) == GitInfo(head, dirty=False)


def test_below_the_top_of_the_repository(repository: Path, env: dict[str, str]) -> None:
    (repository / "below").mkdir()
    (repository / "untracked").touch()
    info = describe(repository / "below", env)
    assert info is not None
    assert info.dirty


def test_an_ignored_file_is_not_dirt(repository: Path, env: dict[str, str]) -> None:
    (repository / "x.o").touch()
    info = describe(repository, env)
    assert info is not None
    assert not info.dirty


@pytest.mark.parametrize("hide", [False, True])
def test_an_untracked_file_is_dirt_whatever_is_shown(
    repository: Path, env: dict[str, str], hide: bool
) -> None:
    if hide:
        git(repository, env, "config", "status.showUntrackedFiles", "no")
    (repository / "new").touch()
    info = describe(repository, env)
    assert info is not None
    assert info.dirty


@pytest.mark.parametrize("change", ["edited", "staged", "removed"])
def test_a_changed_file_is_dirt(repository: Path, env: dict[str, str], change: str) -> None:
    if change == "removed":
        (repository / "tracked").unlink()
    else:
        (repository / "tracked").write_text("12")
    if change == "staged":
        git(repository, env, "add", "--all")
    info = describe(repository, env)
    assert info is not None
    assert info.dirty


def test_settings_that_print_more_do_not_confuse(repository: Path, env: dict[str, str]) -> None:
    for key in ("status.branch", "status.showStash", "status.short", "status.relativePaths"):
        git(repository, env, "config", key, "true")
    git(repository, env, "config", "color.ui", "always")
    (repository / "tracked").write_text("12")
    git(repository, env, "stash")
    info = describe(repository, env)
    assert info is not None
    assert not info.dirty


def test_a_repository_with_sha256(tmp_path: Path, env: dict[str, str]) -> None:
    git(tmp_path, env, "init", "--quiet", "--object-format=sha256", "new")
    git(tmp_path / "new", env, "commit", "--quiet", "--allow-empty", "--message", "first")
    info = describe(tmp_path / "new", env)
    assert info is not None
    assert re.fullmatch("[0-9a-f]{64}", info.commit)


def test_before_the_first_commit(tmp_path: Path, env: dict[str, str]) -> None:
    git(tmp_path, env, "init", "--quiet", "new")
    assert describe(tmp_path / "new", env) is None


def test_a_bare_repository_has_no_work_to_compare(tmp_path: Path, env: dict[str, str]) -> None:
    git(tmp_path, env, "init", "--quiet", "--bare", "bare")
    assert describe(tmp_path / "bare", env) is None


def test_no_repository(tmp_path: Path, env: dict[str, str]) -> None:
    assert describe(tmp_path, env) is None


def test_no_directory(tmp_path: Path, env: dict[str, str]) -> None:
    assert describe(tmp_path / "missing", env) is None


def test_no_git(repository: Path, env: dict[str, str]) -> None:
    assert describe(repository, {**env, "PATH": str(repository)}) is None


def test_a_git_that_hangs(repository: Path, env: dict[str, str], tmp_path: Path) -> None:
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nsleep 600 &\nwait\n")
    program.chmod(0o755)
    slow = {**env, "PATH": f"{program.parent}:{env['PATH']}"}
    notices: list[str] = []
    began = time.monotonic()
    assert artifact_git.describe(repository, slow, notices.append, timeout=0.1) is None
    assert time.monotonic() - began < 30, "it waited for what git had started"
    assert len(notices) == 1
    assert "did not answer" in notices[0]


def test_a_hook_of_another_repository_does_not_lead_astray(
    repository: Path, env: dict[str, str], tmp_path: Path
) -> None:
    git(tmp_path, env, "init", "--quiet", "other")
    git(tmp_path / "other", env, "commit", "--quiet", "--allow-empty", "--message", "other")
    inside = {
        **env,
        "GIT_DIR": str(tmp_path / "other" / ".git"),
        "GIT_WORK_TREE": str(tmp_path / "other"),
        "GIT_INDEX_FILE": str(tmp_path / "other" / ".git" / "index"),
        "GIT_PREFIX": "",
    }
    head = git(repository, env, "rev-parse", "HEAD")
    assert describe(repository, inside) == GitInfo(head, dirty=False)


def test_all_variables_that_git_calls_local_are_dropped(repository: Path, env: dict[str, str]) -> None:
    assert set(git(repository, env, "rev-parse", "--local-env-vars").split()) <= LOCAL_VARIABLES


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another account")
def test_a_repository_that_git_does_not_trust_is_named(repository: Path, env: dict[str, str]) -> None:
    os.chown(repository, 54321, 54321)
    notices: list[str] = []
    assert artifact_git.describe(repository, {**env, "LANG": "de_DE.UTF-8"}, notices.append) is None
    assert [line for line in notices if "safe.directory" in line and str(repository) in line]


def test_missing_objects_are_not_fetched(repository: Path, env: dict[str, str], tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\nexit 1\n")
    trap.chmod(0o755)
    for key, value in {
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.url": "ssh://host.invalid/repository",
        "remote.origin.promisor": "true",
        "core.sshCommand": str(trap),
        "protocol.ssh.allow": "always",
    }.items():
        git(repository, env, "config", key, value)
    tree = git(repository, env, "rev-parse", "HEAD^{tree}")
    (repository / ".git" / "objects" / tree[:2] / tree[2:]).unlink()
    (repository / ".git" / "index").unlink()
    sprung = tmp_path / "sprung"

    subprocess.run(("git", "status"), cwd=repository, env=env, capture_output=True, check=False)
    assert sprung.exists(), "the trap does not work, so this test would show nothing"
    sprung.unlink()

    describe(repository, env)
    assert not sprung.exists()


def test_the_repository_cannot_run_a_program(repository: Path, env: dict[str, str]) -> None:
    trap = repository / ".git" / "trap"
    trap.write_text("#!/bin/sh\ntouch .git/sprung\n")
    trap.chmod(0o755)
    git(repository, env, "config", "core.fsmonitor", str(trap))
    hooks = repository / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    shutil.copy(trap, hooks / "post-index-change")
    (repository / "tracked").touch()
    sprung = repository / ".git" / "sprung"

    git(repository, env, "status")
    assert sprung.exists(), "the trap does not work, so this test would show nothing"
    sprung.unlink()

    assert describe(repository, env) is not None
    assert not sprung.exists()


def test_the_index_is_not_rewritten(repository: Path, env: dict[str, str]) -> None:
    (repository / "tracked").touch()
    index = repository / ".git" / "index"
    before = index.stat().st_mtime_ns, index.read_bytes()
    describe(repository, env)
    assert (index.stat().st_mtime_ns, index.read_bytes()) == before
