"""Sends one HTTP/1.1 request and reads the response, whatever the server sends: bounded in size and in time.

Over TCP or a Unix socket. python3-minimal has no ``http``, and HTTP/1.0 is refused by some servers (Envoy
answers 426). Not for judging the response (``probes``).
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import NamedTuple

from relstore.formats.recipe import Http, HttpUrl

BODY_BYTES = 256 * 1024
"""As much of a body is read."""
_HEAD_BYTES = 64 * 1024
_TOTAL_BYTES = 1024 * 1024
"""With everything around the body: interim responses, the sizes and extensions of chunks."""
_INTERIM_RESPONSES = 16
_QUOTED = 200
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: .*)?\Z", re.DOTALL)
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;.*)?\Z", re.DOTALL)
_LENGTH = re.compile(r"[0-9]{1,18}\Z")


class Response:
    """A response whose head was read; the body is read on demand."""

    def __init__(self, head: _Head, reader: _Reader) -> None:
        self.status = head.status
        self._headers = head.headers
        self._reader = reader

    def body(self, limit: int = BODY_BYTES) -> bytes:
        """The first ``limit`` bytes of the body.

        Raises OSError; and ValueError for a body that is cut off or malformed.
        """
        if self.status in (204, 304) or self.status < 200:
            return b""
        codings = [coding.strip().lower() for coding in self._headers.get("transfer-encoding", "").split(",")]
        if codings[-1] == "chunked":
            return self._chunked(limit)
        length = None if codings[-1] else _length(self._headers.get("content-length", ""))
        if length is not None:
            return self._reader.exactly(length, limit)
        return b"".join(self._reader.to_end(limit))

    def _chunked(self, limit: int) -> bytes:
        body = bytearray()
        while len(body) < limit:
            line = self._reader.line("the size of a chunk")
            size = _CHUNK_SIZE.match(line)
            if not size:
                raise ValueError(f"the size of a chunk is{quoted(line) or ' empty'}")
            if not int(size[1], 16):
                break
            body += self._reader.exactly(int(size[1], 16), limit - len(body))
            if len(body) < limit and self._reader.line("a chunk"):
                raise ValueError("a chunk is longer than its size says")
        return bytes(body)


@contextmanager
def get(probe: Http, deadline: float) -> Iterator[Response]:
    """Send the request and read the head of the response, all by ``deadline`` (monotonic).

    Raises OSError, ValueError; UsageError for what is not a URL.
    """
    url = HttpUrl.parse(probe.url)
    with closing(_connect(probe, url, deadline)) as connection:
        connection.settimeout(_left(deadline))
        connection.sendall(_request(probe, url))
        reader = _Reader(connection, deadline)
        for _ in range(_INTERIM_RESPONSES):
            head = _read_head(reader)
            if head.status >= 200 or head.status == 101:
                yield Response(head, reader)
                return
        raise ValueError(f"more than {_INTERIM_RESPONSES} interim responses")


def quoted(data: bytes) -> str:
    """The beginning of it for a message, or ``""``."""
    text = " ".join(data[:_QUOTED].decode("utf-8", "replace").split())
    return f" {text!r}" if text else ""


class _Head(NamedTuple):
    status: int
    headers: Mapping[str, str]
    """By their names in lower case; the values of a name that is there twice are joined."""


class _Reader:
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
        self._connection.settimeout(_left(self._deadline))
        data = self._connection.recv(64 * 1024)
        self._received += len(data)
        self._buffer += data
        return bool(data)


def _request(probe: Http, url: HttpUrl) -> bytes:
    headers = {
        "host": f"Host: {url.authority}",
        "user-agent": "User-Agent: relstore",
        "accept": "Accept: */*",
        "accept-encoding": "Accept-Encoding: identity",
        "connection": "Connection: close",
    }
    for header in probe.headers:
        headers.pop(header.partition(":")[0].strip().lower(), None)
    lines = [f"GET {url.path} HTTP/1.1", *headers.values(), *probe.headers, "", ""]
    return "\r\n".join(lines).encode("utf-8")


def _read_head(reader: _Reader) -> _Head:
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
            return _Head(int(status[1]), headers)
        size += len(line)
        if size > _HEAD_BYTES:
            raise ValueError(f"its head is longer than {_HEAD_BYTES} bytes")
        name, _, value = line.decode("latin-1").partition(":")
        name, value = name.strip().lower(), value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value


def _length(value: str) -> int | None:
    """The body's length; None if none is given. Raises ValueError."""
    if not value:
        return None
    lengths = {length.strip() for length in value.split(",")}
    if len(lengths) != 1 or not _LENGTH.match(min(lengths)):
        raise ValueError(f"its Content-Length is {value[:_QUOTED]!r}")
    return int(min(lengths))


def _connect(probe: Http, url: HttpUrl, deadline: float) -> socket.socket:
    if not probe.socket:
        return socket.create_connection((url.host, url.port), timeout=_left(deadline))
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(_left(deadline))
        connection.connect(probe.socket)
    except OSError:
        connection.close()
        raise
    return connection


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise socket.timeout("timed out")
    return left
