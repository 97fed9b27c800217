"""Opening a session with a target's store, over SSH or on this machine, and closing it again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from relstore.client.connection.account import Surroundings
from relstore.client.connection.session import Ahead, Session
from relstore.client.connection.transport.base import Transport
from relstore.client.connection.transport.local import LocalTransport
from relstore.client.reporter import Reporter
from relstore.client.target import Target


@asynccontextmanager
async def connected(target: Target, around: Surroundings, reporter: Reporter) -> AsyncIterator[Session]:
    """A session with the store of ``target``. Raises ConnectError, HelperError, TargetError."""
    async with (
        reached(target, around, reporter) as transport,
        session(transport, target, around, reporter) as it,
    ):
        yield it


@asynccontextmanager
async def reached(target: Target, around: Surroundings, reporter: Reporter) -> AsyncIterator[Transport]:
    """A connection to the host of ``target``. Raises ConnectError, TargetError."""
    transport = await _transport(target, around, reporter)
    try:
        yield transport
    finally:
        await transport.close()


@asynccontextmanager
async def session(
    transport: Transport,
    target: Target,
    around: Surroundings,
    reporter: Reporter,
    ahead: Sequence[Ahead] = (),
) -> AsyncIterator[Session]:
    """A session over a connection; ``ahead`` as in ``Session.start``. Raises HelperError, ConnectError."""
    started = await Session.start(transport, target.path, around.python, reporter, ahead)
    try:
        yield started
    finally:
        await started.close()


async def _transport(target: Target, around: Surroundings, reporter: Reporter) -> Transport:
    if target.host is None:
        return LocalTransport(around.home)
    # asyncssh takes longer to import than most commands take to run.
    from relstore.client.connection.transport.address import Address
    from relstore.client.connection.transport.ssh import connect as ssh

    return await ssh.connect(
        Address(target.host, target.user, target.port),
        connect_timeout=around.connect_timeout,
        home=around.home,
        user=around.user,
        agent_path=around.agent_path,
        config_paths=around.ssh_config_paths,
        notice=reporter.notice,
    )
