"""A TCP relay between a client and a server that does something at one exact moment.

It counts the pieces that the client sends, or their bytes; before the Nth is passed on, it calls an action once:
kill the client, kill the server's child, or just cut. What the network does to people, on demand.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Callable

_PIECE = 65536


class Relay:
    """Listens on a port of its own and passes everything on to ``port``. Use as a context."""

    def __init__(self, port: int, moment: int, action: Callable[[], None], *, in_bytes: bool = False) -> None:
        """``moment``: the number of the piece, or ``in_bytes`` the number of bytes: pieces vary with the load."""
        self._server_port = port
        self._moment = moment
        self._action = action
        self._in_bytes = in_bytes
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.pieces = 0
        self.bytes = 0
        """Of those pieces."""
        self.acted = False
        self._closing = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, *exc: object) -> None:
        self._closing.set()
        for thread in self._threads:
            thread.join(timeout=10)
        self._listener.close()  # not before: who waits for it in select would have a descriptor of nothing

    def _accept(self) -> None:
        while not self._closing.is_set():
            ready, _, _ = select.select([self._listener], [], [], 0.05)
            if ready and not self._closing.is_set():
                with contextlib.suppress(OSError):
                    client, _address = self._listener.accept()
                    thread = threading.Thread(target=self._pass_on, args=(client,), daemon=True)
                    self._threads.append(thread)
                    thread.start()

    def _pass_on(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._server_port))
        except OSError:  # the server has gone; to the client that is a connection that ends
            client.close()
            return
        with client, server:
            while not self._closing.is_set():
                ready, _, _ = select.select([client, server], [], [], 0.05)
                for source in ready:
                    try:
                        data = source.recv(_PIECE)
                        if not data:
                            return
                        if source is client:
                            self._count(len(data))
                        (server if source is client else client).sendall(data)
                    except OSError:
                        return

    def _count(self, size: int) -> None:
        self.pieces += 1
        self.bytes += size
        passed = self.bytes if self._in_bytes else self.pieces
        if passed >= self._moment > 0 and not self.acted:
            self.acted = True
            self._action()
