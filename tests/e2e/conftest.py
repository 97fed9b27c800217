"""Fixtures of the end-to-end tests: relstore as a user runs it, against real servers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hosts.sshd import Sshd, public_directory
from tests.support.user import User, make_site


@pytest.fixture
def user(tmp_path: Path) -> User:
    """Somebody with an empty home directory and no ssh configuration."""
    return User.create(tmp_path / "home")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A small artifact with one of everything that a build can hold."""
    return make_site(tmp_path / "site", "one")


@pytest.fixture(scope="session", params=["itself", "ordinary"])
def server(request: pytest.FixtureRequest, need_sshd: None, sshd_account: str | None) -> Iterator[Sshd]:
    """A real sshd, logged in to as the account that runs the tests, and as an ordinary one."""
    account = None
    if request.param == "ordinary":
        account = sshd_account
        if account is None or os.geteuid() != 0:
            if os.environ.get("RELSTORE_REQUIRE_SSHD") == "1":
                pytest.fail("RELSTORE_TEST_ACCOUNT names no account to log in to")
            pytest.skip("logging in as another account needs root and RELSTORE_TEST_ACCOUNT")
    with public_directory() as directory:
        running = Sshd.start(directory, user=account)
        try:
            yield running
        finally:
            running.stop()


@pytest.fixture
def store_path(server: Sshd) -> Iterator[Path]:
    """A place for a store that the login account may make, seen from here too."""
    with public_directory() as directory:
        directory.chmod(0o777)
        yield directory / "store"
