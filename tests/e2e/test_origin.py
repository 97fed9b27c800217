"""Hosts that fetch from an origin: a real Swift, with TLS and without, and origins that are bad in every way."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relstore import protocol
from relstore.host.upload.drawing import Drawing, draw
from tests.support.bad_origin import BadOrigin, bad_origin
from tests.support.hosts.fleet import FleetHost, fleet
from tests.support.swift import ACCESS_KEY, SECRET_KEY, Swift, environment, swift
from tests.support.tls_front import make_certificates, tls_front
from tests.support.user import Ran, User

SIZE = 2_400_000
PIECE = protocol.DRAWN_PIECE_BYTES
NO_SWIFT = "no Swift here (make .venv-swift/.installed, or RELSTORE_TEST_SWIFT)"


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swift]:
    """A Swift with the bucket `releases`."""
    if environment() is None:
        if os.environ.get("RELSTORE_REQUIRE_SWIFT") == "1":
            pytest.fail(NO_SWIFT)
        pytest.skip(NO_SWIFT)
    pytest.importorskip("obstore")
    with swift(tmp_path_factory.mktemp("swift")) as running:
        running.make_bucket("releases")
        yield running


@pytest.fixture
def hosts(user: User, need_sshd: None, sshd_account: str | None) -> Iterator[list[FleetHost]]:
    with fleet(2, user, sshd_account) as running:
        yield running


@pytest.fixture
def bad(user: User) -> Iterator[BadOrigin]:
    directory = user.home / "origin"
    directory.mkdir()
    with bad_origin(directory) as running:
        yield running


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Half of it does not compress."""
    path = tmp_path / "web"
    path.write_bytes(random.Random(1).randbytes(SIZE // 2) + bytes(SIZE // 2))
    path.chmod(0o755)
    return path


def change(program: Path) -> None:
    data = bytearray(program.read_bytes())
    data[1000:61000] = random.Random(2).randbytes(60_000)
    program.write_bytes(data)


def at(hosts: list[FleetHost]) -> list[str]:
    return [word for host in hosts for word in ("--to", host.target)]


def in_swift(store: Swift, *more: object) -> list[object]:
    words = ["--origin", "s3://releases/web", "--origin-endpoint", store.endpoint, "--origin-from", "1"]
    return [*words, "--origin-allow-http", *more]


def in_bad(bad: BadOrigin, way: str, timeout: str = "2s") -> list[object]:
    put = f'mkdir -p {shlex.quote(str(bad.directory))}/v1; cp "$RELSTORE_FILE" {shlex.quote(str(bad.directory))}/"$RELSTORE_NAME"'
    words = ["--origin", bad.url(way), "--origin-put", put, "--origin-timeout", timeout]
    return [*words, "--origin-allow-http", "--origin-from", "1"]


def push(user: User, program: Path, hosts: list[FleetHost], *more: object) -> Ran:
    ran = user.does("push", program, "--app", "web", "--json", "-v", *at(hosts), *more)
    for host in hosts:
        live = host.store / "apps/web/current" / program.name
        assert live.read_bytes() == program.read_bytes()
    return ran


def by_origin(ran: Ran) -> list[tuple[int, int]]:
    return [(host["sent_bytes"], host["origin_bytes"]) for host in ran.document["hosts"]]


@pytest.fixture
def keys(store: Swift, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in store.variables.items():
        monkeypatch.setenv(name, value)


@pytest.mark.sshd
def test_hosts_fetch_a_first_push_and_its_next_release(
    user: User, store: Swift, keys: None, hosts: list[FleetHost], program: Path
) -> None:
    first = push(user, program, hosts, *in_swift(store))
    (sent, drawn), same = by_origin(first)
    assert (sent, same) == (0, (sent, drawn))
    assert SIZE // 2 < drawn < SIZE * 0.6
    change(program)
    second = push(user, program, hosts, *in_swift(store))
    (sent, drawn), same = by_origin(second)
    assert (sent, same) == (0, (sent, drawn))
    assert 60_000 < drawn < 80_000  # a difference travels this way too
    assert all(stream["base"] for host in second.document["hosts"] for stream in host["streams"])
    count = len(store.objects())
    with fleet(1, user, None) as others:
        (third,) = by_origin(push(user, program, others, *in_swift(store)))
    assert third[0] == 0
    assert len(store.objects()) == count + 1  # whole, and not there yet


@pytest.mark.sshd
def test_nothing_keeps_or_shows_the_key_or_a_signature(
    user: User, store: Swift, keys: None, hosts: list[FleetHost], program: Path
) -> None:
    ran = push(user, program, hosts, *in_swift(store))
    assert by_origin(ran)[0][0] == 0
    kept = [
        path for host in hosts for place in (host.store, host.server.directory) for path in place.rglob("*")
    ]
    kept += user.home.rglob("*")
    texts = [ran.out.encode(), ran.err.encode(), *(path.read_bytes() for path in kept if path.is_file())]
    for text in texts:
        for secret in (SECRET_KEY, ACCESS_KEY, "X-Amz-"):
            assert secret.encode() not in text


@pytest.mark.sshd
def test_no_process_shows_the_url(user: User, bad: BadOrigin, hosts: list[FleetHost], program: Path) -> None:
    seen = set()
    words = ("push", program, "--app", "web", *at(hosts), *in_bad(bad, "slow", "3s"))
    with user.start(*words) as process:
        while process.poll() is None:
            for entry in Path("/proc").glob("[0-9]*"):
                try:
                    pid = int(entry.name)
                    shown = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
                except OSError:
                    continue
                if b"/slow/v1/" in shown and pid != process.pid:
                    seen.add(shown)
            time.sleep(0.05)
        process.communicate()
    assert process.returncode == 0
    assert seen == set()
    assert any(line.startswith("/slow/v1/") for line in bad.requests())


@pytest.mark.sshd
@pytest.mark.parametrize(
    ("way", "why"),
    [
        ("breaks", ""),
        ("stalls", "nothing came for 2 s"),
        ("slow", "slower than the uplink"),
        ("lies", "other bytes"),
        ("lies-late", "other bytes"),
        ("always-half", "closed"),
        ("redirects", "redirects elsewhere"),
        ("forbids", "refuses the request"),
        ("endless", "other bytes"),
        ("gzip", "encoded again"),
    ],
)
def test_a_bad_origin_only_costs_time(
    user: User, bad: BadOrigin, hosts: list[FleetHost], program: Path, way: str, why: str
) -> None:
    ran = push(user, program, hosts[:1], *in_bad(bad, way, "2s" if way in ("stalls", "slow") else "20s"))
    ((sent, _drawn),) = by_origin(ran)
    assert (why in ran.err, bool(sent)) == (True, bool(why)), ran.err
    assert "SECRET" not in ran.err + ran.out
    assert not list((hosts[0].store / "staging").glob("*"))
    if way in ("stalls", "lies-late", "always-half"):
        assert sent < SIZE // 2 - PIECE  # what was right is not sent again
    user.does("verify", *at(hosts[:1]))


@pytest.mark.sshd
def test_a_store_that_refuses_or_is_away(
    user: User,
    store: Swift,
    keys: None,
    hosts: list[FleetHost],
    program: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    away = ["--origin", "s3://releases/web", "--origin-endpoint", "http://127.0.0.1:1", "--origin-from", "1"]
    ran = push(user, program, hosts, *away, "--origin-allow-http", "--origin-timeout", "2s")
    assert [drawn for _, drawn in by_origin(ran)] == [0, 0]
    assert ran.err.count("the origin s3://releases/web is not used") == 1
    change(program)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    ran = push(user, program, hosts, *in_swift(store))
    assert [drawn for _, drawn in by_origin(ran)] == [0, 0]
    assert "refuses the credentials" in ran.err
    assert ACCESS_KEY not in ran.err


@pytest.mark.parametrize(
    ("signed", "why"),
    [
        ({}, ""),
        ({"at": time.time() - 7200}, "the signature has expired or is not its own (status 403)"),
        ({"secret": "of somebody else"}, "the signature has expired or is not its own (status 403)"),
    ],
)
def test_a_store_gives_nothing_for_an_old_or_a_foreign_signature(
    store: Swift, signed: dict[str, Any], why: str
) -> None:
    data = random.Random(4).randbytes(PIECE + 100)
    store.put("/releases/signed", data)
    digests = b"".join(hashlib.sha256(piece).digest() for piece in (data[:PIECE], data[PIECE:]))
    request = protocol.Draw(store.url("GET", "/releases/signed", **signed), len(data), True, "", 20, 20)
    taken = bytearray()
    reading, writing = os.pipe()
    reply = draw(
        Drawing.parse(request, digests), lambda piece: not taken.extend(piece), reading, lambda _: None
    )
    os.close(reading)
    os.close(writing)
    assert why in reply.why
    assert bytes(taken) == (b"" if why else data)


@pytest.mark.sshd
@pytest.mark.parametrize(
    ("name", "days", "trusted", "why"),
    [
        ("127.0.0.1", 30, True, ""),
        ("127.0.0.1", 30, False, "certificate"),
        ("127.0.0.1", -1, True, "certificate"),
        ("origin.example", 30, True, "certificate"),
    ],
)
def test_tls_with_a_private_authority(
    user: User,
    store: Swift,
    keys: None,
    hosts: list[FleetHost],
    program: Path,
    tmp_path: Path,
    name: str,
    days: int,
    trusted: bool,
    why: str,
) -> None:
    authority = make_certificates(tmp_path, name=name, days=days)
    with tls_front(tmp_path, store.port) as port:
        words: list[object] = ["--origin", "s3://releases/tls", "--origin-from", "1"]
        words += ["--origin-endpoint", f"https://127.0.0.1:{port}", "--origin-timeout", "3s"]
        ran = push(user, program, hosts, *words, *(["--origin-ca", authority] if trusted else []))
    sent, drawn = by_origin(ran)[0]
    assert (bool(sent), bool(drawn)) == (bool(why), not why), ran.err
    assert why in ran.err


@pytest.mark.sshd
@pytest.mark.parametrize(("name", "days"), [("127.0.0.1", -1), ("origin.example", 30)])
def test_a_certificate_that_only_hosts_see(
    user: User, bad: BadOrigin, hosts: list[FleetHost], program: Path, tmp_path: Path, name: str, days: int
) -> None:
    authority = make_certificates(tmp_path, name=name, days=days)
    with tls_front(tmp_path, bad.port) as port:
        words = in_bad(bad, "good")
        words[1] = f"https://127.0.0.1:{port}/good"
        ran = push(user, program, hosts[:1], *words, "--origin-ca", authority)
    ((sent, drawn),) = by_origin(ran)
    assert (sent > 0, drawn) == (True, 0)
    assert "its certificate is not accepted" in ran.err
    assert "this host's clock says" in ran.err


@pytest.mark.sshd
def test_a_file_of_many_streams(
    user: User, store: Swift, keys: None, hosts: list[FleetHost], tmp_path: Path
) -> None:
    site = tmp_path / "many"
    site.mkdir()
    rng = random.Random(3)
    for number in range(4):
        (site / f"large{number}").write_bytes(rng.randbytes(400_000))
    for number in range(40):
        (site / f"small{number}").write_bytes(rng.randbytes(5_000))
    ran = user.does("push", site, "--json", *at(hosts), *in_swift(store))
    for host in ran.document["hosts"]:
        assert (host["sent_bytes"], len(host["streams"])) == (0, 5)
    for host in hosts:
        live = host.store / "apps/many/current"
        for path in site.iterdir():
            assert (
                hashlib.sha256((live / path.name).read_bytes()).digest()
                == hashlib.sha256(path.read_bytes()).digest()
            )


@pytest.mark.sshd
def test_check_says_whether_a_host_can_fetch(
    user: User,
    store: Swift,
    keys: None,
    bad: BadOrigin,
    hosts: list[FleetHost],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good = user.does("check", "-v", *at(hosts[:1]), *in_swift(store)).out
    assert "the host can fetch from s3://releases/web" in " ".join(good.split())
    found = user.run("check", "--json", *at(hosts[:1]), *in_bad(bad, "forbids")).document["hosts"][0]
    (line,) = (each for each in found["checks"] if each["state"] == "finding")
    assert (line["check"], line["kind"]) == ("origin", "origin-unreachable")
    assert "status 403" in line["what"]
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    found = user.run("check", "--json", *at(hosts[:1]), *in_swift(store)).document["hosts"][0]
    assert "refuses the credentials" in str(found["checks"])


@pytest.mark.sshd
def test_a_dry_run_says_which_way_is_planned(
    user: User, store: Swift, keys: None, hosts: list[FleetHost], program: Path
) -> None:
    words = ("push", program, "--app", "web", "--dry-run", *at(hosts[:1]))
    assert "fetch 2.4 MB of it from the origin s3://releases/web" in user.does(*words, *in_swift(store)).out
    planned = user.does(*words, *in_swift(store), "--json").document["hosts"][0]
    assert (planned["missing_bytes"], planned["missing_bytes_by_origin"]) == (SIZE, SIZE)
    assert user.does(*words, "--json").document["hosts"][0]["missing_bytes_by_origin"] == 0


@pytest.mark.sshd
def test_a_push_that_is_killed_while_a_host_fetches_is_resumed(
    user: User, bad: BadOrigin, hosts: list[FleetHost], program: Path
) -> None:
    (host,) = hosts[:1]
    with user.start("push", program, "--app", "web", *at([host]), *in_bad(bad, "stalls", "120s")) as process:
        deadline = time.monotonic() + 120
        while staged(host) < PIECE:
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.05)
        process.kill()
        process.communicate()
    ((sent, drawn),) = by_origin(push(user, program, [host]))
    assert (sent < SIZE // 2 - PIECE // 2, drawn) == (True, 0)


def staged(host: FleetHost) -> int:
    """Bytes of a content that has not arrived as a whole."""
    sizes = [0]
    for path in (host.store / "staging").glob("*/*"):
        with contextlib.suppress(OSError):
            sizes.append(path.stat().st_size)
    return max(sizes)
