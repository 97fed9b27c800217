"""The keys that say when a release counts as healthy."""

from __future__ import annotations

import re

from relstore.client.config.http_reader import (
    read_headers,
    read_pattern,
    read_requests,
    read_socket,
    read_status,
)
from relstore.client.config.keys.service import RUNNING
from relstore.client.config.readers import COMMAND, MILLISECONDS, several, string
from relstore.client.config.setting import DefaultedSetting, PathBase, Setting, ValueType
from relstore.errors import UsageError

TITLE = "When a release is healthy"
INTRO = (
    "A release is healthy once its units' main processes have stayed up for `health-stable` and every check "
    "below has passed. The host runs the checks itself. The keys http-status, http-body, "
    "http-headers and http-socket hold for every request that does not set its own."
)

_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")


def _addresses(value: object, base: PathBase) -> tuple[str, ...]:
    addresses = []
    for item in several(value, "address"):
        match = _ADDRESS.fullmatch(string(item))
        if not match or not 0 < int(match[2]) < 65536:
            raise UsageError(f"{item!r} is not HOST:PORT", hint='For example "127.0.0.1:8080".')
        addresses.append(match[0])
    return tuple(addresses)


HTTP = Setting(
    "http",
    ValueType("URL, table, or a list of these", "URL", read_requests, repeatable=True),
    help="Healthy once this URL answers with status 200 to 399.",
    more="Instead of a URL, it may be a table with url, status, body, headers and socket.",
    example="http://127.0.0.1:8080/health",
    commands=RUNNING,
)
HTTP_STATUS = Setting(
    "http-status",
    ValueType("integer", "NUMBER", read_status),
    help="Require exactly this status of the HTTP answer.",
    example=200,
    absent="any from 200 to 399",
    commands=RUNNING,
)
HTTP_BODY = Setting(
    "http-body",
    ValueType("regular expression", "REGEX", read_pattern),
    help="Require that the body of the HTTP answer contains a match of this regular expression.",
    example="ok",
    commands=RUNNING,
)
HTTP_HEADERS = Setting(
    "http-headers",
    ValueType("string, or a list of strings", "LINE", read_headers, repeatable=True),
    help="Send this header (`Name: value`) with the HTTP request.",
    example=["Host: www.example.com"],
    commands=RUNNING,
)
HTTP_SOCKET = Setting(
    "http-socket",
    ValueType("path on the host", "PATH", read_socket),
    help="Send the HTTP request through this Unix socket on the host.",
    more="Only the path and the host name of the URL count then.",
    example="/run/web/web.sock",
    commands=RUNNING,
)
TCP = Setting(
    "tcp",
    ValueType("address, or a list of addresses", "HOST:PORT", _addresses, repeatable=True),
    help="Healthy once this address accepts connections.",
    example="127.0.0.1:8080",
    commands=RUNNING,
)
HEALTH_COMMAND = Setting(
    "health-command",
    COMMAND,
    help="Healthy once this command exits with code 0 on the host.",
    example="curl -fsS http://127.0.0.1:8080/health",
    commands=RUNNING,
)
HEALTH_TIMEOUT = DefaultedSetting(
    "health-timeout",
    MILLISECONDS,
    help="How long to wait for the release to become healthy.",
    example="30s",
    default="30s",
    commands=RUNNING,
)
HEALTH_INTERVAL = DefaultedSetting(
    "health-interval",
    MILLISECONDS,
    help="The pause between two health checks.",
    example="500ms",
    default="500ms",
    commands=RUNNING,
)
HEALTH_STABLE = DefaultedSetting(
    "health-stable",
    MILLISECONDS,
    help="How long a unit's main process must stay up.",
    example="3s",
    default="3s",
    commands=RUNNING,
)
