"""One contract for all transports: what the rest of the client relies on."""

from __future__ import annotations

import asyncio
import os
import resource
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from relstore.client.connection.account import Account
from relstore.client.connection.transport.address import Address
from relstore.client.connection.transport.base import Channel, Exit, Transport
from relstore.client.connection.transport.local import LocalTransport
from relstore.client.connection.transport.openssh.connect import OpenSSHTransport
from relstore.client.ssh_program import OpenSSH
from relstore.errors import ConnectError, ConnectionLostError
from tests.support.hosts.sshd import Sshd

MEGABYTE = 1000 * 1000
PROMPTLY = 60.0

Open = Callable[[], AbstractAsyncContextManager[Transport]]


def local(home: Path) -> Open:
    @asynccontextmanager
    async def open_transport() -> AsyncIterator[Transport]:
        transport = LocalTransport(str(home))
        try:
            yield transport
        finally:
            await transport.close()

    return open_transport


def over_ssh(server: Sshd) -> Open:
    @asynccontextmanager
    async def open_transport() -> AsyncIterator[Transport]:
        from relstore.client.connection.transport.ssh.connect import connect

        account = Account("/nonexistent", server.user, None, (str(server.config),), 10, None)
        transport = await connect(Address(server.host, port=server.port), account, print)
        try:
            yield transport
        finally:
            await transport.close()

    return open_transport


def over_openssh(server: Sshd) -> Open:
    @asynccontextmanager
    async def open_transport() -> AsyncIterator[Transport]:
        account = Account("/nonexistent", server.user, None, (str(server.config),), 10, None)
        how = OpenSSH("ssh", prompts=False)
        transport = OpenSSHTransport(Address(server.host, port=server.port), account, how, print)
        try:
            yield transport
        finally:
            await transport.close()

    return open_transport


OVER_SSH = {"asyncssh": over_ssh, "openssh": over_openssh}


@pytest.fixture(params=["local", *(pytest.param(way, marks=pytest.mark.sshd) for way in OVER_SSH)])
def transport(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    if request.param == "local":
        return local(tmp_path)
    return OVER_SSH[request.param](request.getfixturevalue("sshd"))


def is_openssh(opened: Transport) -> bool:
    """Whether ssh(1) is between, which does not pass everything on."""
    return isinstance(opened, OpenSSHTransport)


async def read_all(channel: Channel) -> bytes:
    pieces = []
    while piece := await channel.read(MEGABYTE):
        pieces.append(piece)
    return b"".join(pieces)


def run(transport: Open, body: Callable[[Transport], Awaitable[None]]) -> None:
    async def main() -> None:
        async with transport() as opened:
            await body(opened)

    asyncio.run(main())


def test_bytes_arrive_as_they_were_sent(transport: Open) -> None:
    data = os.urandom(5 * MEGABYTE)

    async def body(opened: Transport) -> None:
        channel = await opened.open(f"head -c {len(data)}")
        echo, _ = await asyncio.gather(read_all(channel), channel.write(data))
        assert echo == data
        assert await channel.close() == Exit(0)

    run(transport, body)


@pytest.mark.parametrize("size", [1, 4000, 30_000])
def test_a_command_reads_its_opening_first(size: int, transport: Open) -> None:
    opening, more = os.urandom(size), os.urandom(size)

    async def body(opened: Transport) -> None:
        channel = await opened.open(f"head -c {2 * size}", opening)
        echo, _ = await asyncio.gather(read_all(channel), channel.write(more))
        assert echo == opening + more

    run(transport, body)


def test_a_read_is_never_longer_than_its_limit(transport: Open) -> None:
    async def body(opened: Transport) -> None:
        channel = await opened.open("printf 0123456789")
        pieces = [await channel.read(3) for _ in range(5)]
        assert max(map(len, pieces)) <= 3
        assert b"".join(pieces) == b"0123456789"
        assert await channel.read(3) == b""
        assert await channel.read(3) == b""

    run(transport, body)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("true", Exit(0)),
        ("exit 3", Exit(3)),
        ("cat", Exit(0)),
        ("kill -KILL $$", Exit(None, "KILL")),
        ("kill -TERM $$", Exit(None, "TERM")),
        ("no-such-command-anywhere", Exit(127)),
    ],
)
def test_how_a_command_ended(transport: Open, command: str, expected: Exit) -> None:
    async def body(opened: Transport) -> None:
        channel = await opened.open(command)
        # ssh does not pass on which signal it was.
        known = expected._replace(signal="unknown") if expected.signal and is_openssh(opened) else expected
        assert await channel.close() == known
        assert await channel.close() == known

    run(transport, body)


def test_its_output_can_be_read_after_it_has_ended(transport: Open) -> None:
    size = 150_000

    async def body(opened: Transport) -> None:
        channel = await opened.open(f"head -c {size} /dev/zero; exit 3")
        await asyncio.sleep(0.2)
        assert len(await read_all(channel)) == size
        assert await channel.close() == Exit(3)

    run(transport, body)


def test_a_command_starts_in_the_login_directory(transport: Open, tmp_path: Path) -> None:
    async def body(opened: Transport) -> None:
        channel = await opened.open('[ "$(pwd -P)" = "$(cd && pwd -P)" ] || pwd -P')
        where = (await read_all(channel)).decode().strip()
        assert where == (str(tmp_path) if opened.label == "this machine" else "")

    run(transport, body)


def test_of_standard_error_the_end_is_kept(transport: Open) -> None:
    async def body(opened: Transport) -> None:
        channel = await opened.open("head -c 1000000 /dev/zero | tr '\\0' e >&2; echo the end >&2; echo done")
        assert await read_all(channel) == b"done\n"
        await channel.close()
        assert len(channel.stderr()) == 8 * 1024
        assert channel.stderr().endswith(b"ethe end\n")

    run(transport, body)


def test_a_flood_is_held_back(transport: Open) -> None:
    def peak() -> int:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    async def body(opened: Transport) -> None:
        before = peak()
        channel = await opened.open("yes")
        assert await channel.read(4) in (b"y\ny\n", b"y\n", b"y")
        await asyncio.sleep(0.5)
        assert await channel.read(MEGABYTE)
        start = time.monotonic()
        await channel.close()
        assert time.monotonic() - start < PROMPTLY
        assert peak() - before < 16 * MEGABYTE

    run(transport, body)


def test_two_commands_at_once(transport: Open) -> None:
    async def body(opened: Transport) -> None:
        one, two = await opened.open("cat"), await opened.open("cat")
        for channel, text in ((two, b"first"), (one, b"second"), (two, b"third")):
            await channel.write(text)
            assert await channel.read(100) == text
        assert await one.close() == Exit(0)
        await two.write(b"still here")
        assert await two.read(100) == b"still here"
        assert await two.close() == Exit(0)

    run(transport, body)


def test_writing_to_a_command_that_has_ended(transport: Open) -> None:
    async def write_on(channel: Channel) -> None:
        while True:
            await channel.write(bytes(MEGABYTE))

    async def body(opened: Transport) -> None:
        channel = await opened.open("exit 3")
        with pytest.raises(ConnectionLostError):
            await asyncio.wait_for(write_on(channel), 60)
        assert await channel.close() == Exit(3)

    run(transport, body)


def test_writing_to_a_command_that_has_left_somebody_behind(transport: Open) -> None:
    async def write_on(channel: Channel) -> None:
        while True:
            await channel.write(bytes(MEGABYTE))

    async def body(opened: Transport) -> None:
        channel = await opened.open("sleep 30 & exit 3")
        with pytest.raises(ConnectionLostError):
            await asyncio.wait_for(write_on(channel), 20)
        # ssh says it when it ends, for which it waits as long as whoever was left behind.
        assert await channel.close() == Exit(None if is_openssh(opened) else 3)

    run(transport, body)


def test_a_writer_waits_for_a_command_that_does_not_read(transport: Open) -> None:
    async def body(opened: Transport) -> None:
        channel = await opened.open("sleep 600")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(channel.write(bytes(20 * MEGABYTE)), 0.5)
        start = time.monotonic()
        await channel.close()
        assert time.monotonic() - start < PROMPTLY

    run(transport, body)


def test_closing_the_transport_twice_and_with_a_command_running(transport: Open) -> None:
    async def body(opened: Transport) -> None:
        await opened.open("cat")
        await opened.close()
        await opened.close()

    run(transport, body)


def test_a_directory_that_is_gone(tmp_path: Path) -> None:
    async def body(opened: Transport) -> None:
        with pytest.raises(ConnectError, match="No such file"):
            await opened.open("true")

    run(local(tmp_path / "gone"), body)


@pytest.mark.sshd
@pytest.mark.parametrize("way", OVER_SSH)
def test_a_connection_that_is_cut(sshd: Sshd, way: str) -> None:
    async def body(opened: Transport) -> None:
        channel = await opened.open("echo before; cat")
        assert await channel.read(100) == b"before\n"
        sshd.cut_connections()
        with pytest.raises(ConnectionLostError) as caught:
            await asyncio.wait_for(channel.read(100), 60)
        assert caught.value.host == opened.label == f"{sshd.host}:{sshd.port}"
        with pytest.raises(ConnectionLostError):
            await channel.write(b"x")
        if not is_openssh(opened):  # which has a connection for each command
            with pytest.raises(ConnectionLostError):
                await opened.open("true")
        assert await channel.close() == Exit(None)

    run(OVER_SSH[way](sshd), body)


async def write_on(channel: Channel) -> None:
    while True:
        await channel.write(b"x")
        await asyncio.sleep(0.01)


@pytest.mark.sshd
@pytest.mark.parametrize("way", OVER_SSH)
def test_what_came_before_the_cut_can_still_be_read(sshd: Sshd, way: str) -> None:
    async def body(opened: Transport) -> None:
        channel = await opened.open("echo whole; cat")
        assert await channel.read(1) == b"w"
        sshd.cut_connections()
        with pytest.raises(ConnectionLostError):
            await write_on(channel)
        assert await channel.read(100) == b"hole\n"
        with pytest.raises(ConnectionLostError):
            await channel.read(100)

    run(OVER_SSH[way](sshd), body)


@pytest.mark.sshd
@pytest.mark.parametrize("way", OVER_SSH)
def test_waiting_for_a_command_can_be_cancelled(sshd: Sshd, way: str) -> None:
    async def body(opened: Transport) -> None:
        channel = await opened.open("sleep 600")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(channel.read(1), 0.1)
        start = time.monotonic()
        await opened.close()
        assert time.monotonic() - start < PROMPTLY

    run(OVER_SSH[way](sshd), body)


def test_the_end_of_its_input_reaches_a_command(transport: Open) -> None:
    async def body(opened: Transport) -> None:
        channel = await opened.open("[ $(wc -c) = 1000000 ] && exit 7")
        await channel.write(bytes(MEGABYTE))
        assert await channel.close() == Exit(7)

    run(transport, body)
