"""The helper's end of the conversation: blocking reads and writes on two binary streams.

A body is handed on piece by piece, so that memory does not grow with it. Not for the rules of the
conversation (``protocol.conversation``) nor for what requests do (``session``).
"""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from typing import Any, BinaryIO

from relstore import protocol
from relstore.errors import ProtocolError
from relstore.protocol import conversation, fields
from relstore.protocol.conversation import Incoming

_F_SETPIPE_SZ = 1031
"""Of fcntl(2); Python names it from 3.10 on."""
_PIPE_BYTES = 1024 * 1024
"""As much as an ordinary account may have (pipe-max-size)."""


class Wire:
    """Both directions of one session."""

    def __init__(self, source: BinaryIO, sink: BinaryIO, ahead: BinaryIO | None = None) -> None:
        """``ahead``: whole frames that come before those of ``source``."""
        self._source = source
        self._ahead = ahead
        self._sink = sink
        self._incoming = Incoming(protocol.REQUESTS)
        self._allowed: tuple[Any, ...] = (protocol.Hello,)
        """What may be sent now, besides a failure."""

    def widen(self) -> None:
        """Let more of what the client sends wait in the pipe, so that bulk bytes come with fewer switches
        between sshd and this process. Where it is no pipe, or the account has many, it stays as it is."""
        with contextlib.suppress(OSError, ValueError):
            fcntl.fcntl(self._source.fileno(), _F_SETPIPE_SZ, _PIPE_BYTES)

    def receive(self) -> protocol.Message | None:
        """The next request, or None at the end. Raises ProtocolError, FormatError.

        What is left of the body before is dropped, so that a request that failed half-way through its body
        does not put the ones behind it out of step.
        """
        while (message := self._incoming.next_message()) is None:
            if not self._fill():
                return None
        self._allowed = protocol.answers_to(type(message.value))
        return message

    def fileno(self) -> int:
        """The descriptor that requests come from: it is readable when one is there or the client is gone."""
        return self._source.fileno()

    def body(self) -> Iterator[bytes]:
        """The pieces of the body of the last request, each at most a frame long."""
        while self._incoming.body:
            piece = self._incoming.next_piece()
            if piece is None:
                self._fill()
            else:
                yield piece

    def whole_body(self, limit: int) -> bytes:
        """The body of the last request in one piece. Raises ProtocolError when it is over ``limit``."""
        if self._incoming.body > limit:
            raise ProtocolError(f"a body of {self._incoming.body} bytes; at most {limit}")
        return b"".join(self.body())

    def send(self, value: Any, body: bytes = b"") -> None:
        """One reply or event, with its body. Raises BrokenPipeError, whatever keeps it from the client.

        A class that does not answer the last request is a bug: WrongReplyError.
        """
        if type(value) not in (*self._allowed, protocol.Failure):
            raise protocol.WrongReplyError(f"{type(value).__name__} does not answer the last request")
        try:
            for frame in conversation.frames(fields.readable(value), body):
                self._sink.write(frame)
            self._sink.flush()
        except OSError as error:
            # Not to be taken for an error of the store, which would be told to the client.
            raise BrokenPipeError(error.errno, error.strerror) from None

    def _fill(self) -> bool:
        """Read some more; False at the end of the input. Raises ProtocolError when that is in the middle."""
        data = self._read(self._incoming.missing)
        if data:
            self._incoming.feed(data)
        else:
            self._incoming.end()
        return bool(data)

    def _read(self, count: int) -> bytes:
        if self._ahead is not None:
            data = self._ahead.read(count)
            if data:
                return data
            self._ahead = None
        return self._source.read(count)
