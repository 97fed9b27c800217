"""Many hosts at once: one login to a jump host, and another attempt where sshd has too many logins."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from relstore.client.connection.account import Account
from relstore.client.connection.transport.address import Address
from relstore.client.connection.transport.ssh.connect import connect
from relstore.client.connection.transport.ssh.known_hosts import KnownHosts
from relstore.errors import RelstoreError
from tests.support.hosts.sshd import Sshd, public_directory

pytestmark = pytest.mark.sshd

HOSTS = 30


@pytest.fixture
def strict(need_sshd: None, sshd_account: str | None) -> Iterator[Sshd]:
    """A server that turns away most logins beyond the third at a time, and all beyond the eighth."""
    with public_directory() as directory:
        server = Sshd.start(directory, user=sshd_account, startups="3:60:8")
        try:
            yield server
        finally:
            server.stop()


def account(home: Path, text: str) -> Account:
    (home / ".ssh").mkdir(exist_ok=True)
    config = home / ".ssh" / "config"
    config.write_text(text)
    return Account(str(home), "nobody", None, (str(config),), 30, None)


def logins(server: Sshd) -> int:
    return server.log().count("Accepted publickey")


def log_in_to_all(person: Account) -> list[RelstoreError | None]:
    """Be logged in to all hosts at the same time; the errors."""

    async def one(number: int, arrived: asyncio.Barrier) -> RelstoreError | None:
        try:
            transport = await connect(Address(f"host{number}"), person, lambda _: None)
        except RelstoreError as error:
            await arrived.wait()
            return error
        await arrived.wait()
        await transport.close()
        return None

    async def main() -> list[RelstoreError | None]:
        arrived = asyncio.Barrier(HOSTS)
        return await asyncio.gather(*(one(number, arrived) for number in range(HOSTS)))

    return asyncio.run(main())


def test_a_jump_host_is_logged_in_to_once(strict: Sshd, sshd: Sshd, tmp_path: Path) -> None:
    person = account(
        tmp_path,
        f"Host jump\n HostName {strict.host}\n Port {strict.port}\n User {strict.user}\n"
        f" IdentityFile {strict.client_key}\n UserKnownHostsFile {strict.known_hosts}\n"
        f"Host host*\n HostName {sshd.host}\n Port {sshd.port}\n User {sshd.user}\n ProxyJump jump\n"
        f" IdentityFile {sshd.client_key}\n UserKnownHostsFile {sshd.known_hosts}\n",
    )
    assert log_in_to_all(person) == [None] * HOSTS
    assert logins(strict) == 1
    assert log_in_to_all(person) == [None] * HOSTS
    assert logins(strict) == 2


def test_who_is_turned_away_tries_again(strict: Sshd, tmp_path: Path) -> None:
    person = account(
        tmp_path,
        f"Host host*\n HostName {strict.host}\n Port {strict.port}\n User {strict.user}\n"
        f" IdentityFile {strict.client_key}\n UserKnownHostsFile {strict.known_hosts}\n",
    )
    assert log_in_to_all(person) == [None] * HOSTS


def test_the_error_of_a_jump_host_is_that_of_all_hosts_behind_it(sshd: Sshd, tmp_path: Path) -> None:
    person = account(tmp_path, f"Host host*\n ProxyJump {sshd.user}@{sshd.host}:{sshd.port}\n")
    errors = log_in_to_all(person)
    assert {(error.host, type(error).__name__) for error in errors if error} == {
        (f"{sshd.user}@{sshd.host}:{sshd.port}", "HostKeyError")
    }
    assert all(errors)


def test_known_hosts_are_read_once_and_know_what_was_added(
    sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[object] = []
    real = KnownHosts.read

    def counted(paths: tuple[str, ...]) -> KnownHosts:
        read.append(paths)
        return real(paths)

    monkeypatch.setattr(KnownHosts, "read", counted)
    known = tmp_path / "known_hosts"
    person = account(
        tmp_path,
        f"Host host*\n HostName {sshd.host}\n Port {sshd.port}\n User {sshd.user}\n"
        f" HostKeyAlias one\n StrictHostKeyChecking accept-new\n"
        f" IdentityFile {sshd.client_key}\n UserKnownHostsFile {known}\n GlobalKnownHostsFile none\n",
    )
    assert log_in_to_all(person) == [None] * HOSTS
    lines = len(known.read_text().splitlines())
    assert log_in_to_all(person) == [None] * HOSTS
    assert len(read) == 1
    assert len(known.read_text().splitlines()) == lines
