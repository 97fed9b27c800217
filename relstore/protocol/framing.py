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


class FrameDecoder:
    """Bytes in, frames out; holds at most one frame and what ``feed`` was given."""

    def __init__(self) -> None:
        self._buffer: bytes | bytearray = b""
        self._at = 0
        """How much of the buffer was taken."""
        self._head: tuple[bytes, int] | None = None
        """Kind and length of the frame whose payload comes next."""

    @property
    def is_empty(self) -> bool:
        """Whether the bytes so far end with a whole frame that was taken."""
        return self._head is None and not self._left

    @property
    def missing(self) -> int:
        """How many bytes to read next. They all belong to the next frame, so that a reader that blocks never
        waits for bytes that the other side has no reason to send."""
        return (HEADER_BYTES if self._head is None else self._head[1]) - self._left

    @property
    def _left(self) -> int:
        return len(self._buffer) - self._at

    def feed(self, data: bytes) -> None:
        if not self._left:
            # Kept as it is: whoever reads what is missing has no payload copied.
            self._buffer, self._at = data, 0
            return
        if isinstance(self._buffer, bytes):
            self._buffer = bytearray(self._buffer)
        del self._buffer[: self._at]
        self._at = 0
        self._buffer += data

    def next(self) -> Frame | None:
        """The next whole frame, or None when more bytes are needed. Raises ProtocolError."""
        if self._head is None:
            if self._left < HEADER_BYTES:
                return None
            self._head = parse_header(self._take(HEADER_BYTES))
        kind, length = self._head
        if self._left < length:
            return None
        self._head = None
        return Frame(kind, self._take(length))

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[self._at : self._at + count])
        self._at += count
        if not self._left:
            self._buffer, self._at = b"", 0  # what was taken is not held here as well
        return taken
