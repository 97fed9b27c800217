"""Probes against real servers on loopback: what counts as an answer, and what is said of the others."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from relstore.errors import UsageError
from relstore.formats.recipe import Http, HttpUrl
from relstore.host.service import probes

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


class Server:
    """Answers each connection with ``answer``, and keeps what was asked."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.answer = OK
        self.asked = b""
        self.closes = True
        self._kept: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *exc: object) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)  # it ends accept(), which close() alone does not
        self._thread.join()
        for connection in self._kept:
            connection.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}/health"

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self._kept.append(connection)
            with contextlib.suppress(OSError):  # who asks may have gone
                self.asked = connection.recv(65536)
                connection.sendall(self.answer)
            if self.closes:
                connection.close()


@pytest.fixture
def server() -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as listener, Server(listener) as server:
        yield server


@pytest.mark.parametrize(
    ("answer", "probe", "problem"),
    [
        (OK, Http(""), ""),
        (b"HTTP/1.0 204 No Content\r\n\r\n", Http(""), ""),
        (b"HTTP/1.0 302 Found\r\nLocation: /\r\n\r\n", Http(""), ""),
        (b"HTTP/1.0 200\r\n\r\n", Http(""), ""),
        (b"HTTP/1.0 404 Not Found\r\n\r\nno such page", Http(""), "status 404, body 'no such page'"),
        (b"HTTP/1.0 404 Not Found\r\n\r\n", Http("", 404), ""),
        (OK, Http("", 204), "status 200"),
        (OK, Http("", 0, "^hel+o$"), ""),
        (OK, Http("", 0, "good"), "its body does not match 'good', body 'hello'"),
        (OK, Http("", 0, "("), "is not a regular expression"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Http(""), "no HTTP answer, body 'SSH-2.0-OpenSSH_9.2'"),
        (b"", Http(""), "the connection was closed without an answer"),
        (b"HTTP/1.0 2000 OK\r\n\r\n", Http(""), "no HTTP answer"),
        (b"HTTP/1.1 500 \x1b[31m\r\n\r\n\x1b]0;x\x07", Http(""), "status 500, body '\\x1b]0;x\\x07'"),
    ],
)
def test_what_counts_as_an_answer(answer: bytes, probe: Http, problem: str, server: Server) -> None:
    server.answer = answer
    found = probes.http(probe._replace(url=server.url), 5)
    assert (problem in found) if problem else (found == "")


def test_what_is_asked(server: Server) -> None:
    assert probes.http(Http(server.url, headers=("X-Probe: yes",)), 5) == ""
    assert server.asked.startswith(b"GET /health HTTP/1.1\r\n")
    assert f"\r\nHost: {server.url[7:-7]}\r\n".encode() in server.asked
    assert b"\r\nX-Probe: yes\r\n" in server.asked
    assert b"\r\nConnection: close\r\n" in server.asked
    assert probes.http(Http(server.url, headers=("Host: www.example.org",)), 5) == ""
    assert server.asked.count(b"Host:") == 1


def test_a_server_that_keeps_the_connection_has_answered(server: Server) -> None:
    server.closes = False
    assert probes.http(Http(server.url), 5) == ""


def test_a_server_that_says_nothing_is_given_up(server: Server) -> None:
    server.closes, server.answer = False, b""
    assert probes.http(Http(server.url), 0.2).endswith("no answer in time")


def test_an_endless_answer_is_cut(server: Server) -> None:
    server.answer = b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 1_000_000
    assert probes.http(Http(server.url, body="y"), 5).endswith("'")


def test_over_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "web.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with Server(listener) as server:
            assert probes.http(Http("http://localhost/health", socket=str(path)), 5) == ""
            assert b"\r\nHost: localhost\r\n" in server.asked
    missing = Http("http://localhost/", socket=str(tmp_path / "none"))
    assert "no such file or directory" in probes.http(missing, 5)


def test_tcp(server: Server) -> None:
    assert probes.tcp(server.url[7:-7], 5) == ""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    assert "connection refused" in probes.tcp(address, 5)
    for odd in ("", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", "a..b:1", "\0:1"):
        assert probes.tcp(odd, 1) != ""


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("http://localhost", HttpUrl("localhost", 80, "/", "localhost")),
        ("http://127.0.0.1:8080/a?b=c", HttpUrl("127.0.0.1", 8080, "/a?b=c", "127.0.0.1:8080")),
        ("http://[::1]:81/x", HttpUrl("::1", 81, "/x", "[::1]:81")),
        ("http://web?x", HttpUrl("web", 80, "/?x", "web")),
    ],
)
def test_what_a_url_names(url: str, place: HttpUrl) -> None:
    assert HttpUrl.parse(url) == place


@pytest.mark.parametrize(
    "url",
    [
        "https://web/", "ftp://web/", "web", "//web/", "http://", "http:///x", "http://web:0/", "http://web:99999/",
        "http://user@web/", "http://web/#x", "http://we b/", "http://web/\r\nX: y", "http://web/é", "http://[::1/",
    ],
)  # fmt: skip
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        HttpUrl.parse(url)
    assert probes.http(Http(url), 1) != ""
