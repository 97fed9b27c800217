"""The conversation over frames: what comes is the same however its bytes arrive, and what may not come."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relstore import protocol
from relstore.errors import FormatError, ProtocolError
from relstore.formats.names import AppName, Digest
from relstore.protocol import conversation, framing
from relstore.protocol.conversation import Incoming
from relstore.protocol.framing import DATA, MESSAGE

COMPARE = protocol.Compare(AppName("web"), Digest("0" * 64), False)
BROKE_OFF = "broke off in the middle of a frame"
ANOTHER_LENGTH = "not as long as was announced"


def announced(body: int) -> bytes:
    return framing.encode(MESSAGE, protocol.encode(COMPARE, body))


def data(payload: bytes) -> bytes:
    return framing.encode(DATA, payload)


def events(pieces: list[bytes]) -> Iterator[Any]:
    """All that is said in these bytes: messages, pieces of bodies, and last the error or the end."""
    incoming = Incoming(protocol.REQUESTS)
    for piece in pieces:
        incoming.feed(piece)
        try:
            while (event := incoming.next_piece() if incoming.body else incoming.next_message()) is not None:
                yield event
        except (ProtocolError, FormatError) as error:
            yield str(error)
            return
    try:
        incoming.end()
    except ProtocolError as error:
        yield str(error)


def cut(raw: bytes, sizes: list[int]) -> list[bytes]:
    pieces, at, turn = [], 0, 0
    while at < len(raw):
        pieces.append(raw[at : at + sizes[turn % len(sizes)]])
        at, turn = at + sizes[turn % len(sizes)], turn + 1
    return pieces


BODIES = st.lists(st.binary(min_size=1, max_size=40), max_size=3)
SAID = BODIES.map(lambda body: announced(sum(map(len, body))) + b"".join(data(piece) for piece in body))
WRONG = st.sampled_from(
    [b"", data(b"1"), data(b""), announced(3), announced(3) + data(b"1234"), announced(3) + data(b"12"),
     announced(3) + announced(0), b"X", b"M\0", b"M\xff\xff\xff\xff", framing.encode(MESSAGE, b"\xc1")]
)  # fmt: skip


@settings(max_examples=60)
@given(st.lists(SAID, max_size=3), WRONG, st.lists(st.integers(1, 64), min_size=1, max_size=20))
def test_what_is_said_does_not_depend_on_how_bytes_arrive(
    said: list[bytes], wrong: bytes, sizes: list[int]
) -> None:
    raw = b"".join(said) + wrong
    assert list(events(cut(raw, sizes))) == list(events([raw]))


@settings(max_examples=60)
@given(st.lists(SAID, max_size=3))
def test_a_reader_that_asks_for_what_is_missing_never_reads_past_a_frame(said: list[bytes]) -> None:
    raw = b"".join(said)
    source, incoming = io.BytesIO(raw), Incoming(protocol.REQUESTS)
    found: list[Any] = []
    while piece := source.read(incoming.missing):
        incoming.feed(piece)
        event = incoming.next_piece() if incoming.body else incoming.next_message()
        found += [] if event is None else [event]
        # Else a reader that blocks would not have handed out what is there already.
        assert (incoming.next_piece() if incoming.body else incoming.next_message()) is None
    assert found == list(events([raw]))


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        pytest.param(b"", [], id="nothing"),
        pytest.param(announced(0) * 2, [(COMPARE, 0)] * 2, id="messages"),
        pytest.param(
            announced(3) + data(b"12") + data(b"3") + announced(0),
            [(COMPARE, 3), b"12", b"3", (COMPARE, 0)],
            id="a body in pieces",
        ),
        pytest.param(data(b"x"), ["bytes of a body that no message announced"], id="a body out of nothing"),
        pytest.param(announced(3) + data(b"1234"), [(COMPARE, 3), ANOTHER_LENGTH], id="a longer body"),
        pytest.param(announced(3) + data(b""), [(COMPARE, 3), ANOTHER_LENGTH], id="an empty piece"),
        pytest.param(
            announced(3) + data(b"12") + announced(0),
            [(COMPARE, 3), b"12", ANOTHER_LENGTH],
            id="a shorter body",
        ),
        pytest.param(
            announced(3) + data(b"12"), [(COMPARE, 3), b"12", BROKE_OFF], id="cut between two pieces"
        ),
        pytest.param(announced(3) + data(b"123")[:-1], [(COMPARE, 3), BROKE_OFF], id="cut in a piece"),
        pytest.param(announced(0)[:3], [BROKE_OFF], id="cut in a header"),
        pytest.param(announced(0)[:-1], [BROKE_OFF], id="cut in a message"),
        pytest.param(announced(0)[:5], [BROKE_OFF], id="cut after a header"),
        pytest.param(b"M\xff\xff\xff\xff", ["a frame of 4294967295 bytes"], id="a frame too long"),
        pytest.param(framing.encode(MESSAGE, b""), ["not a message"], id="an empty message"),
    ],
)
def test_what_is_said(raw: bytes, said: list[Any]) -> None:
    found = list(events([raw]))
    assert len(found) == len(said)
    for event, expected in zip(found, said):
        assert expected in event if isinstance(expected, str) else event == expected


@pytest.mark.parametrize("taken", [0, 1, 2])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_what_is_left_of_a_body_is_dropped(taken: int, size: int) -> None:
    incoming = Incoming(protocol.REQUESTS)
    incoming.feed(announced(6))
    assert incoming.next_message() == (COMPARE, 6)
    incoming.feed(data(b"12") + data(b"34"))
    assert [incoming.next_piece() for _ in range(taken)] == [b"12", b"34"][:taken]
    found: list[Any] = []
    for piece in cut(data(b"56") + announced(0), [size]):
        assert found == []
        incoming.feed(piece)
        found += [message for message in [incoming.next_message()] if message is not None]
    assert found == [(COMPARE, 0)]


def test_a_body_that_is_dropped_keeps_to_the_rules_as_well() -> None:
    incoming = Incoming(protocol.REQUESTS)
    incoming.feed(announced(3) + data(b"1234"))
    incoming.next_message()
    with pytest.raises(ProtocolError, match=ANOTHER_LENGTH):
        incoming.next_message()


def test_only_what_is_allowed_may_come() -> None:
    incoming = Incoming((protocol.Done,))
    incoming.feed(announced(0))
    with pytest.raises(ProtocolError, match="'Compare' is not expected"):
        incoming.next_message()


@pytest.mark.skipif(
    sys.implementation.name != "cpython", reason="elsewhere equal bytes may be one object or two"
)
def test_a_payload_that_is_read_as_asked_for_is_not_copied() -> None:
    incoming = Incoming(protocol.REQUESTS)
    payload = bytes(framing.MAX_FRAME_BYTES)
    incoming.feed(announced(len(payload)) + data(payload)[: framing.HEADER_BYTES])
    incoming.next_message()
    assert incoming.next_piece() is None
    assert incoming.missing == len(payload)
    incoming.feed(payload)
    assert incoming.next_piece() is payload


@pytest.mark.parametrize("size", [0, 1, framing.DATA_BYTES, framing.DATA_BYTES + 1, 3 * framing.DATA_BYTES])
def test_what_goes_out_is_what_comes_in(size: int) -> None:
    body = (bytes(range(256)) * (size // 256 + 1))[:size]
    frames = list(conversation.frames(COMPARE, body))
    assert len(frames) == 1 + -(-size // framing.DATA_BYTES)
    message, *pieces = events(frames)
    assert message == (COMPARE, size)
    assert b"".join(pieces) == body
