"""What the client encodes, the host undoes; and no stream, however made, costs more than its contents."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relstore import protocol
from relstore.client.coding import Coding
from relstore.client.transfer.encoders import encode
from relstore.client.zstd_library import zstd_module
from relstore.errors import FormatError
from relstore.formats import codecs
from relstore.formats.codecs import RAW, XZ, ZLIB, ZSTD
from relstore.formats.manifest import ObjectRef
from relstore.host.upload import decoders, libzstd
from relstore.host.upload.receiving import Receiving
from relstore.store.store import Store
from relstore.store.upload import Upload
from tests.support.host_side import Artifact, artifact, begin_upload, push_build

CODINGS = [Coding(RAW, 0), Coding(ZLIB, 1), Coding(ZLIB, 9), Coding(XZ, 1), Coding(ZSTD, 1), Coding(ZSTD, 19)]
TEXT = b"".join(b"line %d of a file that has many like it\n" % number for number in range(40_000))
OTHER = TEXT[:700_000] + b"a line that is new\n" + TEXT[650_000:]


def undone(codec: str, stream: list[bytes], size: int, base: bytes | None = None) -> bytes:
    decoder = decoders.decoder(codec, None if base is None else memoryview(bytearray(base)), size)
    try:
        found = b"".join(piece for part in stream for piece in decoder.decode(part))
        assert decoder.finished
        return found
    finally:
        decoder.close()


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@pytest.mark.parametrize("coding", CODINGS, ids=str)
@pytest.mark.parametrize("data", [b"x", TEXT, os.urandom(300_000)], ids=["a byte", "text", "noise"])
@pytest.mark.parametrize("piece", [1_000, 1 << 20])
def test_what_is_encoded_is_undone(coding: Coding, data: bytes, piece: int) -> None:
    stream = b"".join(encode(coding, cut(data, piece), len(data)))
    assert undone(coding.codec, cut(stream, 7_777), len(data)) == data


@pytest.mark.parametrize("level", [1, 3, 19])
def test_a_base_makes_it_small(level: int) -> None:
    stream = b"".join(encode(Coding(ZSTD, level), cut(OTHER, 1 << 18), len(OTHER), TEXT))
    assert len(stream) < 1_000
    assert undone(ZSTD, [stream], len(OTHER), TEXT) == OTHER


@given(st.binary(min_size=8, max_size=4_000), st.binary(min_size=1, max_size=4_000), st.integers(0, 3_000))
@settings(max_examples=50)
def test_any_base_will_do(base: bytes, new: bytes, shared: int) -> None:
    data = base[:shared] + new + base[shared:]
    stream = b"".join(encode(Coding(ZSTD, 3), [data], len(data), base))
    assert undone(ZSTD, [stream], len(data), base) == data


def test_patches_by_zstd_are_offered_where_zstd_is() -> None:
    offered = decoders.available()
    assert (codecs.PATCH_ZSTD in offered) == (codecs.ZSTD in offered)


def test_without_libzstd_the_codec_is_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libzstd, "usable", lambda: False)
    decoders.available.cache_clear()
    try:
        assert decoders.available() == (codecs.PATCH_LZMA, codecs.PATCH_ZLIB, XZ, ZLIB, RAW)
    finally:
        decoders.available.cache_clear()


def test_a_library_that_crashes_costs_only_the_codec(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*arguments: object) -> None:
        os.abort()

    monkeypatch.setattr(libzstd, "ZstdDecoder", crash)
    assert libzstd.usable() is False


# --- what a host gets that nobody should send ------------------------------------------------------

PLAIN = TEXT[:500_000]
KEPT = b"kept " * 10_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(str(tmp_path / "store"), create=True) as opened:
        yield opened


@pytest.fixture
def made() -> Artifact:
    return artifact({"first": PLAIN, "second": b"small", "third": b"another"})


@pytest.fixture
def upload(store: Store, made: Artifact) -> Iterator[Upload]:
    opened = begin_upload(store, made)
    yield opened
    opened.close(done=False)


def whole(index: int, made: Artifact, upload: Upload) -> protocol.Segment:
    return protocol.Segment(index, 0, upload.contents[index].size)


def frame(codec: str, data: bytes) -> bytes:
    return b"".join(encode(Coding(codec, 0 if codec == RAW else 3), [data], len(data)))


def zeros(codec: str, count: int) -> bytes:
    """``count`` zeros, made in little memory."""
    pieces = (bytes(1 << 20) for _ in range(count >> 20))
    return b"".join(encode(Coding(codec, 1), pieces, count))


HOSTILE = {
    "nothing": lambda codec: b"",
    "garbage": lambda codec: b"\xff" * 1_000,
    "cut short": lambda codec: frame(codec, PLAIN)[:-100],
    "a bit changed": lambda codec: _changed(frame(codec, PLAIN)),
    "other bytes": lambda codec: frame(codec, PLAIN[::-1]),
    "one byte more": lambda codec: frame(codec, PLAIN + b"x"),
    "twice": lambda codec: frame(codec, PLAIN[:-1]) * 2,
    "a bomb": lambda codec: zeros(codec, 1 << 26) if codec != RAW else bytes(1 << 24),
}


def _changed(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@pytest.mark.parametrize("codec", [RAW, ZLIB, XZ, ZSTD])
@pytest.mark.parametrize("how", HOSTILE.keys())
def test_a_hostile_stream_costs_its_content_alone(
    how: str, codec: str, store: Store, made: Artifact, upload: Upload
) -> None:
    receiving = Receiving(upload, {})
    receiving.open(protocol.Open(codec, None, (whole(0, made, upload),)))
    for piece in cut(HOSTILE[how](codec), 100_000):
        receiving.put(piece)
    receiving.open(protocol.Open(RAW, None, (whole(1, made, upload), whole(2, made, upload))))
    receiving.put(b"smallanother")
    receiving.end()
    assert upload.received - {0} == {1, 2}
    if how == "one byte more":
        # All that was announced had come and was right before the byte too many.
        assert upload.received == {0, 1, 2}
    else:
        assert 0 in receiving.failures
        assert upload.offset(0) == 0
    assert not list(store.objects.refs())


@pytest.mark.parametrize("codec", [ZLIB, XZ, ZSTD])
def test_a_bomb_costs_no_memory(codec: str, tmp_path: Path) -> None:
    bomb = tmp_path / "bomb"
    bomb.write_bytes(zeros(codec, 1 << 28))
    script = (
        "import resource, sys\n"
        "from relstore.host.upload import decoders\n"
        "decoder = decoders.decoder(sys.argv[1], None, 1 << 20)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "longest = total = 0\n"
        "for piece in decoder.decode(open(sys.argv[2], 'rb').read()):\n"
        "    longest, total = max(longest, len(piece)), total + len(piece)\n"
        "grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before\n"
        "print(longest, total, grown)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, codec, str(bomb)], capture_output=True, text=True, check=True
    )
    longest, total, grown = map(int, ran.stdout.split())
    assert longest <= decoders.PIECE_BYTES
    assert total == 1 << 28
    assert grown * 1024 < 64 << 20, f"{grown} KiB"


def test_a_window_larger_than_need_be_is_refused() -> None:
    zstd = zstd_module()
    options = {zstd.CompressionParameter.window_log: 27, zstd.CompressionParameter.content_size_flag: 0}
    compressor = zstd.ZstdCompressor(options=options)
    stream = compressor.compress(TEXT) + compressor.flush()
    with pytest.raises(FormatError, match="zstd"):
        undone(ZSTD, [stream], len(TEXT))


@pytest.mark.parametrize(
    ("segments", "why"),
    [
        (((0, 0, 0),), "without bytes"),
        (((0, 0, -5),), "without bytes"),
        (((0, 9, 5),), "was sent at byte 9"),
        (((1, 0, 600_000),), "was sent at byte 0"),
    ],
)
def test_segments_that_cannot_be(
    segments: tuple[tuple[int, int, int], ...], why: str, upload: Upload
) -> None:
    receiving = Receiving(upload, {})
    receiving.open(protocol.Open(RAW, None, tuple(protocol.Segment(*one) for one in segments)))
    receiving.put(bytes(600_000))
    receiving.end()
    assert upload.received == set()
    assert why in receiving.failures[segments[0][0]]


@pytest.mark.parametrize("content", [-1, 3, 1 << 62])
def test_a_content_that_the_build_does_not_have(content: int, made: Artifact, upload: Upload) -> None:
    receiving = Receiving(upload, {})
    receiving.open(protocol.Open(RAW, None, (protocol.Segment(content, 0, 5),)))
    receiving.put(b"bytes")
    receiving.open(protocol.Open(RAW, None, (whole(2, made, upload),)))
    receiving.put(b"another")
    assert (upload.received, receiving.failures) == ({2}, {})


def test_bytes_before_any_stream_are_dropped(upload: Upload) -> None:
    receiving = Receiving(upload, {})
    receiving.put(b"bytes")
    receiving.end()
    assert upload.received == set()


# --- bases -------------------------------------------------------------------------------------------


@pytest.fixture
def base(store: Store) -> ObjectRef:
    build = push_build(store, {"previous": KEPT + PLAIN})
    (file,) = store.builds.manifest(build).files()
    return file.content


def delta(base: bytes) -> bytes:
    return b"".join(encode(Coding(ZSTD, 3), [PLAIN], len(PLAIN), base))


def test_a_content_on_a_base(base: ObjectRef, made: Artifact, upload: Upload) -> None:
    receiving = Receiving(upload, {base.blake3: base})
    receiving.open(protocol.Open(ZSTD, base.blake3, (whole(0, made, upload),)))
    receiving.put(delta(KEPT + PLAIN))
    receiving.end()
    assert (upload.received, receiving.failures) == ({0}, {})


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        ("rotten", "is damaged in the store"),
        ("gone", "is not in the store"),
        ("not offered", "was not offered"),
        ("another", "did not arrive as it was named"),
    ],
)
def test_a_base_that_is_not_what_it_was(
    spoil: str, why: str, tmp_path: Path, base: ObjectRef, made: Artifact, upload: Upload
) -> None:
    (place,) = (tmp_path / "store" / "objects").rglob(str(base.blake3) + "*")
    if spoil == "rotten":
        place.chmod(0o644)
        place.write_bytes((KEPT + PLAIN)[:-1] + b"?")
        place.chmod(0o444)
    if spoil == "gone":
        place.unlink()
    receiving = Receiving(upload, {} if spoil == "not offered" else {base.blake3: base})
    receiving.open(protocol.Open(ZSTD, base.blake3, (whole(0, made, upload),)))
    receiving.put(delta(PLAIN + KEPT if spoil == "another" else KEPT + PLAIN))
    receiving.end()
    assert upload.received == set()
    assert why in receiving.failures[0] or (spoil == "another" and "zstd" in receiving.failures[0])


@pytest.mark.parametrize("codec", [RAW, ZLIB, XZ])
def test_a_codec_that_takes_no_base(codec: str, base: ObjectRef, made: Artifact, upload: Upload) -> None:
    receiving = Receiving(upload, {base.blake3: base})
    receiving.open(protocol.Open(codec, base.blake3, (whole(0, made, upload),)))
    assert "takes no base" in receiving.failures[0]


@pytest.mark.parametrize("codec", ["", "lz4", "zstd ", "../zstd"])
def test_a_codec_that_nobody_knows(codec: str, made: Artifact, upload: Upload) -> None:
    receiving = Receiving(upload, {})
    receiving.open(protocol.Open(codec, None, (whole(0, made, upload),)))
    assert "cannot decode the codec" in receiving.failures[0]
