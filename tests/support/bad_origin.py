"""A web server that gives files in every wrong way: the first part of a path says which. A process of its own.

``python -m tests.support.bad_origin DIRECTORY LOG`` prints its port. LOG gets a line for each request: the path
without its query, and the range that was asked for.
"""

from __future__ import annotations

import contextlib
import os
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_LOCK = threading.Lock()


@dataclass(frozen=True)
class BadOrigin:
    """One that runs."""

    port: int
    directory: Path
    log: Path

    def url(self, way: str) -> str:
        return f"http://127.0.0.1:{self.port}/{way}"

    def requests(self) -> list[str]:
        return self.log.read_text().splitlines()


@contextlib.contextmanager
def bad_origin(directory: Path) -> Iterator[BadOrigin]:
    """Serves the files of ``directory``."""
    log = directory.parent / f"{directory.name}.log"
    log.touch()
    words = [sys.executable, "-m", "tests.support.bad_origin", str(directory), str(log)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield BadOrigin(int(process.stdout.readline()), directory, log)
        finally:
            process.kill()


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            self._handle()

    def _handle(self) -> None:
        line = self.rfile.readline().decode("latin-1").split()
        headers = {}
        while (header := self.rfile.readline().strip()) != b"":
            name, _, value = header.decode("latin-1").partition(": ")
            headers[name.lower()] = value
        path = line[1].partition("?")[0]
        asked = headers.get("range", "")
        with _LOCK, open(self.server.log, "a") as log:
            print(path, asked or "-", file=log, flush=True)
        way, _, name = path[1:].partition("/")
        file = self.server.directory / name
        data = file.read_bytes() if file.is_file() else b""
        start = int(asked.partition("=")[2].partition("-")[0]) if asked else 0
        getattr(self, way.replace("-", "_"))(data, start)

    def _head(self, status: str, *headers: str) -> None:
        self.wfile.write("\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode())

    def _give(self, data: bytes, start: int, *headers: str) -> None:
        """All of it, as it should be."""
        if start:
            where = f"Content-Range: bytes {start}-{len(data) - 1}/{len(data)}"
            self._head("206 Partial", where, f"Content-Length: {len(data) - start}", *headers)
        else:
            self._head("200 OK", f"Content-Length: {len(data)}", *headers)
        self.wfile.write(data[start:])

    def good(self, data: bytes, start: int) -> None:
        self._give(data, start)

    def head_first(self, data: bytes, start: int) -> None:
        self._head("200 OK", f"Content-Length: {len(data)}")
        time.sleep(0.3)
        self.wfile.write(data)

    def _half(self, data: bytes) -> None:
        self._head("200 OK", f"Content-Length: {len(data)}")
        self.wfile.write(data[: len(data) // 2 + 100])

    def breaks(self, data: bytes, start: int) -> None:
        if start:
            self._give(data, start)
        else:
            self._half(data)

    def breaks_without_range(self, data: bytes, start: int) -> None:
        if start:
            self._give(data, 0)
        else:
            self._half(data)

    def wrong_range(self, data: bytes, start: int) -> None:
        if start:
            where = f"Content-Range: bytes {start - 50}-{len(data) - 51}/{len(data)}"
            self._head("206 Partial", where, f"Content-Length: {len(data) - start}")
            self.wfile.write(data[start - 50 : -50])
        else:
            self._half(data)

    def always_half(self, data: bytes, start: int) -> None:
        if start:
            self._head("206 Partial", f"Content-Range: bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            self._half(data)

    def lies(self, data: bytes, start: int) -> None:
        self._give(bytes(len(data)), start)

    def lies_late(self, data: bytes, start: int) -> None:
        self._give(data[:-1] + bytes([data[-1] ^ 1]), start)

    def slow(self, data: bytes, start: int) -> None:
        self._head("200 OK", f"Content-Length: {len(data)}")
        for byte in data:
            self.wfile.write(bytes([byte]))
            time.sleep(0.1)

    def stalls(self, data: bytes, start: int) -> None:
        self._half(data)
        time.sleep(600)

    def silent(self, data: bytes, start: int) -> None:
        time.sleep(600)

    def redirects(self, data: bytes, start: int) -> None:
        self._head("307 Temporary", "Location: http://169.254.169.254/latest/meta-data/", "Content-Length: 0")

    def redirects_home(self, data: bytes, start: int) -> None:
        self._head("302 Found", "Location: /good/elsewhere", "Content-Length: 0")

    def forbids(self, data: bytes, start: int) -> None:
        body = b"<Error><Code>AccessDenied</Code><Signature>SECRET-IN-BODY</Signature></Error>"
        self._head("403 SECRET-IN-STATUS", f"Content-Length: {len(body)}")
        self.wfile.write(body)

    def missing(self, data: bytes, start: int) -> None:
        self._head("404 Not Found", "Content-Length: 0")

    def busy(self, data: bytes, start: int) -> None:
        self._head("503 Slow Down", "Content-Length: 0")

    def endless(self, data: bytes, start: int) -> None:
        self._head("200 OK")
        while True:
            self.wfile.write(bytes(65536))

    def endless_head(self, data: bytes, start: int) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        while True:
            self.wfile.write(b"x" * 65536)

    def no_length(self, data: bytes, start: int) -> None:
        self._head("200 OK")
        self.wfile.write(data)

    def longer(self, data: bytes, start: int) -> None:
        self._give(data, start)
        with contextlib.suppress(OSError):
            self.wfile.write(bytes(1 << 20))

    def other_size(self, data: bytes, start: int) -> None:
        self._give(data + b"more", start)

    def gzip(self, data: bytes, start: int) -> None:
        self._give(data, start, "Content-Encoding: gzip")

    def chunked(self, data: bytes, start: int) -> None:
        self._head("200 OK", "Transfer-Encoding: chunked")
        self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data))

    def no_http(self, data: bytes, start: int) -> None:
        self.wfile.write(b"220 SECRET-IN-GREETING ready\r\n\r\n")


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, directory: Path, log: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.directory, self.log = directory, log

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hung up."""


if __name__ == "__main__":
    os.setsid()
    socket.setdefaulttimeout(600)
    with _Server(Path(sys.argv[1]), Path(sys.argv[2])) as running:
        print(running.server_address[1], flush=True)
        running.serve_forever()
