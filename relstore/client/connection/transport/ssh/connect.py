"""The transport over SSH: makes the connection, over jump hosts where ssh_config names some.

Importing this module loads asyncssh, which takes longer than many commands: import it only when a host is
about to be contacted. Not for explaining failures (``errors``).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable
from functools import partial

import asyncssh

from relstore.client.connection import capacity
from relstore.client.connection.account import Account
from relstore.client.connection.shared import Running, SharedState
from relstore.client.connection.transport import host_key_errors
from relstore.client.connection.transport.address import SSHTarget, check_address, label_of
from relstore.client.connection.transport.link_state import LinkState, link_state
from relstore.client.connection.transport.login_errors import Stage, no_command
from relstore.client.connection.transport.patience import LOGIN_TIMEOUT, after, pauses, says_turned_away
from relstore.client.connection.transport.ssh.channel import WINDOW, SSHChannel
from relstore.client.connection.transport.ssh.config import HostSettings
from relstore.client.connection.transport.ssh.configured import Configured, configured
from relstore.client.connection.transport.ssh.errors import Attempt, connection_lost, explain
from relstore.client.connection.transport.ssh.host_key import HostNames
from relstore.client.connection.transport.ssh.identities import Identities
from relstore.client.connection.transport.ssh.jump import Jump
from relstore.client.connection.transport.ssh.key_files import KeyFiles
from relstore.client.connection.transport.ssh.known_hosts import Entry, KnownHosts, Standing, remember
from relstore.client.connection.transport.ssh.login import Client
from relstore.client.connection.transport.ssh.options import connection_options
from relstore.client.connection.transport.ssh.proxy_command import ProxyCommand
from relstore.errors import ConnectError, RelstoreError

_HANG_UP_GRACE = 2.0
_HUNG_UP = (asyncssh.ConnectionLost, ConnectionError)


async def connect(target: SSHTarget, account: Account, notice: Callable[[str], None]) -> SSHTransport:
    """Log in to ``target`` as ssh(1) would.

    In ``account.ssh_config_paths`` the first value counts; missing files are skipped. ``notice`` is called
    when a new host key is accepted.

    Raises ConnectError, HostKeyError or TargetError.
    """
    async with contextlib.AsyncExitStack() as stack:
        connection, client = await _Dialler(account, stack, notice).dial(target)
        return SSHTransport(label_of(target), connection, client, stack.pop_all())


class SSHTransport:
    """One connection, and the jumps or the ProxyCommand that it rests on."""

    is_local = False

    def __init__(
        self,
        label: str,
        connection: asyncssh.SSHClientConnection,
        client: Client,
        stack: contextlib.AsyncExitStack,
    ) -> None:
        self.label = label
        self._connection = connection
        self._client = client
        self._stack = stack

    async def open(self, command: str, opening: bytes = b"") -> SSHChannel:
        """Run ``command``, which reads ``opening`` first.

        Raises ConnectError when the host refuses, ConnectionLostError.
        """
        # sshd's answer would wait until its last message is acknowledged, which takes 40 ms by default.
        asyncio.get_running_loop().call_soon(_acknowledge_at_once, self._connection)
        channel = SSHChannel(self.label, opening)
        try:
            await self._connection.create_session(lambda: channel, command, encoding=None, window=WINDOW)
        except (asyncssh.Error, OSError) as exc:
            if self._connection.is_closed() or not isinstance(exc, asyncssh.ChannelOpenError):
                raise connection_lost(self._client.lost or exc).on(self.label) from None
            raise no_command(exc.reason).on(self.label) from None
        return channel

    def link(self) -> LinkState | None:
        """None for a connection over a jump host or a ProxyCommand."""
        return link_state(self._connection.get_extra_info("socket"))

    async def close(self) -> None:
        """Hang up, and end the jumps or the ProxyCommand. May be called twice."""
        await self._stack.aclose()


class _Dialler:
    """Makes connections; puts what they rest on onto ``stack``, which closes it in the right order."""

    def __init__(
        self, account: Account, stack: contextlib.AsyncExitStack, notice: Callable[[str], None]
    ) -> None:
        self._account = account
        self._notice = notice
        self._stack = stack

    async def dial(
        self, target: SSHTarget, above: tuple[str, ...] = (), jump: Jump | None = None
    ) -> tuple[asyncssh.SSHClientConnection, Client]:
        """Connect, over ``jump`` if given. ``above``: the labels of those that wait for this connection."""
        label = label_of(target)
        try:
            if label in above:
                raise ConnectError(
                    "it is to be reached by way of itself",
                    hint="ProxyJump in ~/.ssh/config forms a circle: exempt the jump host from it.",
                )
            check_address(target)
            with contextlib.ExitStack() as answers:
                async with self._running.logins:
                    known = await configured(target, self._account, answers)
                settings = known.settings
                if settings.unheeded:
                    self._notice(_not_obeyed(label, settings.unheeded))
                if jump is None:
                    jump = await self._jump(settings, (*above, label))
                return await self._log_in_turn(target, known, jump)
        except RelstoreError as exc:
            exc.on(label)  # an error of a jump host is marked with that already
            raise

    @property
    def _running(self) -> Running:
        return self._account.shared.running

    async def _jump(self, settings: HostSettings, above: tuple[str, ...]) -> Jump | None:
        """The last of the jump hosts, each of which is reached through the one before; None without any."""
        jump: Jump | None = None
        route: tuple[str, ...] = ()
        for hop in settings.jumps:
            make = partial(self._make_jump, hop, (*above, *route), jump)
            route = (*route, label_of(hop))
            # A jump host's own jump hosts have keys of their own, so that no two wait for each other.
            lease = self._running.jumps.lease((above[1:], route), make)
            jump = await self._stack.enter_async_context(lease)
        return jump

    async def _make_jump(
        self, hop: SSHTarget, above: tuple[str, ...], jump: Jump | None, stack: contextlib.AsyncExitStack
    ) -> Jump:
        connection, _ = await _Dialler(self._account, stack, self._notice).dial(hop, above, jump)
        return Jump(label_of(hop), connection)

    async def _log_in_turn(
        self, target: SSHTarget, known: Configured, jump: Jump | None
    ) -> tuple[asyncssh.SSHClientConnection, Client]:
        """Log in when it is our turn, and again after a pause where sshd has too many logins just now."""
        is_proxied = known.settings.proxy_command is not None and jump is None
        running = self._running
        async with contextlib.AsyncExitStack() as turns:
            if jump is not None:
                await turns.enter_async_context(jump.turns)
            await turns.enter_async_context(running.process_logins if is_proxied else running.logins)
            began = time.monotonic()
            for number, pause in enumerate((*pauses(), None), start=1):
                try:
                    return await self._log_in(target, known, jump)
                except _TurnedAwayError as away:
                    waited = time.monotonic() - began
                    if pause is None or waited > self._account.connect_timeout:
                        raise after(number, away.error) from None
                await asyncio.sleep(pause)
            raise RuntimeError("the last attempt has neither a connection nor an error")

    async def _log_in(
        self, target: SSHTarget, known: Configured, jump: Jump | None
    ) -> tuple[asyncssh.SSHClientConnection, Client]:
        settings = known.settings
        known_hosts = _known_hosts(settings, self._account.shared)
        names = HostNames.of(settings.host, settings.port, settings.host_key_alias)
        identities = Identities(settings, _key_files(self._running))
        deadline = asyncio.timeout(self._account.connect_timeout)
        client = Client(settings, known_hosts, identities, lambda: _extend(deadline))
        proxy: ProxyCommand | None = None
        try:
            async with deadline:
                if settings.proxy_command is not None and jump is None:
                    proxy = await ProxyCommand.start(settings.proxy_command)
                    self._stack.push_async_callback(proxy.close)
                connection = await asyncssh.connect(
                    target.host,
                    client_factory=lambda: client,
                    tunnel=jump.connection if jump else None,
                    sock=proxy.socket if proxy else None,
                    **known.words,
                    **connection_options(settings, known_hosts, names),
                )
        except (asyncssh.Error, OSError, ValueError) as exc:
            proxy_said = await proxy.last_words() if proxy else ""
            revoked = known_hosts.revoked(names)
            timeout = self._account.connect_timeout
            label = jump.label if jump else ""
            attempt = Attempt(target, settings, client, timeout, revoked, label, proxy_said)
            error = explain(exc, attempt)
            hung_up = isinstance(exc, _HUNG_UP) if proxy is None else says_turned_away(proxy_said)
            if client.stage is Stage.GREETING and hung_up:
                raise _TurnedAwayError(error) from None
            raise error from None
        finally:
            await identities.close()
        self._stack.push_async_callback(_hang_up, connection)
        _remember_new_key(client, target, settings, self._account.shared, self._notice)
        return connection, client


class _TurnedAwayError(Exception):
    """The host hung up before its banner, as sshd does where more log in at once than MaxStartups allows."""

    def __init__(self, error: ConnectError) -> None:
        super().__init__(error.what)
        self.error = error


def _key_files(running: Running) -> KeyFiles:
    if running.key_files is None:
        running.key_files = KeyFiles()
    files: KeyFiles = running.key_files
    return files


def _known_hosts(settings: HostSettings, shared: SharedState) -> KnownHosts:
    """Read once in a run."""
    paths = (*settings.user_known_hosts, *settings.global_known_hosts)
    try:
        known: KnownHosts | None = shared.known_hosts.get(paths)
        if known is None:
            known = shared.known_hosts[paths] = KnownHosts.read(paths)
        return known
    except OSError as exc:
        raise capacity.explain(exc) or ConnectError(
            f"the known hosts cannot be read: {exc.filename}: {exc.strerror}",
            state="Nothing was contacted.",
            hint="Make that file readable, or name another with UserKnownHostsFile in ~/.ssh/config.",
        ) from None


def _not_obeyed(label: str, options: tuple[str, ...]) -> str:
    return (
        f"{label}: relstore does not obey {' and '.join(options)} in ssh_config; it trusts what the "
        "known_hosts files say, and nothing else"
    )


def _extend(deadline: asyncio.Timeout) -> None:
    deadline.reschedule(asyncio.get_running_loop().time() + LOGIN_TIMEOUT)


def _remember_new_key(
    client: Client,
    target: SSHTarget,
    settings: HostSettings,
    shared: SharedState,
    notice: Callable[[str], None],
) -> None:
    verdict = client.verdict
    if verdict is None or verdict.standing is not Standing.NEW or not settings.user_known_hosts:
        return
    file = settings.user_known_hosts[0]
    problem = ""
    try:
        remember(file, verdict.name, verdict.key, hashed=settings.hash_known_hosts)
    except OSError as exc:
        problem = exc.strerror or str(exc)
    added = Entry(file, 0, "", verdict.name, verdict.key)
    for paths, known in shared.known_hosts.items():
        if file in paths:
            known.add(added)
    notice(host_key_errors.accepted(str(verdict.key), target, file, problem))


def _acknowledge_at_once(connection: asyncssh.SSHClientConnection) -> None:
    tcp = connection.get_extra_info("socket")
    if (
        tcp is not None
        and tcp.family in (socket.AF_INET, socket.AF_INET6)
        and hasattr(socket, "TCP_QUICKACK")
    ):
        with contextlib.suppress(OSError):
            tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


async def _hang_up(connection: asyncssh.SSHClientConnection) -> None:
    connection.close()
    try:
        async with asyncio.timeout(_HANG_UP_GRACE):
            await connection.wait_closed()
    except TimeoutError:
        connection.abort()
