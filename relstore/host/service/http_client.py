"""Sends one HTTP/1.1 request and reads the response, whatever the server sends: bounded in size and in time.

Over TCP or a Unix socket. python3-minimal has no ``http``, and HTTP/1.0 is refused by some servers (Envoy
answers 426). Not for judging the response (``probes``).
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager

from relstore.formats.recipe import Http, HttpUrl
from relstore.host.service.http_reader import (
    HttpReader,
    ResponseHead,
    content_length,
    quoted,
    response_head,
    time_left,
)

BODY_BYTES = 256 * 1024
"""As much of a body is read."""
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;.*)?\Z", re.DOTALL)


class Response:
    """A response whose head was read; the body is read on demand."""

    def __init__(self, head: ResponseHead, reader: HttpReader) -> None:
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
        length = None if codings[-1] else content_length(self._headers.get("content-length", ""))
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
        connection.settimeout(time_left(deadline))
        connection.sendall(_request(probe, url))
        reader = HttpReader(connection, deadline)
        yield Response(response_head(reader), reader)


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


def _connect(probe: Http, url: HttpUrl, deadline: float) -> socket.socket:
    if not probe.socket:
        return socket.create_connection((url.host, url.port), timeout=time_left(deadline))
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(time_left(deadline))
        connection.connect(probe.socket)
    except OSError:
        connection.close()
        raise
    return connection
