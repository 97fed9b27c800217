"""Servers that a client waits for in vain. Each gives its port at ``ADDRESS``."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

from tests.support.hosts.sshd import ADDRESS


@contextlib.contextmanager
def silent() -> Iterator[int]:
    """It accepts connections and says nothing."""
    with socket.create_server((ADDRESS, 0)) as server:
        yield server.getsockname()[1]


@contextlib.contextmanager
def full() -> Iterator[int]:
    """It does not even accept: its queue is full."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind((ADDRESS, 0))
        server.listen(0)
        port = server.getsockname()[1]
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex((ADDRESS, port))
        yield port
