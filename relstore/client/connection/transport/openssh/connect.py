"""The transport by the user's own ssh(1): one process for each command, with ssh_config to the letter.

Not for many hosts at once (``ssh``, with asyncssh), nor for explaining failures (``errors``).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial

from relstore.client.connection import capacity
from relstore.client.connection.account import Account
from relstore.client.connection.transport.address import Address, check_address, label_of
from relstore.client.connection.transport.openssh import errors
from relstore.client.connection.transport.openssh.channel import OpenSSHChannel
from relstore.client.connection.transport.openssh.errors import SSHAttempt
from relstore.client.connection.transport.openssh.log import SSHLog
from relstore.client.connection.transport.openssh.process import SSHProcess, plan_of
from relstore.client.connection.transport.patience import after, pauses
from relstore.client.ssh_program import OpenSSH
from relstore.errors import ConnectError


async def connect(
    target: Address,
    account: Account,
    how: OpenSSH,
    notice: Callable[[str], None],
    command: str,
    opening: bytes = b"",
) -> OpenSSHTransport:
    """Have ssh log in to ``target`` and run ``command``, without waiting for either: ``open`` does.

    ``opening``: what the command reads first. ``notice`` is called when a new host key was accepted.

    Raises ConnectError, TargetError.
    """
    check_address(target)
    transport = OpenSSHTransport(target, account, how, notice)
    try:
        await transport.begin(command, opening)
    except BaseException:
        await transport.close()
        raise
    return transport


class OpenSSHTransport:
    """A connection for each command. ``begin`` starts ssh for a command that will be opened."""

    is_local = False

    def __init__(
        self, target: Address, account: Account, how: OpenSSH, notice: Callable[[str], None]
    ) -> None:
        self.label = label_of(target)
        self._target = target
        self._account = account
        self._how = how
        self._notice = notice
        self._begun: dict[tuple[str, bytes], OpenSSHChannel] = {}
        self._channels: list[OpenSSHChannel] = []
        self._turn = AsyncExitStack()
        """Held from the start of ssh until it is logged in."""

    def link(self) -> None:
        """Nothing is known: the socket is ssh's."""

    async def begin(self, command: str, opening: bytes) -> None:
        """Raises ConnectError when ssh cannot be started."""
        await self._turn.enter_async_context(self._account.shared.running.process_logins)
        self._begun[command, opening] = await self._start(command, opening)

    async def open(self, command: str, opening: bytes = b"") -> OpenSSHChannel:
        """Run ``command``, when the login is done. Raises ConnectError, HostKeyError."""
        if (command, opening) not in self._begun:
            await self._turn.enter_async_context(self._account.shared.running.process_logins)
        try:
            return await self._logged_in(command, opening)
        finally:
            await self._turn.aclose()

    async def _logged_in(self, command: str, opening: bytes) -> OpenSSHChannel:
        began = time.monotonic()
        for number, pause in enumerate((*pauses(), None), start=1):
            channel = self._begun.pop((command, opening), None) or await self._start(command, opening)
            try:
                await channel.logged_in(self._account.connect_timeout, prompts=self._how.prompts)
            except ConnectError as error:
                await channel.close()
                waited = time.monotonic() - began
                attempt = channel.attempt()
                if pause is None or not attempt.was_turned_away or waited > self._account.connect_timeout:
                    raise after(number, error).on(self.label) from None
            else:
                if (said := errors.accepted(self._target, channel.log)) is not None:
                    self._notice(said)
                return channel
            await asyncio.sleep(pause)
        raise RuntimeError("the last attempt has neither a connection nor an error")

    async def close(self) -> None:
        """End what is still running. May be called twice."""
        channels, self._channels = self._channels, []
        await asyncio.gather(*(channel.close() for channel in channels))
        await self._turn.aclose()

    async def _start(self, command: str, opening: bytes) -> OpenSSHChannel:
        account, target = self._account, self._target
        try:
            ssh: SSHProcess | None = account.head_start.take((target, command, opening))
            if ssh is None:
                paths = account.ssh_config_paths
                ssh = SSHProcess.start(plan_of(self._how, target, command, opening, paths, account.home))
        except OSError as exc:
            raise capacity.explain(exc) or ConnectError(
                f"ssh cannot be started: {exc.strerror or exc}",
                state="Nothing was contacted.",
                hint="Install OpenSSH's client, or use relstore's own with `--ssh asyncssh`.",
            ).on(self.label) from None
        channel = OpenSSHChannel(self.label, ssh, partial(_attempt, target, account.user))
        self._channels.append(channel)
        await channel.attach()
        return channel


def _attempt(target: Address, user: str, log: SSHLog, stderr: str, code: int) -> SSHAttempt:
    return SSHAttempt(target, user, log, stderr, code)
