"""The client's end of a session: what it asks, and what it takes for an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from relstore import protocol
from relstore.client.connection.session import Session
from relstore.client.connection.transport.base import Exit
from relstore.errors import ConnectionLostError, NotFoundError, ProtocolError, UsageError
from relstore.formats.names import AppName
from relstore.protocol import conversation

WEB = AppName("web")
VERIFIED = protocol.Verified(1, 1, 1, 1, ())


class ScriptedHost:
    """A transport and its channel: what the host says is written down beforehand."""

    label = "host"
    is_local = False

    def __init__(self, *said: tuple[Any, bytes]) -> None:
        self._unread = b"".join(frame for value, body in said for frame in conversation.frames(value, body))
        self.written: list[bytes] = []

    async def open(self, command: str, opening: bytes = b"") -> ScriptedHost:
        return self

    async def read(self, limit: int) -> bytes:
        data, self._unread = self._unread[:limit], self._unread[limit:]
        return data

    async def write(self, data: bytes) -> None:
        self.written.append(data)

    async def close(self) -> Any:
        return Exit(0)

    def stderr(self) -> bytes:
        return b"python3: killed\n"

    def link(self) -> None:
        return None


def with_session(host: ScriptedHost, work: Callable[[Session], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        return await work(Session(host, host, "store", b""))

    return asyncio.run(run())


async def events(session: Session, request: Any, reply: type[Any]) -> list[Any]:
    return [event async for event in session.follow(request, reply)]


def test_a_request_and_its_reply() -> None:
    host = ScriptedHost((protocol.Done(), bytes(200_000)))
    reply = with_session(host, lambda session: session.ask(protocol.Log(WEB), protocol.Done))
    assert reply == (protocol.Done(), bytes(200_000))
    assert host.written == list(conversation.frames(protocol.Log(WEB)))


def test_words_that_are_not_utf_8_are_the_persons_mistake() -> None:
    host = ScriptedHost()
    hold = protocol.Hold(WEB, "caf\udce9", "ada")
    with pytest.raises(UsageError, match="is not UTF-8") as raised:
        with_session(host, lambda session: session.ask(hold, protocol.Done))
    assert raised.value.hint
    assert host.written == []


def test_events_and_then_the_reply() -> None:
    steps = [protocol.Step("builds", 0, 2), protocol.Step("builds", 1, 2)]
    host = ScriptedHost(*((message, b"") for message in (*steps, VERIFIED)))
    found = with_session(host, lambda session: events(session, protocol.Verify(), protocol.Verified))
    assert found == [*steps, VERIFIED]


def test_what_the_host_reports_is_raised_with_its_name() -> None:
    host = ScriptedHost((protocol.Failure.of(NotFoundError("there is no app web")), b""))
    with pytest.raises(NotFoundError, match="there is no app web") as raised:
        with_session(host, lambda session: session.ask(protocol.Log(WEB), protocol.Done))
    assert raised.value.host == "host"


@pytest.mark.parametrize("answer", [protocol.AppsOut(()), protocol.Step("builds", 0, 1)])
def test_a_reply_to_something_else_is_refused(answer: Any) -> None:
    host = ScriptedHost((answer, b""))
    with pytest.raises(ProtocolError, match=f"the host sent {type(answer).__name__} out of turn"):
        with_session(host, lambda session: session.ask(protocol.Log(WEB), protocol.Done))


@pytest.mark.parametrize("answer", [protocol.Output(b"log"), protocol.Done()])
def test_an_event_of_something_else_is_refused(answer: Any) -> None:
    host = ScriptedHost((answer, b""))
    with pytest.raises(ProtocolError, match="out of turn"):
        with_session(host, lambda session: events(session, protocol.Verify(), protocol.Verified))


def test_a_pair_that_does_not_belong_together_is_a_mistake_of_ours() -> None:
    host = ScriptedHost()
    with pytest.raises(protocol.WrongReplyError, match="AppsOut does not answer Log"):
        with_session(host, lambda session: session.ask(protocol.Log(WEB), protocol.AppsOut))
    with pytest.raises(protocol.WrongReplyError, match="Ended does not answer Verify"):
        with_session(host, lambda session: events(session, protocol.Verify(), protocol.Ended))
    assert host.written == []


def test_a_helper_that_ends_in_the_middle() -> None:
    with pytest.raises(
        ConnectionLostError, match="the helper ended in the middle; it said:\npython3: killed"
    ):
        with_session(ScriptedHost(), lambda session: session.ask(protocol.Log(WEB), protocol.Done))
