"""Readers of the HTTP health checks: the requests, and what holds for all of them.

Not for sending the requests; the host does that (``host.service.probes``).
"""

from __future__ import annotations

import re

from relstore.client.config.readers import several, string
from relstore.client.config.setting import PathBase
from relstore.errors import UsageError
from relstore.formats.recipe import Http, HttpUrl

_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+: ?[^\x00-\x1f\x7f]*")
_TABLE_KEYS = ("url", "status", "body", "headers", "socket")


def read_requests(value: object, base: PathBase) -> tuple[Http, ...]:
    """URLs and tables, one or several."""
    items = value if isinstance(value, list) else [value]
    if not items:
        raise UsageError("has no URL", hint="Name at least one, or remove the key.")
    return tuple(_request(item, base) for item in items)


def _request(value: object, base: PathBase) -> Http:
    """One request: a URL, or a table of what is sent and expected."""
    table = value if isinstance(value, dict) else {"url": value}
    unknown = sorted(set(table) - set(_TABLE_KEYS))
    if unknown:
        raise UsageError(
            f"has the unknown key {unknown[0]!r}", hint=f"The keys are {', '.join(_TABLE_KEYS)}."
        )
    if "url" not in table:
        raise UsageError("has no url", hint='For example { url = "http://127.0.0.1:8080/", status = 200 }.')
    url = string(table["url"])
    HttpUrl.parse(url)
    return Http(
        url,
        read_status(table["status"], base) if "status" in table else 0,
        read_pattern(table["body"], base) if "body" in table else "",
        read_headers(table["headers"], base) if "headers" in table else (),
        read_socket(table["socket"], base) if "socket" in table else "",
    )


def read_status(value: object, base: PathBase) -> int:
    """The status that an answer must have."""
    # A flag gives text.
    number = int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{3}", value) else value
    if not isinstance(number, int) or isinstance(number, bool) or not 100 <= number <= 599:
        raise UsageError(f"{value!r} is not a status", hint="Write a number from 100 to 599.")
    return number


def read_pattern(value: object, base: PathBase) -> str:
    """A regular expression."""
    text = string(value)
    try:
        re.compile(text)
    except re.error as error:
        raise UsageError(f"{text!r} is not a regular expression: {error}") from None
    return text


def read_socket(value: object, base: PathBase) -> str:
    """The absolute path of a Unix socket on the host."""
    path = string(value)
    if not path.startswith("/"):
        raise UsageError(
            f"{path!r} is not an absolute path", hint="Write the path of the socket on the host, from '/'."
        )
    return path


def read_headers(value: object, base: PathBase) -> tuple[str, ...]:
    """An array of lines ``Name: value``."""
    headers = tuple(string(line) for line in several(value, "header"))
    for line in headers:
        if not _HEADER.fullmatch(line):
            raise UsageError(f"{line!r} is not a header", hint='For example "Host: example.org".')
    return headers
