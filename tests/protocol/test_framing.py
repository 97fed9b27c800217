"""Frames: bytes in any pieces give the same frames, and nothing longer or odder is taken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relstore.errors import ProtocolError
from relstore.protocol import framing
from relstore.protocol.framing import DATA, MAX_FRAME_BYTES, MESSAGE, Frame, FrameDecoder

FRAMES = st.lists(st.builds(Frame, st.sampled_from([MESSAGE, DATA]), st.binary(max_size=300)), max_size=8)


@given(FRAMES, st.lists(st.integers(1, 64), min_size=1, max_size=20))
def test_frames_do_not_depend_on_how_bytes_arrive(frames: list[Frame], sizes: list[int]) -> None:
    raw = b"".join(framing.encode(*frame) for frame in frames)
    decoder, found, at, turn = FrameDecoder(), [], 0, 0
    while at < len(raw):
        size = sizes[turn % len(sizes)]
        decoder.feed(raw[at : at + size])
        at, turn = at + size, turn + 1
        while (frame := decoder.next()) is not None:
            found.append(frame)
    assert found == frames


def test_the_bytes_of_a_frame() -> None:
    assert framing.encode(MESSAGE, b"abc") == b"M\x00\x00\x00\x03abc"
    assert framing.encode(DATA, b"") == b"D\x00\x00\x00\x00"


@pytest.mark.parametrize(
    ("header", "what"),
    [
        (b"X\x00\x00\x00\x00", "unknown kind b'X'"),
        (b"m\x00\x00\x00\x00", "unknown kind b'm'"),
        (b"\x00\x00\x00\x00\x00", "unknown kind"),
        (b"HTTP/", "unknown kind b'H'"),
        (b"M\x00\x10\x00\x01", "a frame of 1048577 bytes"),
        (b"D\xff\xff\xff\xff", "a frame of 4294967295 bytes"),
    ],
)
def test_what_is_no_frame_is_refused_by_its_head_alone(header: bytes, what: str) -> None:
    decoder = FrameDecoder()
    decoder.feed(header)
    with pytest.raises(ProtocolError, match=what):
        decoder.next()


def test_the_longest_frame_and_one_byte_more() -> None:
    raw = framing.encode(DATA, b"\0" * MAX_FRAME_BYTES)
    decoder = FrameDecoder()
    decoder.feed(raw)
    assert decoder.next() == Frame(DATA, b"\0" * MAX_FRAME_BYTES)
    with pytest.raises(ProtocolError, match="at most 1048576"):
        framing.encode(DATA, b"\0" * (MAX_FRAME_BYTES + 1))


def test_half_a_frame_is_none_yet() -> None:
    decoder = FrameDecoder()
    for byte in framing.encode(MESSAGE, b"ab")[:-1]:
        decoder.feed(bytes([byte]))
        assert decoder.next() is None
