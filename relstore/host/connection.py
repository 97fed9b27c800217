"""The helper's end of the conversation: blocking frames over two binary streams.

Reads requests with their bodies, writes replies. A body is handed on piece by piece, so that memory
does not grow with it. Not for what requests do (``session``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from relstore import protocol
from relstore.errors import ProtocolError
from relstore.protocol import fields as shape
from relstore.protocol import framing


class Wire:
    """Both directions of one session."""

    def __init__(self, source: BinaryIO, sink: BinaryIO, ahead: BinaryIO | None = None) -> None:
        """``ahead``: whole frames that come before those of ``source``."""
        self._source = source
        self._ahead = ahead
        self._sink = sink
        self._body = 0

    def receive(self) -> protocol.Message | None:
        """The next request, or None at the end. Raises ProtocolError, FormatError.

        What is left of the body before is read and dropped first, so that a request that failed
        half-way through its body does not put the ones behind it out of step.
        """
        for _ in self.body():
            pass
        header = self._read(framing.HEADER_BYTES)
        if not header:
            return None
        kind, payload = self._payload(header)
        if kind != framing.MESSAGE:
            raise ProtocolError("bytes of a body that no message announced")
        message = protocol.decode(payload, protocol.REQUESTS)
        self._body = message.body
        return message

    def body(self) -> Iterator[bytes]:
        """The pieces of the body of the last request, each at most a frame long."""
        while self._body:
            kind, payload = self._payload(self._read(framing.HEADER_BYTES))
            if kind != framing.DATA or not payload or len(payload) > self._body:
                raise ProtocolError("a body that is not as long as was announced")
            self._body -= len(payload)
            yield payload

    def whole_body(self, limit: int) -> bytes:
        """The body of the last request in one piece. Raises ProtocolError when it is over ``limit``."""
        if self._body > limit:
            raise ProtocolError(f"a body of {self._body} bytes; at most {limit}")
        return b"".join(self.body())

    def send(self, value: Any, body: bytes = b"") -> None:
        """One reply or event, with its body. Raises BrokenPipeError, whatever keeps it from the client."""
        try:
            self._sink.write(
                framing.encode(framing.MESSAGE, protocol.encode(shape.readable(value), len(body)))
            )
            for start in range(0, len(body), framing.DATA_BYTES):
                self._sink.write(framing.encode(framing.DATA, body[start : start + framing.DATA_BYTES]))
            self._sink.flush()
        except OSError as error:
            # Not to be taken for an error of the store, which would be told to the client.
            raise BrokenPipeError(error.errno, error.strerror) from None

    def _payload(self, header: bytes) -> tuple[bytes, bytes]:
        if len(header) < framing.HEADER_BYTES:
            raise ProtocolError("the conversation broke off in the middle of a frame")
        kind, length = framing.parse_header(header)
        payload = self._read(length)
        if len(payload) != length:
            raise ProtocolError("the conversation broke off in the middle of a frame")
        return kind, payload

    def _read(self, count: int) -> bytes:
        if self._ahead is not None:
            data = self._ahead.read(count)
            if data or not count:
                return data
            self._ahead = None
        return self._source.read(count)
