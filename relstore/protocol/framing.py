"""Frames: how messages and bulk bytes share one byte stream. Pure; no I/O.

A frame is one byte of kind, four of length (big-endian), and that many bytes. ``M`` holds one
message in canonical msgpack, ``D`` raw bytes of the body that the message before announced. Both
sides refuse longer frames than ``MAX_FRAME_BYTES`` before reading them. Not for what messages say
(``messages``).
"""

from __future__ import annotations

from typing import NamedTuple

from relstore.errors import ProtocolError

MESSAGE = b"M"
DATA = b"D"
HEADER_BYTES = 5
MAX_FRAME_BYTES = 1024 * 1024
DATA_BYTES = 256 * 1024
"""How much of a body goes into one frame."""


class Frame(NamedTuple):
    kind: bytes
    payload: bytes


def encode(kind: bytes, payload: bytes) -> bytes:
    """One frame. Raises ProtocolError when the payload is too long for one."""
    if len(payload) > MAX_FRAME_BYTES:
        raise ProtocolError(f"a frame of {len(payload)} bytes; at most {MAX_FRAME_BYTES}")
    return kind + len(payload).to_bytes(4, "big") + payload


def parse_header(header: bytes) -> tuple[bytes, int]:
    """(kind, length) of the frame that begins with these 5 bytes. Raises ProtocolError."""
    kind = header[:1]
    length = int.from_bytes(header[1:HEADER_BYTES], "big")
    if kind not in (MESSAGE, DATA):
        raise ProtocolError(f"a frame of the unknown kind {kind!r}")
    if length > MAX_FRAME_BYTES:
        raise ProtocolError(f"a frame of {length} bytes; at most {MAX_FRAME_BYTES}")
    return kind, length


class Decoder:
    """Bytes in, frames out; holds at most one frame and what ``feed`` was given."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def next(self) -> Frame | None:
        """The next whole frame, or None when more bytes are needed. Raises ProtocolError."""
        if len(self._buffer) < HEADER_BYTES:
            return None
        kind, length = parse_header(bytes(self._buffer[:HEADER_BYTES]))
        end = HEADER_BYTES + length
        if len(self._buffer) < end:
            return None
        payload = bytes(self._buffer[HEADER_BYTES:end])
        del self._buffer[:end]
        return Frame(kind, payload)
