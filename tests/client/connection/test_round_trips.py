"""How often a push waits for its host. Counted, not timed: on a slow link nothing else counts as much."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from relstore.client.artifact.scan import scan
from relstore.client.connection import connect as hosts
from relstore.client.connection.account import Account
from relstore.client.connection.transport.base import Channel, Exit, Transport
from relstore.client.connection.transport.local import LocalTransport
from relstore.client.fleet import push as fleet
from relstore.client.local_state.cache import Cache
from relstore.client.local_state.last_push import Recent
from relstore.client.local_state.link_speeds import Links
from relstore.client.operations.access import Access
from relstore.client.operations.interrupt import Interrupts
from relstore.client.operations.plan import ActivationOptions, Push
from relstore.client.reporter import Reporter
from relstore.client.target import Target
from relstore.client.transfer.send_options import SendOptions
from relstore.formats.generation import Description
from relstore.formats.names import AppName
from relstore.formats.recipe import Recipe


class Turns:
    """A channel that counts: whenever something comes after something was sent, that was a round trip."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._asked = False
        self.count = 0

    async def read(self, limit: int) -> bytes:
        data = await self._channel.read(limit)
        if data and self._asked:
            self._asked = False
            self.count += 1
        return data

    async def write(self, data: bytes) -> None:
        self._asked = True
        await self._channel.write(data)

    async def close(self) -> Exit:
        return await self._channel.close()

    def stderr(self) -> bytes:
        return self._channel.stderr()


class CountedTransport:
    """This machine, with what was opened there."""

    def __init__(self, home: str) -> None:
        self._transport = LocalTransport(home)
        self.label = self._transport.label
        self.is_local = self._transport.is_local
        self.link = self._transport.link
        self.close = self._transport.close
        self.opened: list[Turns] = []

    async def open(self, command: str, opening: bytes = b"") -> Channel:
        self.opened.append(Turns(await self._transport.open(command, opening)))
        return self.opened[-1]


def push(artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, activate: bool = True) -> int:
    """The number of round trips that a push of ``artifact`` takes."""
    used: list[CountedTransport] = []

    async def reach(*_: object) -> Transport:
        used.append(CountedTransport(str(tmp_path)))
        return used[-1]

    monkeypatch.setattr(hosts, "_transport", reach)
    cache = Cache(tmp_path / "cache")
    plan = Push(
        AppName("app"),
        scan(artifact),
        Description("tester", None, False, ""),
        False,
        ActivationOptions("tester", Recipe()) if activate else None,
        SendOptions(cache, Links(tmp_path / "links.json"), Recent(tmp_path / "recent")),
    )
    account = Account(str(tmp_path), "tester", None, (), 10, None)
    target = Target.parse(str(tmp_path / "store"))
    (result,) = asyncio.run(fleet.push(lambda: plan, [target], Access(account, Reporter(), Interrupts())))
    assert result.error is None
    (transport,) = used
    (channel,) = transport.opened
    return channel.count


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """A build of several streams: two large files and many small ones."""
    root = tmp_path / "build"
    root.mkdir()
    for number in range(50):
        (root / f"small-{number}").write_text(f"content {number}")
    for number in range(2):
        (root / f"large-{number}").write_bytes(bytes([number]) * 2_000_000)
    return root


def test_the_fewest_round_trips(build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The helper is not there: that it is wanted is one more to hear of.
    assert push(build, tmp_path, monkeypatch) == 4
    # What is missing; what was published; how the activation ended.
    (build / "small-7").write_text("changed")
    assert push(build, tmp_path, monkeypatch) == 3
    for number in range(2):
        (build / f"large-{number}").write_bytes(bytes([7, number]) * 1_500_000)
    assert push(build, tmp_path, monkeypatch) == 3
    # That it is current already comes with the handshake.
    assert push(build, tmp_path, monkeypatch) == 1
    (build / "small-7").write_text("changed again")
    assert push(build, tmp_path, monkeypatch, activate=False) == 2
