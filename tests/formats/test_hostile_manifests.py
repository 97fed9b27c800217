"""Hostile manifests: each is refused by the parser, and by a helper's session before anything is written."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack
import pytest

from relstore import protocol
from relstore.errors import FormatError
from relstore.formats.blake3 import digest as blake3_digest
from relstore.formats.manifest import EMPTY_BLAKE3, EMPTY_SHA256, MAX_ENTRIES, Manifest
from relstore.formats.names import AppName, Digest
from relstore.host.connection import Wire
from relstore.host.helpers import Bundle
from relstore.host.session import RequestServer
from relstore.protocol import conversation
from relstore.protocol.conversation import Incoming

B = bytes(range(32))
S = hashlib.sha256(b"x").digest()
HEAD = "relstore-manifest"


def pack(*values: Any) -> bytes:
    return b"".join(msgpack.packb(value, use_bin_type=True) for value in values)


def manifest(*entries: Any, count: Any = None, version: Any = 1, magic: Any = HEAD) -> bytes:
    return pack([magic, version, len(entries) if count is None else count], *entries)


def file(path: Any, size: Any = 1, blake3: Any = B, sha256: Any = S, kind: Any = 1) -> list[Any]:
    return [path, kind, size, blake3, sha256]


def raw_entry(raw: bytes) -> bytes:
    """A manifest of one entry that is already bytes."""
    return pack([HEAD, 1, 1]) + raw


GOOD = manifest(["a", 0], file("a/b"), ["c", 3, "a/b"])

HOSTILE = {
    "empty": b"",
    "not-msgpack": b"\xc1",
    "truncated": GOOD[:-1],
    "truncated-in-the-header": GOOD[:5],
    "trailing-byte": GOOD + b"\x00",
    "trailing-entry": GOOD + pack(["d", 0]),
    "nothing-but-a-map": pack({}),
    "header-is-text": pack(HEAD),
    "header-too-short": pack([HEAD, 1]) + pack(["a", 0]),
    "header-too-long": pack([HEAD, 1, 1, 1], ["a", 0]),
    "wrong-magic": manifest(["a", 0], magic="relstore-manifesto"),
    "magic-as-bytes": manifest(["a", 0], magic=HEAD.encode()),
    "version-2-without-copies": manifest(["a", 0], version=2),
    "version-3": manifest(["a", 0], version=3),
    "copy-in-version-1": manifest(file("a", kind=4)),
    "executable-copy-in-version-1": manifest(file("a", kind=5)),
    "empty-copy": manifest(file("a", size=0, blake3=EMPTY_BLAKE3.raw, sha256=EMPTY_SHA256, kind=4), version=2),
    "kind-6": manifest(file("a", kind=6), version=2),
    "version-0": manifest(["a", 0], version=0),
    "version-true": manifest(["a", 0], version=True),
    "version-float": manifest(["a", 0], version=1.0),
    "version-text": manifest(["a", 0], version="1"),
    "absolute-directory": manifest(["/a", 0]),
    "absolute-file": manifest(file("/a")),
    "absolute-symlink": manifest(["/a", 3, "b"]),
    "absolute-below-itself": manifest(["/", 0], ["/a", 0]),
    "twice-absolute": manifest(["//a", 0]),
    "no-entries": manifest(),
    "count-too-large": manifest(["a", 0], count=2),
    "count-too-small": manifest(["a", 0], ["b", 0], count=1),
    "count-negative": manifest(["a", 0], count=-1),
    "count-huge": manifest(["a", 0], count=MAX_ENTRIES + 1),
    "count-beyond-64-bits": manifest(["a", 0], count=2**64 - 1),
    "count-true": manifest(["a", 0], count=True),
    "same-path-twice": manifest(["a", 0], ["a", 0]),
    "same-path-as-file-and-directory": manifest(["a", 0], file("a")),
    "out-of-order": manifest(["b", 0], ["a", 0]),
    "child-before-parent": manifest(file("a/b"), ["a", 0]),
    "beneath-a-file": manifest(file("a"), file("a/b")),
    "beneath-a-symlink": manifest(["a", 3, "."], file("a/b")),
    "no-parent": manifest(file("a/b")),
    "no-grandparent": manifest(["a", 0], file("a/b/c")),
    "absolute": manifest(file("/etc/passwd")),
    "empty-path": manifest(file("")),
    "dot": manifest(["." , 0]),
    "dot-dot": manifest(["..", 0]),
    "dot-dot-inside": manifest(["a", 0], file("a/../b")),
    "dot-inside": manifest(["a", 0], file("a/./b")),
    "empty-part": manifest(["a", 0], file("a//b")),
    "trailing-slash": manifest(["a/", 0]),
    "nul": manifest(file("a\0b")),
    "newline": manifest(file("a\nb")),
    "escape": manifest(file("a\x1b[2J")),
    "delete": manifest(file("a\x7f")),
    "part-of-256-bytes": manifest(file("a" * 256)),
    "path-of-5000-bytes": manifest(file("/".join(["a" * 200] * 25))),
    "too-deep": manifest(*[["/".join(["a"] * depth), 0] for depth in range(1, 140)]),
    "path-not-utf8": raw_entry(b"\x92\xa2\xc3\x28\x00"),
    "path-a-surrogate": raw_entry(b"\x92\xa3\xed\xa0\x80\x00"),
    "path-as-bytes": manifest([b"a", 0]),
    "path-nil": manifest([None, 0]),
    "path-a-number": manifest([1, 0]),
    "entry-a-map": manifest({"path": "a", "kind": 0}),
    "entry-text": manifest("a"),
    "entry-empty": manifest([]),
    "entry-without-kind": manifest(["a"]),
    "kind-unknown": manifest(["a", 4]),
    "kind-negative": manifest(["a", -1]),
    "kind-true": manifest(file("a", kind=True)),
    "kind-text": manifest(["a", "0"]),
    "directory-with-more": manifest(["a", 0, 0]),
    "file-with-less": manifest(["a", 1, 1, B]),
    "file-with-more": manifest([*file("a"), 0]),
    "file-with-a-mode": manifest([*file("a"), 0o4755]),
    "size-negative": manifest(file("a", size=-1)),
    "size-over-the-limit": manifest(file("a", size=(1 << 40) + 1)),
    "size-float": manifest(file("a", size=1.0)),
    "size-true": manifest(file("a", size=True)),
    "size-nil": manifest(file("a", size=None)),
    "digest-of-31-bytes": manifest(file("a", blake3=B[:31])),
    "digest-of-33-bytes": manifest(file("a", blake3=B + b"\0")),
    "digest-as-text": manifest(file("a", blake3=B.hex())),
    "sha256-of-31-bytes": manifest(file("a", sha256=S[:31])),
    "sha256-nil": manifest(file("a", sha256=None)),
    "empty-file-with-another-name": manifest(file("a", size=0)),
    "the-empty-name-with-a-size": manifest(file("a", 1, EMPTY_BLAKE3.raw, EMPTY_SHA256)),
    "empty-file-with-another-sha256": manifest(file("a", 0, EMPTY_BLAKE3.raw, S)),
    "one-object-two-sizes": manifest(file("a", size=1), file("b", size=2)),
    "one-object-two-sha256": manifest(file("a"), file("b", sha256=B)),
    "one-object-two-sizes-by-variant": manifest(file("a", size=1), file("b", size=2, kind=2)),
    "symlink-to-nothing": manifest(["a", 3, ""]),
    "symlink-too-long": manifest(["a", 3, "a" * 4096]),
    "symlink-with-nul": manifest(["a", 3, "b\0c"]),
    "symlink-with-newline": manifest(["a", 3, "b\nc"]),
    "symlink-as-bytes": manifest(["a", 3, b"b"]),
    "symlink-without-target": manifest(["a", 3]),
    "symlink-not-utf8": raw_entry(b"\x93\xa1a\x03\xa1\xff"),
    "long-integer": raw_entry(b"\x92\xa1a\xcc\x00"),
    "longer-integer": raw_entry(b"\x92\xa1a\xcf" + bytes(8)),
    "signed-integer": raw_entry(b"\x92\xa1a\xd0\x00"),
    "long-text": raw_entry(b"\x92\xd9\x01a\x00"),
    "longer-text": raw_entry(b"\x92\xdb\x00\x00\x00\x01a\x00"),
    "long-array": raw_entry(b"\xdc\x00\x02\xa1a\x00"),
    "long-bytes": raw_entry(b"\x95\xa1a\x01\x01\xc5\x00\x20" + B + b"\xc4\x20" + S),
    "extension": raw_entry(b"\x92\xa1a\xd4\x05\x00"),
    "timestamp": raw_entry(b"\x92\xa1a\xd6\xff\x00\x00\x00\x00"),
    "float": raw_entry(b"\x92\xa1a\xcb" + bytes(8)),
    "array-bomb": raw_entry(b"\xdd\x00\x0f\xff\xff" * 2000),
    "map-bomb": raw_entry(b"\xdf\x00\x0f\xff\xff" * 2000),
    "deep-nesting": raw_entry(b"\x91" * 5000),
    "text-that-claims-too-much": raw_entry(b"\x92\xdb\xff\xff\xff\xff"),
    "bytes-that-claim-too-much": raw_entry(b"\x95\xa1a\x01\x01\xc6\xff\xff\xff\xff"),
}  # fmt: skip


def test_the_good_one_is_good() -> None:
    """Else the table below would prove nothing."""
    assert Manifest.parse(GOOD).encode() == GOOD


def test_the_table_is_long_enough() -> None:
    assert len(HOSTILE) >= 50
    assert len(set(HOSTILE.values())) == len(HOSTILE)


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
def test_the_parser_refuses(raw: bytes) -> None:
    with pytest.raises(FormatError):
        Manifest.parse(raw)


def ask(root: Path, raw: bytes, build: Digest) -> list[Any]:
    """What a session answers first to an upload that begins with these bytes."""
    compare = protocol.Compare(AppName("web"), build, False)
    said = [*conversation.frames(compare, raw), *conversation.frames(protocol.Begin())]
    sink = io.BytesIO()
    RequestServer(str(root), Bundle("0" * 64, "/nonexistent"), Wire(io.BytesIO(b"".join(said)), sink)).run()
    incoming = Incoming(protocol.REPLIES)
    incoming.feed(sink.getvalue())
    answers = []
    while (message := incoming.next_message()) is not None:
        answers.append(message.value)
    return answers


def snapshot(root: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.lstat().st_mtime_ns, path.lstat().st_ino) for path in root.rglob("*")}


def named(raw: bytes) -> Digest:
    return Digest.from_bytes(blake3_digest(raw))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An existing store, with a build begun and left."""
    root = tmp_path_factory.mktemp("hostile") / "store"
    answers = ask(root, GOOD, named(GOOD))
    assert [type(answer) for answer in answers] == [protocol.Hello, protocol.Compared]
    return root


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_session_refuses_before_anything_is_written(store: Path, tmp_path: Path, raw: bytes) -> None:
    before = snapshot(store)
    for root in (store, tmp_path / "none"):
        _, answer, refused = ask(root, raw, named(raw))
        assert type(answer) is protocol.Failure, answer
        assert answer.kind == "FormatError"
        assert type(refused) is protocol.Failure
    assert snapshot(store) == before
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        pytest.param(lambda: (manifest(["a", 3, "../b"]), None), "RefusedError", id="leaves-the-build"),
        pytest.param(lambda: (manifest(["a", 3, "/etc/passwd"]), None), "RefusedError", id="absolute-link"),
        pytest.param(
            lambda: (
                manifest(["d", 0], ["d/e", 0], ["d/e/up", 3, "../.."], ["z", 3, "d/e/up/../x"]), None
            ),
            "RefusedError",
            id="leaves-by-way-of-another-link",
        ),
        pytest.param(lambda: (GOOD, Digest("0" * 64)), "DamagedError", id="another-build-id"),
    ],
)  # fmt: skip
def test_a_session_refuses_what_parses_but_may_not_be(
    store: Path, make: Callable[[], tuple[bytes, Any]], kind: str
) -> None:
    raw, build = make()
    Manifest.parse(raw)
    before = snapshot(store)
    _, answer, refused = ask(store, raw, build or named(raw))
    assert type(answer) is protocol.Failure
    assert answer.kind == kind
    assert type(refused) is protocol.Failure
    assert snapshot(store) == before
