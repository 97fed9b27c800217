"""The URL of a stream at an origin, checked before it is used. Not for fetching it (``host.upload``)."""

from __future__ import annotations

import re
from typing import NamedTuple

from relstore.errors import FormatError

MAX_URL = 8192
"""A presigned URL with a long session token has about 2,000 characters."""
_URL = re.compile(r"(https?)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?([/?][!-~]*)?\Z")
_PORTS = {"http": 80, "https": 443}


class OriginUrl(NamedTuple):
    """What an ``http://`` or ``https://`` URL names. The target may hold a signature: it is a secret."""

    secure: bool
    host: str
    port: int
    target: str
    """The path with its query, as it stands in the request."""
    authority: str
    """For the Host header."""

    @classmethod
    def parse(cls, url: str) -> OriginUrl:
        """Raises FormatError, which does not repeat the URL."""
        match = _URL.match(url) if len(url) <= MAX_URL and "#" not in url else None
        if match is None or not 0 < int(match[3] or 80) < 65536:
            raise FormatError("the URL of the origin is not one of the form https://HOST[:PORT]/PATH")
        target = match[4] or "/"
        return cls(
            match[1] == "https",
            match[2].strip("[]"),
            int(match[3] or _PORTS[match[1]]),
            target if target.startswith("/") else f"/{target}",
            match[2] + (f":{match[3]}" if match[3] else ""),
        )

    def __repr__(self) -> str:
        return f"OriginUrl({self.authority})"
