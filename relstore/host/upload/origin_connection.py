"""A connection to an origin: its addresses, TCP, TLS. It never goes through a proxy.

Runs in a process of its own (``drawing``), which can be ended while a name is looked up. Not for what is said
over it (``origin_fetch``).
"""

from __future__ import annotations

import importlib
import itertools
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

from relstore.errors import OriginError
from relstore.formats.origin_url import OriginUrl

_CONNECT_S = 5.0
"""For each address: behind one that swallows packets may be one that answers."""

Address = tuple[Any, ...]
"""A family, and what ``connect`` takes."""


def connect(url: OriginUrl, authorities: str, patience: float, say: Callable[[str], None]) -> socket.socket:
    """An open connection. Raises OSError for what may pass; OriginError for what does not.

    ``authorities``: PEM of the only ones to trust; ``""`` for those of this host. ``say``: what is tried.
    """
    say("its name is looked up")
    addresses = _alternating(_addresses(url))
    failure: OSError = OSError("its name has no address")
    for family, address in addresses:
        say("a connection is opened")
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(min(_CONNECT_S, patience))
            connection.connect(address)
            connection.settimeout(patience)
            if url.secure:
                say("TLS is negotiated")
                return _secured(connection, url.host, authorities)
            return connection
        except OSError as error:
            connection.close()
            failure = error
        except BaseException:
            connection.close()
            raise
    raise failure


def _addresses(url: OriginUrl) -> list[Address]:
    found = socket.getaddrinfo(url.host.encode("ascii"), url.port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in found]


def _alternating(addresses: Sequence[Address]) -> list[Address]:
    """One of each family in turn, the preferred first: a whole family may lead nowhere (RFC 8305)."""
    if not addresses:
        return []
    preferred = [each for each in addresses if each[0] == addresses[0][0]]
    others = [each for each in addresses if each[0] != addresses[0][0]]
    pairs = itertools.zip_longest(preferred, others)
    return [each for pair in pairs for each in pair if each is not None]


def _secured(connection: socket.socket, host: str, authorities: str) -> socket.socket:
    try:
        ssl = importlib.import_module("ssl")
    except ImportError:
        raise OriginError("the Python of this host has no TLS") from None
    try:
        context = ssl.create_default_context(cadata=authorities or None)
    except ssl.SSLError:
        raise OriginError("the certificates of `origin-ca` cannot be read") from None
    if authorities:
        # Private authorities are often made without the extensions that newer Pythons insist on.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    try:
        secured: socket.socket = context.wrap_socket(connection, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        now = time.strftime("%Y-%m-%d %H:%M", time.gmtime())
        raise OriginError(
            f"its certificate is not accepted: {error.verify_message} (this host's clock says {now} UTC)"
        ) from None
    return secured
