"""The helper's end of the conversation: frames in, frames out, and what may not come."""

from __future__ import annotations

import io
from typing import Any

import pytest

from relstore import protocol
from relstore.errors import FormatError, ProtocolError, RelstoreError
from relstore.formats.names import AppName, Digest
from relstore.host.connection import Wire
from relstore.protocol import framing
from tests.support.conversation import Client, frame

BUILD = Digest("0" * 64)
LIST = protocol.List(AppName("web"))
LOG = protocol.Log(AppName("web"))
COMPARE = protocol.Compare(AppName("web"), BUILD, False)


def wire(data: bytes) -> Wire:
    return Wire(io.BytesIO(data), io.BytesIO())


def test_requests_come_one_by_one_and_then_nothing() -> None:
    opened = wire(Client().say(LIST).say(protocol.Apps()).bytes)
    assert opened.receive() == protocol.Message(LIST, 0)
    assert opened.receive() == protocol.Message(protocol.Apps(), 0)
    assert opened.receive() is None
    assert opened.receive() is None


def test_a_body_comes_in_its_pieces() -> None:
    pieces = [b"a" * framing.MAX_FRAME_BYTES, b"b", b"c" * 10]
    opened = wire(Client().say(COMPARE, *pieces).say(LIST).bytes)
    message = opened.receive()
    assert message == protocol.Message(COMPARE, framing.MAX_FRAME_BYTES + 11)
    assert list(opened.body()) == pieces
    assert list(opened.body()) == []
    assert opened.receive() == protocol.Message(LIST, 0)


@pytest.mark.parametrize("taken", [0, 1, 2])
def test_what_nobody_read_of_a_body_is_dropped(taken: int) -> None:
    opened = wire(Client().say(COMPARE, b"one", b"two", b"three").say(LIST).bytes)
    opened.receive()
    pieces = opened.body()
    assert [next(pieces) for _ in range(taken)] == [b"one", b"two", b"three"][:taken]
    assert opened.receive() == protocol.Message(LIST, 0)


def test_a_whole_body() -> None:
    opened = wire(Client().say(COMPARE, b"one", b"two").bytes)
    opened.receive()
    assert opened.whole_body(6) == b"onetwo"


def test_a_whole_body_that_is_too_long_is_refused_unread() -> None:
    opened = wire(Client().say(COMPARE, b"one", b"two").say(LIST).bytes)
    opened.receive()
    with pytest.raises(ProtocolError, match="a body of 6 bytes; at most 5"):
        opened.whole_body(5)
    assert opened.receive() == protocol.Message(LIST, 0)


@pytest.mark.parametrize("size", [0, 1, framing.DATA_BYTES, framing.DATA_BYTES + 1, 3 * framing.DATA_BYTES])
def test_what_is_sent_can_be_read(size: int) -> None:
    sink = io.BytesIO()
    body = bytes(range(256)) * (size // 256 + 1)
    opened = Wire(io.BytesIO(Client().say(LOG).bytes), sink)
    opened.receive()
    opened.send(protocol.Done(), body[:size])
    client = Client()
    assert client.read(sink.getvalue()) == [(protocol.Done(), body[:size])]


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        pytest.param(frame(b"D", b"x"), ProtocolError, "no message announced", id="a body out of nothing"),
        pytest.param(b"X" + bytes(4), ProtocolError, "unknown kind", id="an unknown kind of frame"),
        pytest.param(
            b"M\xff\xff\xff\xff", ProtocolError, "a frame of 4294967295 bytes", id="a frame too long"
        ),
        pytest.param(b"M\0", ProtocolError, "broke off", id="cut in a header"),
        pytest.param(frame(b"M", b"xyz")[:-1], ProtocolError, "broke off", id="cut in a payload"),
        pytest.param(frame(b"M", b"\xc1"), FormatError, "not a message", id="no msgpack"),
        pytest.param(frame(b"M", b"\x90"), ProtocolError, "not \\[name", id="not three values"),
        pytest.param(
            Client().say(protocol.Done()).bytes, ProtocolError, "'Done' is not expected", id="a reply"
        ),
        pytest.param(
            frame(b"M", b"\x93\xa6Status\x90\x00"), ProtocolError, "without its 1 field", id="no fields"
        ),
        pytest.param(
            frame(b"M", b"\x93\xa4List\x91\xa3Web\x00"), RelstoreError, "name of an app", id="a bad name"
        ),
        pytest.param(
            frame(b"M", b"\x93\xa4List\x91\xa3web\xff"), ProtocolError, "a body of -1", id="less than none"
        ),
    ],
)
def test_what_may_not_come(data: bytes, kind: Any, words: str) -> None:
    with pytest.raises(kind, match=words):
        wire(data).receive()


@pytest.mark.parametrize(
    ("rest", "words"),
    [
        pytest.param(b"", "broke off", id="cut before it"),
        pytest.param(frame(b"D", b"12"), "broke off", id="cut in it"),
        pytest.param(frame(b"D", b"12345"), "not as long as was announced", id="longer"),
        pytest.param(frame(b"D", b""), "not as long as was announced", id="an empty piece"),
        pytest.param(frame(b"M", b"1234"), "not as long as was announced", id="a message instead"),
    ],
)
def test_a_body_that_is_not_what_was_announced(rest: bytes, words: str) -> None:
    opened = wire(frame(b"M", protocol.encode(COMPARE, 4)) + rest)
    opened.receive()
    with pytest.raises(ProtocolError, match=words):
        list(opened.body())


def test_before_the_first_request_only_a_hello_can_be_sent() -> None:
    with pytest.raises(protocol.WrongReplyError, match="Done does not answer"):
        wire(b"").send(protocol.Done())


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(protocol.AppsOut(()), id="the reply to another request"),
        pytest.param(protocol.Step("builds", 0, 1), id="an event of another request"),
        pytest.param(LOG, id="a request"),
    ],
)
def test_what_does_not_answer_the_request_is_a_mistake_of_ours(answer: Any) -> None:
    sink = io.BytesIO()
    opened = Wire(io.BytesIO(Client().say(protocol.Apps()).say(LOG).bytes), sink)
    opened.receive()
    opened.receive()
    with pytest.raises(protocol.WrongReplyError, match=f"{type(answer).__name__} does not answer"):
        opened.send(answer)
    assert sink.getvalue() == b""


def test_a_failure_answers_everything() -> None:
    sink = io.BytesIO()
    failure = protocol.Failure("StoreError", "what", "", "")
    opened = Wire(io.BytesIO(Client().say(protocol.Begin()).bytes), sink)
    opened.receive()
    opened.send(failure)
    assert Client().read(sink.getvalue()) == [(failure, b"")]
