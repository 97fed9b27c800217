"""HAProxy is told of shares by its runtime API, and what it answers is parsed before it is believed."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from relstore.formats.front import HaproxyApi
from relstore.formats.names import BackendName
from relstore.host.service import haproxy
from relstore.host.service.haproxy import Haproxy, HaproxyError, Servers, WeightedServer, parse_servers
from tests.support.haproxy import running

HEAD = "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight more"
LIVE = "3 web 1 live - 2 0 90 100 1"
NEXT = "3 web 2 next - 2 0 10 0 1"


def text(*rows: str, head: str = HEAD) -> str:
    return "\n".join(("1", head, *rows, "", ""))


def test_the_servers_are_read_by_the_names_of_the_columns() -> None:
    found = parse_servers(text(LIVE, NEXT), "web")
    assert found == Servers(WeightedServer(90, 100, True, False), WeightedServer(10, 0, True, False))
    assert found.share == 10
    turned = "# srv_iweight srv_name srv_admin_state be_name srv_uweight srv_op_state"
    assert parse_servers(text("100 live 0 web 90 2", "0 next 0 web 10 2", head=turned), "web") == found


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("3 web 2 next - 0 0 10 0 1", WeightedServer(10, 0, False, False)),
        ("3 web 2 next - 1 0 10 0 1", WeightedServer(10, 0, True, False)),
        ("3 web 2 next - 3 0 10 0 1", WeightedServer(10, 0, False, False)),
        ("3 web 2 next - 2 1 10 0 1", WeightedServer(10, 0, True, True)),
        ("3 web 2 next - 2 8 10 0 1", WeightedServer(10, 0, True, True)),
        ("3 web 2 next - 2 64 10 0 1", WeightedServer(10, 0, True, False)),
    ],
)
def test_the_state_of_a_server(row: str, expected: WeightedServer) -> None:
    assert parse_servers(text(LIVE, row), "web").next == expected


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("", "does not tell its servers: ''"),
        ("Can't find backend.\n\n", "has no backend web"),
        ("Permission denied\n", "does not tell its servers: 'Permission denied'"),
        ("Unknown command. Please enter one of\n" * 50, "does not tell its servers"),
        (text(LIVE), "has no server next"),
        (text(), "has no server live and no server next"),
        (text(LIVE, NEXT.replace("web", "other")), "has no server next"),
        (text(LIVE, NEXT.replace("10", "-1")), "srv_uweight is '-1'"),
        (text(LIVE, NEXT.replace("10", "1e9")), "srv_uweight is '1e9'"),
        (text(LIVE, NEXT.replace("10", "9" * 30)), "srv_uweight is '999"),
        (text(LIVE, "3 web 2 next"), "srv_uweight is ''"),
        (text("\x1b[2J" * 1000), "has no server live"),
        ("1\n\x1b[2J\n", r"does not tell its servers: '1 \\x1b"),
    ],
)
def test_an_answer_that_is_not_one(answer: str, says: str) -> None:
    with pytest.raises(HaproxyError, match=says) as caught:
        parse_servers(answer, "web")
    assert len(caught.value.what) < 400
    assert "\x1b" not in caught.value.what


def test_shares_are_set_and_seen(tmp_path: Path) -> None:
    with running(tmp_path) as real:
        api = Haproxy(real.api)
        api.check()
        assert api.differs(0) == ""
        for share in (10, 50, 0):
            api.set_share(share)
            assert api.differs(share) == ""
            assert api.look().share == share
        api.set_share(10)
        real.restart()
        assert api.differs(10) == "HAProxy has weight 100 for `live` and 0 for `next`, not 90 and 10"
        assert api.look().share == 0
        api.check()


SERVERS = "    server live unix@/x weight 100\n    server next unix@/y weight 0"


@pytest.mark.parametrize(
    ("level", "servers", "kind", "says"),
    [
        ("operator", SERVERS, "haproxy-silent", "does not allow this account to set weights"),
        ("user", SERVERS, "haproxy-silent", "does not allow this account to set weights"),
        ("admin", SERVERS.replace("next", "new"), "haproxy-backend", "has no server next"),
        (
            "admin",
            SERVERS.replace(" 0", " 7"),
            "haproxy-backend",
            "configured with weight 100 for `live` and",
        ),
        ("admin", SERVERS.replace("100", "0"), "haproxy-backend", "configured with weight 0 for `live`"),
        ("admin", SERVERS + " disabled", "haproxy-backend", "web/next is in maintenance"),
    ],
)
def test_what_would_go_wrong_is_said_before(
    level: str, servers: str, kind: str, says: str, tmp_path: Path
) -> None:
    with running(tmp_path, level=level, servers=servers) as real:
        with pytest.raises(HaproxyError, match=says) as caught:
            Haproxy(real.api).check()
        assert caught.value.kind == kind
        assert caught.value.hint


def test_another_backend(tmp_path: Path) -> None:
    with running(tmp_path) as real, pytest.raises(HaproxyError, match="has no backend app"):
        Haproxy(real.api._replace(backend=BackendName("app"))).check()


def test_an_algorithm_without_dynamic_weights(tmp_path: Path) -> None:
    with running(tmp_path, servers=f"    balance static-rr\n{SERVERS}") as real:
        with pytest.raises(
            HaproxyError, match=r"does not set the weight of web/next: .*static LB algorithm"
        ) as caught:
            Haproxy(real.api).set_share(10)
        assert "roundrobin" in caught.value.hint


def test_a_server_that_haproxy_finds_down_does_not_get_its_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(haproxy, "_UP_S", 1.5)
    with running(tmp_path, servers=SERVERS + " check inter 100ms") as real:
        with pytest.raises(HaproxyError, match="web/next is down by HAProxy's own check"):
            Haproxy(real.api).set_share(10)
        assert Haproxy(real.api).look().share == 0


@pytest.mark.parametrize(
    ("path", "says", "hint"),
    [
        ("nothing", "cannot be used: No such file", "Is HAProxy running, with"),
        ("file", "cannot be used: Connection refused", "Is HAProxy running?"),
        ("x" * 200, "cannot be used: AF_UNIX path too long", "Is HAProxy running?"),
    ],
)
def test_nobody_answers(path: str, says: str, hint: str, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "file"))
    with pytest.raises(HaproxyError, match=says) as caught:
        Haproxy(HaproxyApi(str(tmp_path / path), BackendName("web"))).check()
    assert caught.value.kind == "haproxy-silent"
    assert caught.value.hint.startswith(hint)


@contextmanager
def answering(path: Path, answer: bytes, *, forever: bool = False) -> Iterator[HaproxyApi]:
    """Somebody at the socket who says that to whatever is asked."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen(5)
    end = threading.Event()

    def serve() -> None:
        while True:
            connection, _ = server.accept()
            with connection:
                if end.is_set():
                    return
                try:
                    connection.recv(1000)
                    connection.sendall(answer)
                    while forever and not end.is_set():
                        connection.sendall(answer)
                        end.wait(0.01)
                except OSError:
                    pass

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield HaproxyApi(str(path), BackendName("web"))
    finally:
        end.set()
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(str(path))
        thread.join()
        server.close()


def test_an_answer_without_an_end_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(haproxy, "_ASK_S", 0.5)
    endless = answering(tmp_path / "s", b"x" * 100_000, forever=True)
    with endless as api, pytest.raises(HaproxyError, match="is no HAProxy: it says more than"):
        Haproxy(api).look()
    slow = answering(tmp_path / "t", b"x", forever=True)
    with slow as api, pytest.raises(HaproxyError, match="cannot be used: timed out"):
        Haproxy(api).look()


def test_a_weight_that_was_not_taken_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says that all is well, and does nothing."""
    monkeypatch.setattr(haproxy, "_UP_S", 0.5)
    liar = answering(tmp_path / "s", b"\n")
    with liar as api, pytest.raises(HaproxyError, match="does not tell its servers"):
        Haproxy(api).set_share(10)
