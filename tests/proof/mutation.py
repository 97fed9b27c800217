"""Corrupts valid bytes as an attacker would: flipped bits, missing or repeated parts, unexpected values."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from relstore.formats import pack
from relstore.protocol import framing

Path = tuple[int | str, ...]
"""The path to a value in nested lists and dicts."""

ESCAPES = "\x1b]0;owned\x07\x1b[2J\r\u202eevil\x9b31m"
"""Sets a terminal's title, clears the screen, and reverses the writing direction."""

VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 2**31, 2**63, 2**64 - 1, "", "..", "../../etc/passwd", "/etc/passwd", "a\0b", "a\nb",
    ESCAPES, "x" * 60_000, "-oProxyCommand=touch owned", b"", b"\xff" * 60_000, [], {}, {"a": 1},
    [0] * 1000, [[[[[[[[]]]]]]]],
)  # fmt: skip

_MARKERS = (b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff", b"\x91" * 2000, b"\xc1",
            b"9" * 5000, b"[" * 5000)  # fmt: skip
"""msgpack's longest array, map and text, deep nesting, the unused byte; a long number and deep nesting in text."""


def bent(data: bytes, chance: random.Random) -> bytes:
    """``data`` with one to three errors."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        at = chance.randint(0, len(changed))
        some = chance.randint(1, 9)
        match chance.randint(0, 7):
            case 0 if at < len(changed):
                changed[at] ^= 1 << chance.randint(0, 7)
            case 1 if at < len(changed):
                changed[at] = chance.choice((0, 0x7F, 0x80, 0xFF))
            case 2:
                del changed[at : at + some]
            case 3:
                changed[at:at] = changed[at : at + some * 8]
            case 4:
                changed[at:at] = chance.randbytes(some)
            case 5:
                del changed[at:]
            case 6:
                changed[at : at + 4] = b"\xff" * 4
            case _:
                changed[at:at] = chance.choice(_MARKERS)
    return bytes(changed)


def places(value: Any, above: Path = ()) -> Iterator[Path]:
    """The paths to ``value`` and to everything in it."""
    yield above
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, (*above, index))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*above, key))


def replaced(value: Any, place: Path, new: Any) -> Any:
    """``value`` with ``new`` at ``place``."""
    if not place:
        return new
    copy = value.copy()
    copy[place[0]] = replaced(value[place[0]], place[1:], new)
    return copy


def edited(frames: Sequence[framing.Frame], index: int, edit: Callable[[Any], Any]) -> bytes:
    """The frames as bytes, with the message at ``index`` changed."""
    return b"".join(
        encoded(kind, pack.encode(edit(pack.decode(payload, what="message", limit=len(payload)))))
        if number == index
        else encoded(kind, payload)
        for number, (kind, payload) in enumerate(frames)
    )


def encoded(kind: bytes, payload: bytes) -> bytes:
    """A frame of any length."""
    return kind + len(payload).to_bytes(4, "big") + payload


def split(data: bytes) -> list[framing.Frame]:
    """The whole frames in ``data``."""
    decoder = framing.FrameDecoder()
    decoder.feed(data)
    return list(iter(decoder.next, None))
