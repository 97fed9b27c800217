"""Which address of an origin is tried first."""

from __future__ import annotations

import socket
import time

import pytest

from relstore.formats.origin_url import OriginUrl
from relstore.host.upload import origin_connection


def test_a_family_that_leads_nowhere_holds_up_only_one_try(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        nowhere = [(f"100::{number}", port, 0, 0) for number in range(1, 4)]
        found = [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", address) for address in nowhere]
        found.append((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)))
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        began = time.monotonic()
        url = OriginUrl.parse(f"http://origin.example:{port}/")
        origin_connection.connect(url, "", 30.0, lambda _: None).close()
        assert time.monotonic() - began < 3 * origin_connection._CONNECT_S


def test_a_name_without_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [])
    with pytest.raises(OSError, match="no address"):
        origin_connection.connect(OriginUrl.parse("http://origin.example/"), "", 1.0, lambda _: None)
