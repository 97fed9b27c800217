"""Opens a session with a target's store, over SSH or on this machine, and closes it again.

Not for what is asked in a session (``operations``).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from relstore.client.connection.account import Account
from relstore.client.connection.command_line import COMMAND
from relstore.client.connection.session import Ahead, Session
from relstore.client.connection.transport.address import Address
from relstore.client.connection.transport.base import Transport
from relstore.client.connection.transport.local import LocalTransport
from relstore.client.reporter import Reporter
from relstore.client.target import Target


@asynccontextmanager
async def connected(target: Target, account: Account, reporter: Reporter) -> AsyncIterator[Session]:
    """A session with the store of ``target``. Raises ConnectError, HelperError, TargetError."""
    async with (
        reached(target, account, reporter) as transport,
        session_over(transport, target, account, reporter) as session,
    ):
        yield session


@asynccontextmanager
async def reached(target: Target, account: Account, reporter: Reporter) -> AsyncIterator[Transport]:
    """A connection to the host of ``target``. Raises ConnectError, TargetError."""
    transport = await _transport(target, account, reporter)
    try:
        yield transport
    finally:
        await transport.close()


@asynccontextmanager
async def session_over(
    transport: Transport,
    target: Target,
    account: Account,
    reporter: Reporter,
    ahead: Sequence[Ahead] = (),
) -> AsyncIterator[Session]:
    """A session over a connection; ``ahead``: see ``Session.start``. Raises HelperError, ConnectError."""
    session = await Session.start(transport, target.path, account.opening(target.path), reporter, ahead)
    try:
        yield session
    finally:
        await session.close()


async def _transport(target: Target, account: Account, reporter: Reporter) -> Transport:
    if target.host is None:
        return LocalTransport(account.home)
    address = Address(target.host, target.user, target.port)
    if account.openssh is not None:
        from relstore.client.connection.transport.openssh import connect as openssh

        return await openssh.connect(
            address, account, account.openssh, reporter.notice, COMMAND, account.opening(target.path)
        )
    # asyncssh takes longer to import than most commands take to run.
    from relstore.client.connection.transport.ssh import connect as ssh

    return await ssh.connect(address, account, reporter.notice)
