"""Calls the demo's web service all the time and counts the answers. Not for judging them (``story``)."""

from __future__ import annotations

import socket
import threading
from collections import Counter

_TIMEOUT_S = 5.0
_PAUSE_S = 0.002


class Caller:
    """Calls in a thread from the start until ``stop``."""

    def __init__(self, port: int) -> None:
        self.requests = 0
        self.failures: list[str] = []
        self.versions: Counter[str] = Counter()
        self._port = port
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._call, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _call(self) -> None:
        while not self._stopping.wait(_PAUSE_S):
            self.requests += 1
            try:
                self.versions[get(self._port)] += 1
            except (OSError, ValueError) as error:
                self.failures.append(str(error))


def get(port: int) -> str:
    """The body of one request on a new connection. Raises OSError, ValueError for a bad answer."""
    with socket.create_connection(("127.0.0.1", port), _TIMEOUT_S) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        answer = b""
        while piece := connection.recv(4096):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.0 200 "):
        raise ValueError(f"an answer that begins with {head[:40]!r}")
    return body.decode("ascii")
