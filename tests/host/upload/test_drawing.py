"""Drawing a stream from an origin that is bad in every way: what was right is kept, and the rest is refused."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from relstore import protocol
from relstore.errors import FormatError
from relstore.host.upload.drawing import Drawing, draw
from tests.support.bad_origin import BadOrigin, bad_origin

PIECE = protocol.DRAWN_PIECE_BYTES
DATA = random.Random(7).randbytes(3 * PIECE + 1234)  # the same for all who collect these tests
DIGESTS = b"".join(
    hashlib.sha256(DATA[start : start + PIECE]).digest() for start in range(0, len(DATA), PIECE)
)


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BadOrigin]:
    directory = tmp_path_factory.mktemp("origin")
    (directory / "stream").write_bytes(DATA)
    with bad_origin(directory) as running:
        yield running


@pytest.fixture
def client() -> Iterator[tuple[int, int]]:
    """Both ends of what requests come by."""
    read, write = os.pipe()
    yield read, write
    for fd in (read, write):
        with contextlib.suppress(OSError):
            os.close(fd)


def request(url: str, *, patience: int = 2, within: int = 4, allow_http: bool = True) -> protocol.Draw:
    return protocol.Draw(url, len(DATA), allow_http, "", patience, within)


def children() -> str:
    """The processes that the main thread of this one has started and not waited for."""
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text()


def drawn(origin: BadOrigin, way: str, client: int) -> tuple[protocol.Drawn, bytes]:
    """The reply, and what was taken of the stream. The query stands for a signature."""
    taken = bytearray()

    def put(piece: bytes) -> bool:
        taken.extend(piece)
        return True

    url = f"{origin.url(way)}/stream?X-Amz-Signature=SECRET-IN-URL"
    reply = draw(Drawing.parse(request(url), DIGESTS), put, client, lambda _: None)
    assert bytes(taken) == DATA[: reply.taken]
    assert "SECRET" not in repr(reply)
    return reply, bytes(taken)


@pytest.mark.parametrize(
    "way", ["good", "head-first", "breaks", "breaks-without-range", "no-length", "longer"]
)
def test_what_is_right_in_the_end_is_taken_whole(
    origin: BadOrigin, client: tuple[int, int], way: str
) -> None:
    reply, taken = drawn(origin, way, client[0])
    assert (taken, reply.why) == (DATA, "")


def test_a_body_that_comes_after_its_head_is_not_asked_for_again(
    origin: BadOrigin, client: tuple[int, int]
) -> None:
    before = len(origin.requests())
    drawn(origin, "head-first", client[0])
    assert origin.requests()[before:] == ["/head-first/stream -"]


def test_a_broken_connection_is_resumed_where_it_broke(origin: BadOrigin, client: tuple[int, int]) -> None:
    before = len(origin.requests())
    reply, _ = drawn(origin, "breaks", client[0])
    assert origin.requests()[before:] == [
        "/breaks/stream -",
        f"/breaks/stream bytes={len(DATA) // 2 + 100}-",
    ]
    assert reply.fetched == len(DATA)


@pytest.mark.parametrize(
    ("way", "taken", "why"),
    [
        ("lies", 0, "other bytes"),
        ("lies-late", 3 * PIECE, "other bytes"),
        ("slow", 0, "slower than the uplink"),
        ("stalls", PIECE, "nothing came for 2 s (bytes are awaited)"),
        ("silent", 0, "nothing came for 2 s (its answer is awaited)"),
        ("always-half", PIECE, "closed"),
        ("wrong-range", PIECE, "another range"),
        ("redirects", 0, "redirects elsewhere (status 307)"),
        ("redirects-home", 0, "redirects elsewhere (status 302)"),
        ("forbids", 0, "the signature has expired or is not its own (status 403)"),
        ("missing", 0, "does not have the stream"),
        ("busy", 0, "status 503"),
        ("endless", 0, "other bytes"),
        ("endless-head", 0, "its answer"),
        ("other-size", 0, "another size"),
        ("gzip", 0, "encoded again"),
        ("chunked", 0, "how long"),
        ("no-http", 0, "not HTTP"),
    ],
)
def test_a_bad_origin_costs_only_what_it_did_not_give(
    origin: BadOrigin, client: tuple[int, int], way: str, taken: int, why: str
) -> None:
    began = time.monotonic()
    reply, _ = drawn(origin, way, client[0])
    assert (reply.taken, why in reply.why) == (taken, True), reply
    assert time.monotonic() - began < 30


def test_no_redirect_is_followed(origin: BadOrigin, client: tuple[int, int]) -> None:
    before = len(origin.requests())
    drawn(origin, "redirects-home", client[0])
    assert origin.requests()[before:] == ["/redirects-home/stream -"]


def test_a_port_where_nobody_listens(client: tuple[int, int]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    plan = Drawing.parse(request(f"http://127.0.0.1:{port}/"), DIGESTS)
    reply = draw(plan, lambda _: True, client[0], lambda _: None)
    assert (reply.taken, "Connection refused" in reply.why) == (0, True)


def test_it_ends_when_the_client_is_gone(origin: BadOrigin, client: tuple[int, int]) -> None:
    os.close(client[1])
    began = time.monotonic()
    plan = Drawing.parse(request(f"{origin.url('silent')}/stream", patience=60, within=60), DIGESTS)
    reply = draw(plan, lambda _: True, client[0], lambda _: None)
    assert "client" in reply.why
    assert time.monotonic() - began < 20


def test_a_proxy_in_the_environment_is_not_used(
    origin: BadOrigin, client: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/")
    assert drawn(origin, "good", client[0])[0].why == ""


def test_what_the_taker_raises_ends_the_process_too(origin: BadOrigin, client: tuple[int, int]) -> None:
    before = children()

    def full(piece: bytes) -> bool:
        raise OSError(28, "No space left on device")

    plan = Drawing.parse(request(f"{origin.url('good')}/stream"), DIGESTS)
    with pytest.raises(OSError, match="No space"):
        draw(plan, full, client[0], lambda _: None)
    assert children() == before


def test_a_stream_that_nobody_wants_any_more_is_left(origin: BadOrigin, client: tuple[int, int]) -> None:
    plan = Drawing.parse(request(f"{origin.url('good')}/stream"), DIGESTS)
    reply = draw(plan, lambda _: False, client[0], lambda _: None)
    assert (reply.taken, reply.why) == (len(DATA), "")


@pytest.mark.parametrize(
    ("url", "digests", "patience", "within"),
    [
        ("ftp://origin.example/", DIGESTS, 2, 4),
        ("http://user@origin.example/", DIGESTS, 2, 4),
        ("http://origin.example/a b", DIGESTS, 2, 4),
        ("http://origin.example/\r\nX: y", DIGESTS, 2, 4),
        ("http://origin.example:99999/", DIGESTS, 2, 4),
        ("http://origin.example/" + "x" * 9000, DIGESTS, 2, 4),
        ("file:///etc/passwd", DIGESTS, 2, 4),
        ("http://origin.example/", DIGESTS[:-1], 2, 4),
        ("http://origin.example/", b"", 2, 4),
        ("http://origin.example/", DIGESTS, 0, 4),
        ("http://origin.example/", DIGESTS, 5, 4),
        ("http://origin.example/", DIGESTS, 5, 10**9),
    ],
)
def test_a_request_that_makes_no_sense(url: str, digests: bytes, patience: int, within: int) -> None:
    with pytest.raises(FormatError) as raised:
        Drawing.parse(request(url, patience=patience, within=within), digests)
    assert url not in str(raised.value)


def test_without_tls_only_when_that_is_allowed() -> None:
    with pytest.raises(FormatError, match="not https"):
        Drawing.parse(request("http://origin.example/", allow_http=False), DIGESTS)
    Drawing.parse(request("https://origin.example/", allow_http=False), DIGESTS)


def test_nothing_shows_the_url() -> None:
    secret = "https://origin.example/v1/x?X-Amz-Signature=SECRET"
    asked = request(secret)
    plan = Drawing.parse(asked, DIGESTS)
    for shown in (asked, plan, plan.order, plan.order.url):
        assert "SECRET" not in f"{shown!r} {shown}"
