"""What an HTTP server may send, and what a hostile one does: read in bounded size and time."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Iterable, Iterator

import pytest

from relstore.formats.recipe import Http
from relstore.host.service import http_client

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@contextlib.contextmanager
def served(parts: Iterable[bytes], pause: float = 0.0) -> Iterator[Http]:
    """A server that reads one request, sends the parts, and closes the connection."""
    ended = threading.Event()

    def serve() -> None:
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                for part in parts:
                    if ended.is_set():
                        return
                    connection.sendall(part)
                    time.sleep(pause)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield Http(f"http://127.0.0.1:{listener.getsockname()[1]}/")
        finally:
            ended.set()
            thread.join()


def get(parts: Iterable[bytes], *, seconds: float = 5, pause: float = 0.0) -> tuple[int, bytes]:
    with served(parts, pause) as probe, http_client.get(probe, time.monotonic() + seconds) as response:
        return response.status, response.body()


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (HEAD + b"Content-Length: 5\r\n\r\nhello, and more", 200, b"hello"),
        (HEAD + b"\r\nto the end", 200, b"to the end"),
        (b"HTTP/1.0 200\n\nbare newlines", 200, b"bare newlines"),
        (HEAD + b"content-length: 5, 5\r\nContent-Length: 5\r\n\r\nhello", 200, b"hello"),
        (CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", 200, b"hello"),
        (CHUNKED + b"2;a=b\r\nhe\r\n3 \r\nllo\r\n000\r\nTrailer: x\r\n\r\n", 200, b"hello"),
        (
            HEAD + b"Transfer-Encoding: gzip, Chunked\r\nContent-Length: 1\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            200,
            b"ok",
        ),
        (HEAD + b"Transfer-Encoding: gzip\r\nContent-Length: 1\r\n\r\nto the end", 200, b"to the end"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100\r\n\r\nHTTP/1.1 204 No\r\n\r\n", 204, b""),
        (b"HTTP/1.1 101 Switching\r\n\r\n\x00\x01", 101, b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, b""),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_what_servers_send(answer: bytes, status: int, body: bytes, at_once: bool) -> None:
    parts = [answer] if at_once else [answer[at : at + 1] for at in range(len(answer))]
    assert get(parts) == (status, body)


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        ([HEAD + b"Content-Length: -5\r\n\r\nhello"], "its Content-Length is '-5'"),
        ([HEAD + b"Content-Length: +5\r\n\r\nhello"], "its Content-Length is"),
        ([HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"], "its Content-Length is '5, 6'"),
        ([HEAD + b"Content-Length: " + b"9" * 60_000 + b"\r\n\r\n"], "its Content-Length is '9"),
        ([HEAD + b"Content-Length: 99\r\n\r\nhello"], "closed after 5 of 99 bytes"),
        ([HEAD + b"Content-Le"], "closed within its head"),
        ([CHUNKED + b"-5\r\nhello\r\n"], "the size of a chunk is '-5'"),
        ([CHUNKED + b"0x5\r\nhello\r\n"], "the size of a chunk is"),
        ([CHUNKED + b"\r\n"], "the size of a chunk is empty"),
        ([CHUNKED + b"f" * 5000 + b"\r\n"], "the size of a chunk is"),
        ([CHUNKED + b"ffffffffffffffff\r\nhello"], "closed after 5 of"),
        ([CHUNKED + b"5\r\nhello, and more\r\n"], "a chunk is longer than its size says"),
        ([CHUNKED + b"5\r\nhello"], "closed within a chunk"),
        ([CHUNKED, *[b"1;" + b"x" * 50_000 + b"\r\ny\r\n"] * 100], "longer than 1048576 bytes"),
        (itertools.chain([HEAD], itertools.repeat(b"X: y\r\n" * 100)), "its head is longer than 65536 bytes"),
        (itertools.chain([HEAD], itertools.repeat(b"x" * 60_000)), "closed within its head"),
        (itertools.repeat(b"x" * 60_000), "no HTTP answer, body 'xxx"),
        (itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n"), "more than 16 interim responses"),
        ([], "closed without an answer"),
    ],
)
def test_what_is_refused(parts: Iterable[bytes], problem: str) -> None:
    with pytest.raises(ValueError, match=problem.replace("+", r"\+")):
        get(parts)


def test_an_endless_body_is_cut() -> None:
    for head, part in ((HEAD + b"\r\n", b"x" * 10_000), (CHUNKED, b"a\r\n0123456789\r\n" * 1000)):
        status, body = get(itertools.chain([head], itertools.repeat(part)))
        assert (status, len(body)) == (200, http_client.BODY_BYTES)
    status, body = get([HEAD + b"Content-Length: 999999999999999\r\n\r\n", *[b"x" * 10_000] * 30])
    assert len(body) == http_client.BODY_BYTES


@pytest.mark.parametrize("first", [b"", HEAD, HEAD + b"\r\n", CHUNKED + b"ffff\r\n"])
def test_a_byte_now_and_then_does_not_prolong_it(first: bytes) -> None:
    began = time.monotonic()
    with pytest.raises((TimeoutError, OSError)):
        get(itertools.chain([first], itertools.repeat(b"x")), seconds=0.5, pause=0.02)
    assert time.monotonic() - began < 3
