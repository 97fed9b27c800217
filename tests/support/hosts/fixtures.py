"""Fixtures for the hosts that tests deploy to."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.support.hosts.sshd import SSHD, Sshd, public_directory

NO_SSHD = "no sshd here (Debian: openssh-server)"


@pytest.fixture(scope="session")
def sshd_account() -> str | None:
    """The account that tests log in to; None for the one that runs them."""
    return os.environ.get("RELSTORE_TEST_ACCOUNT")


@pytest.fixture(scope="session")
def need_sshd() -> None:
    """Skip where there is no OpenSSH server; fail instead where RELSTORE_REQUIRE_SSHD says so."""
    if not os.access(SSHD, os.X_OK):
        if os.environ.get("RELSTORE_REQUIRE_SSHD") == "1":
            pytest.fail(NO_SSHD)
        pytest.skip(NO_SSHD)


@pytest.fixture(scope="session")
def sshd(need_sshd: None, sshd_account: str | None) -> Iterator[Sshd]:
    """One server for all tests that change nothing about it."""
    with public_directory() as directory:
        server = Sshd.start(directory, user=sshd_account)
        try:
            yield server
        finally:
            server.stop()
