"""A server that violates SSH: either no sshd at all, or a real one whose bytes are corrupted on the way.

Not for what a helper says over a sound connection (``evil_host``).
"""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator

from tests.proof.mutation import ESCAPES, bent

_PIECE = 65536
_GREETING = b"SSH-2.0-OpenSSH_9.2p1\r\n"
_DISCONNECT = 1
_LONG_S = 60.0

Lie = Callable[[random.Random], Iterator[bytes]]
"""What the server sends, whatever it receives."""


def _no_greeting(chance: random.Random) -> Iterator[bytes]:
    while True:
        yield f"{ESCAPES} {chance.random()}\r\n".encode() * 100


def _long_line(chance: random.Random) -> Iterator[bytes]:
    yield b"SSH-2.0-"
    while True:
        yield b"x" * _PIECE


def _another_protocol(chance: random.Random) -> Iterator[bytes]:
    yield f"HTTP/1.1 400 Bad Request\r\nServer: {ESCAPES}\r\n\r\n".encode()


def _escapes_in_its_name(chance: random.Random) -> Iterator[bytes]:
    yield f"SSH-2.0-{ESCAPES}\r\n".encode()
    yield chance.randbytes(chance.randint(0, 300))


def _long_packet(chance: random.Random) -> Iterator[bytes]:
    yield _GREETING + b"\x7f\xff\xff\xff"
    while True:
        yield b"\0" * _PIECE


def _small_packets(chance: random.Random) -> Iterator[bytes]:
    """SSH_MSG_IGNORE without end."""
    yield _GREETING
    while True:
        yield _packet(b"\x02\0\0\0\0") * 500


def _farewell(chance: random.Random) -> Iterator[bytes]:
    text = (ESCAPES * chance.randint(1, 500)).encode()
    reason = chance.randbytes(4)
    yield _GREETING + _packet(bytes([_DISCONNECT]) + reason + len(text).to_bytes(4, "big") + text + b"\0" * 4)


def _silence(chance: random.Random) -> Iterator[bytes]:
    yield _GREETING[: chance.choice((0, 5, len(_GREETING)))]
    time.sleep(_LONG_S)


def _noise(chance: random.Random) -> Iterator[bytes]:
    yield _GREETING
    yield b"".join(_packet(chance.randbytes(chance.randint(1, 200))) for _ in range(20))


LIES: dict[str, Lie] = {
    "no-greeting": _no_greeting,
    "long-line": _long_line,
    "another-protocol": _another_protocol,
    "escapes-in-its-name": _escapes_in_its_name,
    "long-packet": _long_packet,
    "small-packets": _small_packets,
    "farewell": _farewell,
    "silence": _silence,
    "noise": _noise,
}
BENT = "bent"
"""The lie of a real server: one of its first pieces is corrupted on the way."""
_PIECES = 12


def _packet(payload: bytes) -> bytes:
    """A packet as the protocol defines it before there are keys (RFC 4253, section 6)."""
    padding = 8 - (len(payload) + 5) % 8
    padding += 8 if padding < 4 else 0
    return (len(payload) + padding + 1).to_bytes(4, "big") + bytes([padding]) + payload + bytes(padding)


class EvilServer:
    """Listens on ``port``; for the lie ``bent`` it forwards the server at ``behind``. A context manager."""

    def __init__(self, lie: str, seed: int, behind: int) -> None:
        self._lie, self._seed, self._behind = lie, seed, behind
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._ends: list[socket.socket] = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> EvilServer:
        return self

    def __exit__(self, *exc: object) -> None:
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        chance = random.Random(self._seed)
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._ends.append(client)
                serve = self._bend if self._lie == BENT else self._say
                threading.Thread(target=serve, args=(client, chance), daemon=True).start()

    def _say(self, client: socket.socket, chance: random.Random) -> None:
        with contextlib.suppress(OSError), client:
            for piece in LIES[self._lie](chance):
                client.sendall(piece)

    def _bend(self, client: socket.socket, chance: random.Random) -> None:
        with (
            contextlib.suppress(OSError),
            client,
            socket.create_connection(("127.0.0.1", self._behind)) as real,
        ):
            self._ends.append(real)
            threading.Thread(target=_pass_on, args=(client, real), daemon=True).start()
            when = chance.randrange(_PIECES)
            for number in range(1_000_000):
                data = real.recv(_PIECE)
                if not data:
                    return
                client.sendall(bent(data, chance) if number == when else data)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(_PIECE):
            target.sendall(data)
