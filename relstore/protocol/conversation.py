"""The conversation over frames, as both ends hold it: messages with their bodies in and out. Pure; no I/O.

Whoever uses it reads and writes the bytes, and says what the end of the input means. Not for what a frame is
(``framing``), nor for what messages say (``messages``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from relstore.errors import ProtocolError
from relstore.protocol import messages
from relstore.protocol.framing import DATA, DATA_BYTES, MESSAGE, FrameDecoder
from relstore.protocol.framing import encode as encode_frame
from relstore.protocol.messages import Message


def frames(value: Any, body: bytes = b"") -> Iterator[bytes]:
    """A message and its body, as they travel."""
    yield encode_frame(MESSAGE, messages.encode(value, len(body)))
    for start in range(0, len(body), DATA_BYTES):
        yield encode_frame(DATA, body[start : start + DATA_BYTES])


class Incoming:
    """What the other side says: feed its bytes, take its messages and the pieces of their bodies.

    It holds at most one frame and what it was fed last. After an error the two sides are out of step, and
    nothing more can be taken.
    """

    def __init__(self, allowed: tuple[Any, ...]) -> None:
        """``allowed``: the classes of the messages that may come."""
        self._allowed = allowed
        self._frames = FrameDecoder()
        self._body = 0

    @property
    def missing(self) -> int:
        """How many bytes to read next, all of which belong to the next frame. More of them do no harm."""
        return self._frames.missing

    @property
    def body(self) -> int:
        """How many bytes of the last message's body were not taken yet."""
        return self._body

    def feed(self, data: bytes) -> None:
        self._frames.feed(data)

    def end(self) -> None:
        """No more bytes come. Raises ProtocolError in the middle of a message or of its body."""
        if self._body or not self._frames.is_empty:
            raise ProtocolError("the conversation broke off in the middle of a frame")

    def next_message(self) -> Message | None:
        """The next message, or None when more bytes are needed. Raises ProtocolError, FormatError.

        What is left of the body before is dropped first, so that a reader that gave up half-way through a
        body stays in step.
        """
        while self._body:
            if self.next_piece() is None:
                return None
        frame = self._frames.next()
        if frame is None:
            return None
        if frame.kind != MESSAGE:
            raise ProtocolError("bytes of a body that no message announced")
        message = messages.decode(frame.payload, self._allowed)
        self._body = message.body
        return message

    def next_piece(self) -> bytes | None:
        """The next piece of the last message's body, or None when more bytes are needed.

        To be called only while ``body`` says that something is left. Raises ProtocolError.
        """
        frame = self._frames.next()
        if frame is None:
            return None
        if frame.kind != DATA or not 0 < len(frame.payload) <= self._body:
            raise ProtocolError("a body that is not as long as was announced")
        self._body -= len(frame.payload)
        return frame.payload
