"""A client's half of the conversation, written down beforehand and read afterwards."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from relstore import protocol
from relstore.formats import pack
from relstore.host.connection import Wire
from relstore.host.helpers import Bundle
from relstore.host.session import RequestServer
from relstore.protocol import fields as shape
from relstore.protocol import framing
from relstore.protocol.conversation import Incoming

T = TypeVar("T")

Answer = tuple[Any, bytes]
"""A message of the host's, and its body."""


def frame(kind: bytes, payload: bytes) -> bytes:
    return kind + len(payload).to_bytes(4, "big") + payload


class Client:
    """What a client says, and what it makes of the answers."""

    def __init__(self) -> None:
        self.bytes = b""

    def say(self, request: Any, *body: bytes) -> Client:
        """A request, with its body in these pieces."""
        self.bytes += frame(framing.MESSAGE, protocol.encode(request, sum(map(len, body))))
        self.bytes += b"".join(frame(framing.DATA, piece) for piece in body)
        return self

    def read(self, data: bytes) -> list[Answer]:
        """The host's messages in ``data``, which must hold nothing else."""
        incoming = Incoming((*protocol.REPLIES, *protocol.EVENTS))
        incoming.feed(data)
        answers: list[Answer] = []
        while (message := incoming.next_message()) is not None:
            body = b""
            while incoming.body:
                piece = incoming.next_piece()
                assert piece is not None
                body += piece
            answers.append((message.value, body))
        incoming.end()
        return answers


class Talk(NamedTuple):
    """What the host answered after its hello."""

    hello: protocol.Hello
    answers: list[Answer]

    @property
    def messages(self) -> list[Any]:
        return [message for message, _ in self.answers]

    @property
    def last(self) -> Any:
        return self.answers[-1][0]

    @property
    def failures(self) -> list[protocol.Failure]:
        return [message for message in self.messages if isinstance(message, protocol.Failure)]

    @property
    def failure(self) -> protocol.Failure:
        """The one thing that was answered, which is a failure."""
        (found,) = self.messages
        assert isinstance(found, protocol.Failure)
        return found

    def rows(self, kind: type[T]) -> list[T]:
        """The last answer's body as messages of one class."""
        values = pack.decode_stream(self.answers[-1][1], what="reply", limit=protocol.MAX_BODY_BYTES)
        return [shape.from_values(kind, value) for value in values]


def talk(top: Path, bundle: Bundle, *requests: Any) -> Talk:
    """A whole session of these requests; one with a body is a tuple (request, piece, …)."""
    client = Client()
    for request in requests:
        if hasattr(request, "_fields"):
            client.say(request)
        else:
            client.say(*request)
    return talk_bytes(top, bundle, client.bytes)


def talk_bytes(top: Path, bundle: Bundle, data: bytes) -> Talk:
    """A session in which the client says exactly ``data``."""
    sink = io.BytesIO()
    RequestServer(str(top), bundle, Wire(io.BytesIO(data), sink)).run()
    (hello, _), *answers = Client().read(sink.getvalue())
    assert isinstance(hello, protocol.Hello)
    return Talk(hello, answers)
