"""What the kernel tells of a connection, and that nothing is made up where it tells nothing."""

from __future__ import annotations

import os
import socket
import struct
import sys

import pytest

from relstore.client.connection.transport.link_state import LinkState, link_state, parse


def info(*, limited: bool = False, microseconds: int = 40_000, rate: int = 2_400_000) -> bytes:
    made = bytearray(168)
    made[7] = limited
    struct.pack_into("=I", made, 68, microseconds)
    struct.pack_into("=Q", made, 160, rate)
    return bytes(made)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (info(), LinkState(0.04, 2_400_000.0)),
        (info(limited=True), LinkState(0.04, None)),
        (info(rate=0), LinkState(0.04, None)),
        (info()[:160], None),
        (b"", None),
    ],
)
def test_what_is_read(raw: bytes, expected: LinkState | None) -> None:
    assert parse(raw) == expected


def test_what_has_no_link() -> None:
    assert link_state(None) is None
    one, other = socket.socketpair()
    with one, other:
        assert link_state(one) is None


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells")
def test_a_real_connection() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as client,
        listener.accept()[0] as server,
    ):
        for _ in range(50):
            client.sendall(os.urandom(65536))
            left = 65536
            while left:
                left -= len(server.recv(left))
        state = link_state(client)
        assert state is not None
        assert 0 < state.round_trip < 0.1
