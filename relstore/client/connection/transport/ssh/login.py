"""The client's side of one login: asyncssh asks it whether to trust the host's key, and for keys to offer.

It does not decide about trust itself: ``known_hosts`` compares, ssh_config says what is accepted. It keeps
what it saw for the message if the login fails.
"""

from __future__ import annotations

from collections.abc import Callable

import asyncssh

from relstore.client.connection.transport.login_errors import Stage
from relstore.client.connection.transport.ssh.config import HostSettings
from relstore.client.connection.transport.ssh.host_key import HostKey, HostNames
from relstore.client.connection.transport.ssh.identities import Identities
from relstore.client.connection.transport.ssh.known_hosts import KeyVerdict, KnownHosts, Standing


class Client(asyncssh.SSHClient):
    """Calls ``on_login`` when the host's key is accepted and the login begins."""

    def __init__(
        self,
        settings: HostSettings,
        known_hosts: KnownHosts,
        identities: Identities,
        on_login: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._known_hosts = known_hosts
        self._on_login = on_login
        self.identities = identities
        self.stage = Stage.REACHING
        self.verdict: KeyVerdict | None = None
        self.unknown_authority: HostKey | None = None
        self.methods: list[str] = []
        self.lost: Exception | None = None

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self.stage = Stage.GREETING

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = exc

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        names = HostNames.of(host, port, self._settings.host_key_alias)
        self.verdict = self._known_hosts.judge(names, _host_key(key))
        if self.verdict.standing is Standing.NEW:
            return self._settings.accept_new_key
        return self.verdict.standing is Standing.TRUSTED

    def validate_host_ca_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        names = HostNames.of(host, port, self._settings.host_key_alias)
        authority = _host_key(key)
        known = any(entry.key == authority for entry in self._known_hosts.authorities(names))
        self.unknown_authority = None if known else authority
        return known

    def begin_auth(self, username: str) -> None:
        self.stage = Stage.LOGGING_IN
        self._on_login()

    async def public_key_auth_requested(self) -> asyncssh.SSHKeyPair | None:
        self._offered("publickey")
        return await self.identities.next()

    def password_auth_requested(self) -> None:
        self._offered("password")

    def kbdint_auth_requested(self) -> None:
        self._offered("keyboard-interactive")

    def _offered(self, method: str) -> None:
        if method not in self.methods:
            self.methods.append(method)


def _host_key(key: asyncssh.SSHKey) -> HostKey:
    return HostKey(key.get_algorithm(), key.public_data)
