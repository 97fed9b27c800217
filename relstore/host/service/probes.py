"""Probes a running service once: with an HTTP request, a TCP connection, or a command of the deployer's.

Each probe returns ``""`` if the answer is the expected one, else what came instead. Not for when and how
often to probe (``health``), nor for HTTP itself (``http_client``).
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Mapping

from relstore.errors import UsageError
from relstore.formats.command import Command
from relstore.formats.recipe import Http
from relstore.host.service import commands, http_client, http_reader
from relstore.host.service.http_client import Response
from relstore.host.service.pump import OutputSink

_QUOTED = 200


def http(probe: Http, seconds: float) -> str:
    """Send the request once; all of it may take ``seconds``."""
    try:
        with http_client.get(probe, time.monotonic() + seconds) as response:
            problem = _judge(probe, response)
    except (OSError, ValueError, UsageError) as error:
        problem = _why(error)
    return f"{name(probe)}: {problem}" if problem else ""


def name(probe: Http) -> str:
    """How a problem with it begins."""
    return f"{probe.url}{f' over {probe.socket}' if probe.socket else ''}"


def tcp(address: str, seconds: float) -> str:
    """Connect to ``host:port`` once."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=seconds).close()
    except (OSError, ValueError, OverflowError) as error:
        return f"{address}: {_why(error)}"
    return ""


def command(
    probe: Command, variables: Mapping[str, str], *, directory: str, output: OutputSink, seconds: float
) -> str:
    """Run it once, for at most ``seconds`` or its own limit, whichever is less."""
    limit = max(1, int(min(seconds, probe.timeout)))
    ran = commands.run(probe.words, variables=variables, directory=directory, output=output, seconds=limit)
    return ran.problem


def _judge(probe: Http, response: Response) -> str:
    """Why the response is not the expected one, or ``""``. Its body is read only if it matters."""
    status = response.status
    if not (status == probe.status if probe.status else 200 <= status < 400):
        return f"status {status}{_beginning(response)}"
    if probe.body:
        body = response.body()
        try:
            match = re.search(probe.body, body.decode("utf-8", "replace"))
        except re.error as error:
            return f"{probe.body!r} is not a regular expression: {error}"
        if not match:
            return f"its body does not match {probe.body!r}{_body(body)}"
    return ""


def _beginning(response: Response) -> str:
    try:
        return _body(response.body(_QUOTED))
    except (OSError, ValueError):
        return ""


def _body(data: bytes) -> str:
    text = http_reader.quoted(data)
    return f", body{text}" if text else ""


def _why(error: Exception) -> str:
    if isinstance(error, socket.timeout):
        return "no answer in time"
    if isinstance(error, OSError):
        return (error.strerror or str(error)).lower()
    return str(error)
