"""Fetches the bytes of one stream from an origin by HTTP/1.1, and goes on by Range where a connection breaks.

Only the URL itself: no redirect is followed, so that no server can send this host elsewhere. Nothing that a
server says is repeated, and nothing of the URL. The bytes are not verified here (``drawing``).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import NamedTuple

from relstore.errors import OriginError
from relstore.formats.origin_url import OriginUrl
from relstore.host.service.http_reader import HttpReader, ResponseHead, content_length, response_head
from relstore.host.upload import origin_connection

_READ_BYTES = 64 * 1024
_FAILURES_IN_A_ROW = 3
_FAILURES = 12
_AGAIN_S = 0.5
_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/(?:([0-9]{1,18})|\*)\Z")
_MAY_PASS = (408, 425, 429, 500, 502, 503, 504)
_MEANS = {
    301: "it redirects elsewhere",
    302: "it redirects elsewhere",
    303: "it redirects elsewhere",
    307: "it redirects elsewhere",
    308: "it redirects elsewhere",
    400: "it does not accept the request",
    401: "it refuses the request",
    403: "it refuses the request: the signature has expired or is not its own",
    404: "it does not have the stream",
}


class Order(NamedTuple):
    """What to fetch, and how."""

    url: OriginUrl
    size: int
    authorities: str
    patience: float
    """Seconds to wait for the next bytes."""

    def __repr__(self) -> str:
        return f"Order({self.url!r}, {self.size})"


def fetch(order: Order, take: Callable[[bytes], None], say: Callable[[str], None]) -> None:
    """Give the bytes to ``take``, all of them once and in order. Raises OriginError.

    ``say``: what is being waited for. What fails is tried again from where it stopped.
    """
    taken = failures = in_a_row = 0
    while taken < order.size:
        before = taken
        try:
            for piece in _from(order, taken, say):
                taken += len(piece)
                take(piece)
            if taken < order.size:
                raise ConnectionError("the connection was closed")
        except (OSError, ValueError) as error:
            failures += 1
            in_a_row = 1 if taken > before else in_a_row + 1
            if in_a_row == _FAILURES_IN_A_ROW or failures == _FAILURES:
                raise OriginError(_reason(error)) from None
            time.sleep(_AGAIN_S * in_a_row)


def _from(order: Order, offset: int, say: Callable[[str], None]) -> Iterator[bytes]:
    """The bytes from ``offset`` on, as far as one connection brings them."""
    connection = origin_connection.connect(order.url, order.authorities, order.patience, say)
    with closing(connection):
        connection.settimeout(order.patience)
        connection.sendall(_request(order.url, offset))
        say("its answer is awaited")
        reader = HttpReader(connection, time.monotonic() + order.patience)
        skip = _skipped(response_head(reader), offset, order.size)
        say("bytes are awaited")
        left = order.size - offset + skip
        connection.settimeout(order.patience)
        # The body may begin in the packet of the head, or later.
        data = reader.rest() or connection.recv(_READ_BYTES)
        while data:
            data = data[:left]
            left -= len(data)
            if len(data) > skip:
                yield data[skip:]
            skip = max(skip - len(data), 0)
            data = connection.recv(_READ_BYTES) if left else b""


def _request(url: OriginUrl, offset: int) -> bytes:
    lines = [
        f"GET {url.target} HTTP/1.1",
        f"Host: {url.authority}",
        "User-Agent: relstore",
        "Accept: */*",
        "Accept-Encoding: identity",
        "Connection: close",
    ]
    if offset:
        lines.append(f"Range: bytes={offset}-")
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def _skipped(head: ResponseHead, offset: int, size: int) -> int:
    """How many bytes of the body come before those that were asked for.

    Raises OriginError for an answer that has other bytes, ConnectionError for one that may be right later.
    """
    if head.status in _MAY_PASS:
        raise ConnectionError(f"it answers with status {head.status}")
    if head.status != 206 and head.status != 200:
        means = _MEANS.get(head.status, "it does not give the stream")
        raise OriginError(f"{means} (status {head.status})")
    if head.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise OriginError("it gives the stream encoded again")
    if head.headers.get("transfer-encoding"):
        raise OriginError("it does not say how long the stream is")
    # A server that does not know Range gives all of it once more.
    start = offset if head.status == 206 else 0
    if head.status == 206:
        given = _RANGE.match(head.headers.get("content-range", "").strip())
        if not offset or not given or int(given[1]) != offset or int(given[2]) != size - 1:
            raise OriginError("it gives another range than was asked for")
        if given[3] is not None and int(given[3]) != size:
            raise OriginError("its stream has another size")
    length = content_length(head.headers.get("content-length", ""))
    if length is not None and length != size - start:
        raise OriginError("its stream has another size")
    return offset - start


def _reason(error: Exception) -> str:
    """What went wrong, in words that hold nothing of what the server sent."""
    if isinstance(error, ValueError):
        return "its answer is not HTTP, or was cut off"
    if isinstance(error, TimeoutError) or "timed out" in str(error):
        return "it did not answer in time"
    strerror = getattr(error, "strerror", None)
    return str(strerror or error)[:200]
