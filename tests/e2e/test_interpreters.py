"""The whole helper under every interpreter that is here, old ones above all; one of 3.9 is required in CI."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.user import User, make_site

CANDIDATES = (
    "/usr/bin/python3",
    "/usr/bin/pypy3",
    *sorted(map(str, Path("~/.pyenv/versions").expanduser().glob("3.*/bin/python3"))),
)


def version_of(python: str) -> tuple[int, int]:
    words = [python, "-I", "-S", "-c", "import sys; print(*sys.version_info[:2])"]
    major, minor = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    return int(major), int(minor)


FOUND = {path: version_of(path) for path in CANDIDATES if os.access(path, os.X_OK)}


def test_one_of_them_is_as_old_as_a_host_may_be() -> None:
    if (3, 9) not in FOUND.values():
        if os.environ.get("RELSTORE_REQUIRE_SSHD") == "1":
            pytest.fail("no interpreter of version 3.9 (Debian: pypy3)")
        pytest.skip("no interpreter of version 3.9 here (Debian: pypy3)")


@pytest.mark.parametrize("python", [path for path, version in FOUND.items() if version >= (3, 9)])
def test_the_main_job(python: str, user: User, tmp_path: Path) -> None:
    store = tmp_path / "store"
    to = ("--to", store, "--python", python)
    site = tmp_path / "site"
    for version in ("one", "two", "three"):
        user.does("push", make_site(site, version), *to)
    user.does("switch-generation", "-1", *to)
    assert (store / "apps/site/current/index.html").read_text() == "two"
    make_site(site, "four")
    assert (
        user.run("push", site, *to, "--restart", "exit 1").code == 7
    )  # the previous one does not start either
    user.does("gc", "--keep", "1", *to)
    assert user.does("verify", *to, "--json").document["hosts"][0]["findings"] == []
    user.does("status", *to)


@pytest.mark.parametrize("python", [path for path, version in FOUND.items() if version < (3, 9)])
def test_one_that_is_too_old_is_told_of(python: str, user: User, site: Path, tmp_path: Path) -> None:
    ran = user.run("push", site, "--to", tmp_path / "store", "--python", python)
    assert ran.code == 6
    assert "older than 3.9" in ran.err
    assert not (tmp_path / "store").exists()


def test_one_that_is_not_there(user: User, site: Path, tmp_path: Path) -> None:
    assert shutil.which("/nonexistent/python3") is None
    ran = user.run("push", site, "--to", tmp_path / "store", "--python", "/nonexistent/python3")
    assert ran.code == 6
    assert "no python3" in ran.err
