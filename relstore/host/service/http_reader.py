"""Reads what an HTTP/1.1 server sends, whatever that is: lines, heads, bodies, bounded in size and in time.

Over anything that has ``recv`` and ``settimeout``. Not for connecting, nor for what a response means
(``http_client``, ``upload.origin_fetch``).
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator, Mapping
from typing import NamedTuple

_HEAD_BYTES = 64 * 1024
_TOTAL_BYTES = 1024 * 1024
"""With everything around the body: interim responses, the sizes and extensions of chunks."""
_INTERIM_RESPONSES = 16
_QUOTED = 200
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: .*)?\Z", re.DOTALL)
_LENGTH = re.compile(r"[0-9]{1,18}\Z")


def quoted(data: bytes) -> str:
    """The beginning of it for a message, or ``""``."""
    text = " ".join(data[:_QUOTED].decode("utf-8", "replace").split())
    return f" {text!r}" if text else ""


class ResponseHead(NamedTuple):
    """The first line of a response and its headers."""

    status: int
    headers: Mapping[str, str]
    """By their names in lower case; the values of a name that is there twice are joined."""


class HttpReader:
    """Reads from a connection, in bounds."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection = connection
        self._deadline = deadline
        self._buffer = bytearray()
        self._received = 0

    def line(self, what: str) -> bytes:
        """A line without its end. Raises ValueError if the connection ends before."""
        line = self.first_line()
        if line is None:
            raise ValueError(f"the connection was closed within {what}")
        return line

    def first_line(self) -> bytes | None:
        """A line without its end; None if the connection ends, or the line is too long, before."""
        searched = 0
        while True:
            end = self._buffer.find(b"\n", searched)
            if end >= 0:
                line = bytes(self._buffer[:end])
                del self._buffer[: end + 1]
                return line[:-1] if line.endswith(b"\r") else line
            searched = len(self._buffer)
            if searched > _HEAD_BYTES or not self._fill():
                return None

    def exactly(self, count: int, limit: int) -> bytes:
        """The next ``count`` bytes, at most ``limit`` of them. Raises ValueError if there are fewer."""
        data = b"".join(self.to_end(min(count, limit)))
        if len(data) < min(count, limit):
            raise ValueError(f"the connection was closed after {len(data)} of {count} bytes")
        return data

    def to_end(self, limit: int) -> Iterator[bytes]:
        """All up to the end of the connection, at most ``limit`` bytes."""
        while limit > 0 and (self._buffer or self._fill()):
            part = bytes(self._buffer[:limit])
            del self._buffer[: len(part)]
            limit -= len(part)
            yield part

    def rest(self) -> bytes:
        """What has been received and was not read yet."""
        return bytes(self._buffer)

    def _fill(self) -> bool:
        if self._received > _TOTAL_BYTES:
            raise ValueError(f"it is longer than {_TOTAL_BYTES} bytes")
        self._connection.settimeout(time_left(self._deadline))
        data = self._connection.recv(64 * 1024)
        self._received += len(data)
        self._buffer += data
        return bool(data)


def response_head(reader: HttpReader) -> ResponseHead:
    """The head of the final response, behind any interim ones. Raises OSError, ValueError."""
    for _ in range(_INTERIM_RESPONSES):
        head = _read_head(reader)
        if head.status >= 200 or head.status == 101:
            return head
    raise ValueError(f"more than {_INTERIM_RESPONSES} interim responses")


def _read_head(reader: HttpReader) -> ResponseHead:
    first = reader.first_line()
    status = _STATUS.match(first) if first is not None else None
    if not status:
        data = first if first is not None else reader.rest()
        raise ValueError(
            f"no HTTP answer{', body' * bool(quoted(data))}{quoted(data)}"
            if data
            else "the connection was closed without an answer"
        )
    headers: dict[str, str] = {}
    size = 0
    while True:
        line = reader.line("its head")
        if not line:
            return ResponseHead(int(status[1]), headers)
        size += len(line)
        if size > _HEAD_BYTES:
            raise ValueError(f"its head is longer than {_HEAD_BYTES} bytes")
        name, _, value = line.decode("latin-1").partition(":")
        name, value = name.strip().lower(), value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value


def content_length(value: str) -> int | None:
    """The body's length; None if none is given. Raises ValueError."""
    if not value:
        return None
    lengths = {length.strip() for length in value.split(",")}
    if len(lengths) != 1 or not _LENGTH.match(min(lengths)):
        raise ValueError(f"its Content-Length is {value[:_QUOTED]!r}")
    return int(min(lengths))


def time_left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise socket.timeout("timed out")
    return left
