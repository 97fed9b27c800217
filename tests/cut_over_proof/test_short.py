"""The load sees what it is there to see: each way in which a server can fail is noted as what it is."""

from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.cut_over_proof.table import Row, merged
from tests.support.load.requests import Account, Outcome, Request
from tests.support.load.running import Mix, calling

HEAD = b"HTTP/1.1 200 OK\r\nX-Version: r1\r\nContent-Length: 4\r\n"
ONE_NEW = Mix(new=1, busy=0, idle=0, work=0, answer=0, stream=0, patience=1)
ONE_BUSY = Mix(new=0, busy=1, idle=0, work=0, answer=0, stream=0, patience=1)


@contextmanager
def server(answers: list[bytes]) -> Iterator[int]:
    """One that gives these answers in turn on each connection, and then closes it; its port."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            for answer in answers:
                while self.rfile.readline() not in (b"\r\n", b""):
                    pass
                self.wfile.write(answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as listening:
        listening.daemon_threads = True
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield listening.server_address[1]
        finally:
            listening.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("answers", "mix", "outcomes"),
    [
        ([HEAD + b"\r\ngood"], ONE_NEW, {"ok"}),
        ([HEAD.replace(b"200 OK", b"500 No") + b"\r\noops"], ONE_NEW, {"failed"}),
        ([HEAD + b"\r\nbr"], ONE_NEW, {"cut"}),
        ([HEAD], ONE_NEW, {"failed"}),
        ([b""], ONE_NEW, {"failed"}),
        ([HEAD + b"Transfer-Encoding: chunked\r\n\r\n4\r\nbrok"], ONE_NEW, {"cut"}),
        ([HEAD + b"Transfer-Encoding: chunked\r\n\r\n4\r\ntick\r\n"], ONE_NEW, {"cut"}),
        ([HEAD + b"\r\ngood"] * 3, ONE_BUSY, {"ok", "closed"}),
        ([HEAD + b"Connection: close\r\n\r\ngood"], ONE_BUSY, {"ok"}),
        ([HEAD + b"\r\ngood", b""], ONE_BUSY, {"ok", "unanswered"}),
    ],
)
def test_each_way_to_fail_is_noted(answers: list[bytes], mix: Mix, outcomes: set[Outcome]) -> None:
    with server(answers) as port, calling([], "127.0.0.1", mix, port) as load:
        time.sleep(1)
    assert {request.outcome for request in load.account.requests} == outcomes
    assert set(load.account.releases) == ({"r1"} if "ok" in outcomes else set())


def test_a_port_where_nobody_listens_is_a_failure() -> None:
    with server([b""]) as port:
        pass
    with calling([], "127.0.0.1", ONE_NEW, port) as load:
        time.sleep(0.5)
    assert {request.outcome for request in load.account.requests} == {"failed"}
    assert load.account.first_good(0) is None


def test_for_how_long_requests_fail() -> None:
    account = Account(
        (
            Request(10.0, 0.1, "new", "ok", "r1", ""),
            Request(11.0, 0.5, "new", "failed", "", "500"),  # the first bad answer: at 11.5
            Request(10.5, 4.0, "answer", "cut", "r2", ""),
            Request(12.0, 0.1, "busy", "failed", "r2", "500"),
            Request(12.5, 0.1, "new", "ok", "r1", ""),
        )
    )
    assert account.bad_for("new", "busy") == 0.5
    assert account.bad_for("new") == 0.0
    assert account.between(11, 12.2).asked == 2
    assert len(account.broken) == 3
    assert account.first_good(11.0) == account.requests[-1]


def test_the_table_keeps_what_was_not_run_again() -> None:
    account = Account((Request(0, 1, "new", "ok", "r1", ""),))
    nginx, control = Row.of("nginx", "push", account, "one"), Row.of("control", "restart", account, "two")
    shared = Row.of("a shared socket, a program that ends politely", "push", account, "four")
    table = merged("", [control, shared, nginx])
    again = merged(table, [Row.of("control", "restart", account, "three")])
    assert [line.split("|")[7].strip() for line in again.splitlines()[2:]] == ["one", "four", "three"]
