"""A manifest that arrives as a difference: what a session makes of it, and of one that it cannot undo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from relstore import protocol
from relstore.formats.blake3 import digest
from relstore.formats.codecs import RAW
from relstore.formats.entries import MAX_DIFFERENCE_BYTES
from relstore.formats.names import Digest
from relstore.host.helpers import Bundle
from relstore.host.upload import decoders
from relstore.store.store import Store
from tests.support.conversation import talk
from tests.support.host_side import WEB, Content, artifact, push_build

OLD: dict[str, Content] = {f"d/{number:02}": b"%d" % number for number in range(40)}
NEW: dict[str, Content] = {**OLD, "d/07": b"changed"}
DIFFERENCE = bytes.fromhex(
    "28b52ffd60f90aa50200540407c4206a9f75eec6464a34f0a7967471bc2b468914240a1bd29215340487264cb2"
    "79e2c420d67e2e944994496c8d8ec76eed0cf9f09679448d584b532bebf941852a37f5ed0200455ff807fd88c1bf0a0601"
)
"""What a client makes of the manifests of these two."""


@pytest.fixture(autouse=True)
def zstd() -> None:
    if "zstd" not in decoders.available():
        pytest.skip("this Python cannot decode zstd")


def frame(*blocks: tuple[int, bytes, int]) -> bytes:
    """A zstd frame of blocks by hand (RFC 8878): each a type (0 raw, 1 repeated), its bytes, its size."""
    size = sum(block[2] for block in blocks)
    data = bytes.fromhex("28b52ffda0") + size.to_bytes(4, "little")
    for number, (kind, body, length) in enumerate(blocks, 1):
        data += ((length << 3) | (kind << 1) | (number == len(blocks))).to_bytes(3, "little") + body
    return data


def compare(build: Digest, base: Digest | None, size: int | None) -> protocol.Compare:
    return protocol.Compare(WEB, build, False, base, size)


def answers(top: Path, bundle: Bundle, *requests: Any) -> list[Any]:
    return talk(top, bundle, *requests).messages


def test_it_is_compared_like_the_whole(store: Store, top: Path, bundle: Bundle) -> None:
    base = push_build(store, OLD)
    made = artifact(NEW)
    whole = protocol.Compare(WEB, made.build, False), made.raw
    by_difference = compare(made.build, base, len(made.raw)), DIFFERENCE
    expected, found = answers(top, bundle, whole, by_difference)
    assert found == expected
    assert found.missing == 1
    assert found.send_whole is None


def cannot_undo(top: Path, bundle: Bundle, build: Digest, base: Digest, size: int, data: bytes) -> None:
    """It asks for the whole, and begins nothing; then the whole will do."""
    asked = compare(build, base, size), data
    compared, refused = answers(top, bundle, asked, protocol.Begin())
    assert compared == protocol.Compared(compared.found, 0, (), send_whole=True)
    assert not compared.found.present
    assert "was not compared" in refused.what
    made = artifact(NEW)
    compared, again = answers(top, bundle, asked, (protocol.Compare(WEB, made.build, False), made.raw))
    assert compared.send_whole
    assert again.missing > 0


@pytest.mark.parametrize(
    "change",
    ["the base is not there", "the base is damaged", "the base is another", "no store", "no zstd"],
)
def test_without_the_right_base_the_whole_is_asked_for(
    top: Path, bundle: Bundle, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = artifact(NEW)
    base = artifact(OLD).build
    if change != "no store":
        with Store.open(str(top), create=True) as store:
            other = push_build(store, {"other": b"1"})
            if change != "the base is not there":
                push_build(store, OLD)
    if change == "the base is damaged":
        manifest = top / "builds" / base / "manifest"
        manifest.chmod(0o644)
        manifest.write_bytes(manifest.read_bytes().replace(b"d/30", b"d/3x"))
    elif change == "the base is another":
        base = other
    elif change == "no zstd":
        monkeypatch.setattr(decoders, "available", lambda: (RAW,))
    cannot_undo(top, bundle, made.build, base, len(made.raw), DIFFERENCE)


MADE = artifact(NEW)
BAD = {
    "a byte": (len(MADE.raw), DIFFERENCE[:1]),
    "no frame": (len(MADE.raw), b"not zstd at all"),
    "cut short": (len(MADE.raw), DIFFERENCE[:-4]),
    "bytes after it": (len(MADE.raw), DIFFERENCE + b"x"),
    "another size": (len(MADE.raw) - 1, DIFFERENCE),
    "another content": (6, frame((0, b"no one", 6))),
    "more than announced": (1000, frame(*[(1, b"\0", 100_000)] * 300)),
    "much more than announced": (MAX_DIFFERENCE_BYTES, frame(*[(1, b"\0", 131_072)] * 4000)),
}


@pytest.mark.parametrize(("size", "data"), BAD.values(), ids=BAD.keys())
def test_a_bad_difference_costs_a_question(
    store: Store, top: Path, bundle: Bundle, size: int, data: bytes
) -> None:
    cannot_undo(top, bundle, MADE.build, push_build(store, OLD), size, data)


@pytest.mark.parametrize("size", [None, 0, -1, MAX_DIFFERENCE_BYTES + 1, 2**62])
def test_a_size_that_no_manifest_has_is_refused(
    store: Store, top: Path, bundle: Bundle, size: int | None
) -> None:
    base = push_build(store, OLD)
    failure, refused = answers(top, bundle, (compare(MADE.build, base, size), DIFFERENCE), protocol.Begin())
    assert (type(failure), failure.kind) == (protocol.Failure, "ProtocolError")
    assert type(refused) is protocol.Failure


def test_what_a_difference_makes_is_checked_like_the_whole(store: Store, top: Path, bundle: Bundle) -> None:
    """A manifest that no encoding writes, with the name of its bytes."""
    raw = MADE.raw + b"\0"
    build = Digest.from_bytes(digest(raw))
    base = push_build(store, OLD)
    (failure,) = answers(top, bundle, (compare(build, base, len(raw)), frame((0, raw, len(raw)))))
    assert (type(failure), failure.kind) == (protocol.Failure, "FormatError")
