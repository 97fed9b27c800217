"""The keys to log in with, one after another, in the order in which OpenSSH offers them.

First the agent's copies of the configured files, then the rest of the agent, then the files that the agent
does not hold. (asyncssh offers the whole agent first, so that with six keys in it a host hangs up before the
configured one.) Remembers for the message which keys were offered and which could not be. Not for host keys
(``known_hosts``).
"""

from __future__ import annotations

import os.path
from collections import deque
from typing import NamedTuple

import asyncssh

from relstore.client.connection.transport.ssh.config import HostSettings
from relstore.client.connection.transport.ssh.host_key import HostKey
from relstore.client.connection.transport.ssh.key_files import KeyFiles

AGENT = "agent"


class QueuedKey(NamedTuple):
    """A key to offer. ``origin``: ``AGENT``, or a file, read only when its turn comes (``key`` None)."""

    origin: str
    key: asyncssh.SSHKeyPair | None = None


class Identities:
    """Gives one key after another until the host accepts one. ``close`` it after the login."""

    def __init__(self, settings: HostSettings, files: KeyFiles) -> None:
        self._settings = settings
        self._files = files
        self._agent: asyncssh.SSHAgentClient | None = None
        self._queue: deque[QueuedKey] | None = None
        self._seen: set[bytes] = set()
        self.offered: list[str] = []
        self.locked: list[str] = []
        self.unusable: list[str] = []

    async def next(self) -> asyncssh.SSHKeyPair | None:
        """The next key to offer, or None after the last."""
        if self._queue is None:
            self._queue = deque(await self._collect())
        while self._queue:
            origin, key = self._queue.popleft()
            if key is None:
                self._queue.extendleft(QueuedKey(origin, each) for each in reversed(self._load(origin)))
            elif key.public_data not in self._seen:
                self._seen.add(key.public_data)
                self.offered.append(_describe(key, origin))
                return key
        return None

    async def close(self) -> None:
        """Disconnect from the agent."""
        if self._agent is not None:
            self._agent.close()
            await self._agent.wait_closed()
            self._agent = None

    async def _collect(self) -> list[QueuedKey]:
        files = [path for path in self._settings.identity_files if _exists(path)]
        held = await self._agent_keys()
        wanted = {path: blob for path in files if (blob := self._files.public_blob(path)) is not None}
        first = [key for blob in wanted.values() for key in held if key.key_public_data == blob]
        rest = [] if self._settings.identities_only else held
        in_agent = {key.key_public_data for key in first}
        return [
            *(QueuedKey(AGENT, key) for key in (*first, *rest)),
            *(QueuedKey(path) for path in files if wanted.get(path) not in in_agent),
        ]

    async def _agent_keys(self) -> list[asyncssh.SSHKeyPair]:
        """The agent's keys; first those for which there is a certificate, with it."""
        if not self._settings.agent_path:
            return []
        try:
            self._agent = await asyncssh.connect_agent(self._settings.agent_path)
            plain = list(await self._agent.get_keys())
            certificates = self._certificates()
            if not certificates:
                return plain
            # Loading puts a certificate into the key itself, so this needs a second set of keys.
            fresh = await self._agent.get_keys()
            certified = asyncssh.load_keypairs(fresh, certlist=certificates)
        except (OSError, ValueError) as exc:
            self.unusable.append(f"the agent at {self._settings.agent_path}: {exc}")
            return []
        held = {key.public_data for key in plain}
        return [*(key for key in certified if key.public_data not in held), *plain]

    def _certificates(self) -> list[asyncssh.SSHCertificate]:
        paths = list(self._settings.certificate_files)
        paths += [f"{path}-cert.pub" for path in self._settings.identity_files]
        certificates: list[asyncssh.SSHCertificate] = []
        for path in filter(_exists, paths):
            try:
                certificates += asyncssh.load_certificates(path)
            except (OSError, ValueError) as exc:
                self.unusable.append(f"{path}: {exc}")
        return certificates

    def _load(self, path: str) -> list[asyncssh.SSHKeyPair]:
        """The key in a file, with its certificates; none, and a note, when it cannot be used."""
        file = self._files.private(path, self._certificates())
        if file.is_locked:
            self.locked.append(path)
        elif file.problem:
            self.unusable.append(file.problem)
        return list(file.keys)


def _exists(path: str) -> bool:
    # An agent's key may be configured by its public half alone.
    return os.path.exists(path) or os.path.exists(f"{path}.pub")


def _describe(pair: asyncssh.SSHKeyPair, origin: str) -> str:
    key = HostKey(pair.key_algorithm.decode("ascii", "replace"), pair.key_public_data)
    return f"{key} ({origin}{', with its certificate' if pair.has_cert else ''})"
