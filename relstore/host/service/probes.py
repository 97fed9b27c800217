"""Probes a running service once: with an HTTP request, a TCP connection, or a command of the deployer's.

Each probe returns ``""`` if the answer is the expected one, else what came instead. HTTP, over TCP or a Unix
socket, is implemented here, since python3-minimal has no ``http``. Not for when and how often to probe
(``health``).
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Mapping
from contextlib import closing
from typing import NamedTuple

from relstore.errors import UsageError
from relstore.formats.recipe import Command, Http, HttpUrl
from relstore.host.service import commands
from relstore.host.service.pump import Output

_ANSWER_BYTES = 256 * 1024
_QUOTED = 200
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: [^\r\n]*)?\r?\n")


class Answer(NamedTuple):
    """An HTTP response: its status, and the beginning of its body."""

    status: int
    body: bytes


def http(probe: Http, seconds: float) -> str:
    """Send the request once; all of it may take ``seconds``."""
    name = f"{probe.url}{f' over {probe.socket}' if probe.socket else ''}"
    try:
        answer = _request(probe, time.monotonic() + seconds)
    except (OSError, ValueError, UsageError) as error:
        return f"{name}: {_why(error)}"
    if not (answer.status == probe.status if probe.status else 200 <= answer.status < 400):
        return f"{name}: status {answer.status}{_quoted(answer.body)}"
    if probe.body:
        try:
            match = re.search(probe.body, answer.body.decode("utf-8", "replace"))
        except re.error as error:
            return f"{name}: {probe.body!r} is not a regular expression: {error}"
        if not match:
            return f"{name}: its body does not match {probe.body!r}{_quoted(answer.body)}"
    return ""


def tcp(address: str, seconds: float) -> str:
    """Connect to ``host:port`` once."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=seconds).close()
    except (OSError, ValueError, OverflowError) as error:
        return f"{address}: {_why(error)}"
    return ""


def command(
    probe: Command, variables: Mapping[str, str], *, directory: str, output: Output, seconds: float
) -> str:
    """Run it once, for at most ``seconds`` or its own limit, whichever is less."""
    limit = max(1, int(min(seconds, probe.timeout)))
    return commands.run(probe.words, variables=variables, directory=directory, output=output, seconds=limit)


def _request(probe: Http, deadline: float) -> Answer:
    url = HttpUrl.parse(probe.url)
    # HTTP/1.0: the answer is not chunked, and ends with the connection.
    lines = [f"GET {url.path} HTTP/1.0", "User-Agent: relstore", "Accept: */*", "Connection: close"]
    if not any(header.lower().startswith("host:") for header in probe.headers):
        lines.append(f"Host: {url.authority}")
    request = "\r\n".join([*lines, *probe.headers, "", ""]).encode("utf-8")
    with closing(_connect(probe, url, deadline)) as connection:
        connection.sendall(request)
        raw = b""
        while len(raw) < _ANSWER_BYTES:
            connection.settimeout(_left(deadline))
            data = connection.recv(64 * 1024)
            if not data:
                break
            raw += data
            if _is_whole(raw):
                break
    status = _STATUS.match(raw)
    if not status:
        raise ValueError(
            f"no HTTP answer{_quoted(raw)}" if raw else "the connection was closed without an answer"
        )
    _, _, body = raw.partition(b"\r\n\r\n")
    return Answer(int(status[1]), body)


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


def _is_whole(raw: bytes) -> bool:
    """Whether all bytes that Content-Length announces have arrived; the server may not close by itself."""
    head, separator, body = raw.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *([0-9]{1,12})\r?(?:\n|\Z)", head)
    return bool(separator and length and len(body) >= int(length[1]))


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise socket.timeout("timed out")
    return left


def _why(error: Exception) -> str:
    if isinstance(error, socket.timeout):
        return "no answer in time"
    if isinstance(error, OSError):
        return (error.strerror or str(error)).lower()
    return str(error)


def _quoted(body: bytes) -> str:
    text = " ".join(body[:_QUOTED].decode("utf-8", "replace").split())
    return f", body {text!r}" if text else ""
